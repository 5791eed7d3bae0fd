"""Songs in subtitles: notes or number signs around them, over several rows or cues, or at one end only."""

import re
from collections.abc import Sequence

NOTES = "♪♫♬♩🎵🎶𝄞"
_NOTE = re.compile(f"[{NOTES}]")
_HASH_OPEN = re.compile(r"#(?=\s)|#(?=[^\W\d])(?=[^#]*#\s*$)")
_HASH_CLOSE = re.compile(r"(?<=\s)#\s*$|(?<=[\w.,!?'\"])#\s*$")
_TURN = re.compile(r"\s*(?:[-–—]\s?\S|>>|[A-Z][A-Z .'-]{1,30}:)")
MAX_CUES, MAX_GAP = 6, 4.0
"""A song that runs on over cues without marks: at most so many cues, and seconds between them."""


def marks(text: str, hashes: bool) -> str:
    """The text with the number signs of songs written as notes (`# La la #`); "#5" and "#hashtag" stay."""
    if not hashes or "#" not in text:
        return text
    rows = []
    for row in text.split("\n"):
        lead = re.match(r"\s*(?:[-–—]\s?)?", row).end()
        opened = _HASH_OPEN.match(row, lead)
        row = row[:lead] + "♪" + row[opened.end() :] if opened else row
        rows.append(_HASH_CLOSE.sub("♪", row))
    made = "\n".join(rows)
    return made if made.count("♪") > 1 or re.search(r"(?m)^\s*♪\s|\s♪\s*$", made) else text


def split(text: str) -> tuple[str, list[str]]:
    """What is spoken of a text and the songs in it.

    A song runs from a note to the next one, else to the end of its speaker's rows; with one note behind it, from their
    beginning.
    """
    if not _NOTE.search(text):
        return text, []
    spoken, songs = [], []
    for block in _blocks(text):
        rest, found = _of_block(block)
        songs += found
        if rest.strip():
            spoken.append(rest)
    return "\n".join(spoken), songs


def _blocks(text: str) -> list[str]:
    """Rows of one speaker each: a dash, a name or a chevron begins another."""
    blocks: list[list[str]] = []
    for row in text.split("\n"):
        if not blocks or _TURN.match(row):
            blocks.append([])
        blocks[-1].append(row)
    return ["\n".join(block) for block in blocks]


def _of_block(block: str) -> tuple[str, list[str]]:
    pieces = re.split(f"[{NOTES}]+", block)
    notes = len(pieces) - 1
    if notes == 0:
        return block, []
    if notes == 1:
        before, after = pieces
        name = re.match(r"\s*(?:[-–—]\s?)?(?:\w[\w .'-]{0,30}:\s*)?$", before)
        if name or not after.strip(" \n.,!?\"'"):  # opens here, or closes here
            song = after if name and after.strip() else before
            return ("", [_marked(song)]) if song.strip(" \n-–—") else ("", [_marked(block)])
        end = after.find("\n")
        song, rest = (after, "") if end < 0 else (after[:end], after[end:])
        return f"{before} {rest}", [_marked(song)]
    spoken = [pieces[0] if re.search(r"\w", pieces[0]) else ""]
    songs = []
    for number, piece in enumerate(pieces[1:], 1):
        inside = number % 2 == 1
        if inside or (number == notes and not re.search(r"\w", piece)):
            if re.search(r"\w", piece):
                songs.append(_marked(piece))
        else:
            spoken.append(piece)
    return " ".join(spoken), songs or [_marked(block)]


def _marked(song: str) -> str:
    return " ".join(["♪", *re.sub(f"[{NOTES}]", " ", song).split(), "♪"])


def running(texts: Sequence[str], times: Sequence[tuple[float, float]]) -> list[bool]:
    """For every cue whether it lies inside a song that an earlier cue opens and a later one closes."""
    inside = [False] * len(texts)
    opened: int | None = None
    for number, text in enumerate(texts):
        found = _NOTE.findall(text)
        if opened is not None:
            apart = times[number][0] - times[number - 1][1] > MAX_GAP
            if apart or number - opened > MAX_CUES or (found and _NOTE.match(text.strip())):
                opened = None
            elif found and len(found) == 1 and _NOTE.search(text.strip()[-1:]):
                for between in range(opened + 1, number):
                    inside[between] = True
                opened = None
        if opened is None and len(found) == 1 and _NOTE.match(text.strip()):
            opened = number
    return inside
