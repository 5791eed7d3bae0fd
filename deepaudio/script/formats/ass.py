"""ASS and SSA through pysubs2: dialogue without its tags; drawings, comments, songs and on-screen signs are left out."""

import re
import warnings

from deepaudio.errors import InputError
from deepaudio.script.cue import MAX_LINES, Parsed, Skipped
from deepaudio.script.formats import Format
from deepaudio.script.formats.rows import Cue
from deepaudio.script.formats.subtitles import spoken_lines

NEAR = 0.15
"""Seconds between two events of which the second shows the same text, moved."""
_PLACED = re.compile(r"\\(?:pos|move|org)\s*\(")
_SIGN_STYLE = re.compile(
    r"(?i)(?:^|[\W_])(?:signs?|typeset\w*|ts|titles?|notes?|credits?|caption|text on screen|eyecatch)(?:$|[\W_\d])"
)
_SONG_STYLE = re.compile(
    r"(?i)(?:^|[\W_])(?:op|ed|opening|ending|song\w*|karaoke|kara|lyrics?|insert|romaji|kanji)(?:$|[\W_\d])"
)
_SHORT = 0.2


def parse_ass(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """Lines of an ASS or SSA file. What is left out is listed, a sign once however many events draw it."""
    # pysubs2 is slow to import
    import pysubs2

    rows = [
        n for n, row in enumerate(text.split("\n"), 1) if re.match(r"(?:Dialogue|Comment):", row)
    ]
    if len(rows) > MAX_LINES:
        message = f"the script has {len(rows)} cues; at most {MAX_LINES}"
        raise InputError("script.limits", message, "split it into several scripts")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of fields that are not used here
            file = pysubs2.SSAFile.from_string(text, format_="ass")
    except (pysubs2.Pysubs2Error, ValueError, KeyError, IndexError, UnicodeError) as error:
        raise InputError("script.ass", f"not a valid ASS file: {error}") from error
    skipped: list[Skipped] = []
    cues: list[Cue] = []
    placed: list[bool] = []
    for number, event in enumerate(file.events, 1):
        row = rows[number - 1] if len(rows) == len(file.events) else 0
        if event.is_comment or event.is_drawing:
            reason = "comment" if event.is_comment else "drawing"
            skipped.append(Skipped(row, event.text[:200], reason))
            continue
        plain = event.plaintext.replace("\u00a0", " ")
        if _SONG_STYLE.search(event.style) and not speak_sdh:
            skipped.append(Skipped(row, " ".join(plain.split())[:200], "lyrics"))
            continue
        speaker = event.name.strip() or None
        cues.append(Cue(row, str(number), event.start / 1000, event.end / 1000, speaker, plain))
        placed.append(bool(_PLACED.search(event.text)))
    signs = _signs(cues, placed, {cue.row: file.events[int(cue.id) - 1].style for cue in cues})
    spoken = [cue for cue, group in zip(cues, signs, strict=True) if group is None]
    spoken += _listed(cues, signs, skipped, speak_sdh)
    spoken.sort(key=lambda cue: int(cue.id))
    lines, left_out, words = spoken_lines(spoken, known, speak_sdh)
    return Parsed(lines, skipped + left_out, words)


def _signs(cues: list[Cue], placed: list[bool], styles: dict[int, str]) -> list[int | None]:
    """For every event the number of the sign that it draws, None for dialogue.

    A sign is text at a place of its own: in a style for signs, drawn again and again, or for a moment only.
    """
    groups: list[int | None] = [None] * len(cues)
    latest: dict[str, int] = {}
    for n, cue in enumerate(cues):
        key = " ".join(cue.text.split()).casefold()
        before = latest.get(key)
        again = before is not None and -NEAR <= cue.start - cues[before].end <= NEAR
        if again and placed[n] and placed[before]:
            groups[before] = groups[n] = groups[before] if groups[before] is not None else before
        elif placed[n] or _SIGN_STYLE.search(styles.get(cue.row, "")):
            style = _SIGN_STYLE.search(styles.get(cue.row, ""))
            moment = placed[n] and cue.end - cue.start < _SHORT
            if style or moment:
                groups[n] = groups[before] if again and groups[before] is not None else n
        latest[key] = n
    return groups


def _listed(
    cues: list[Cue], signs: list[int | None], skipped: list[Skipped], speak: bool
) -> list[Cue]:
    """Signs in the list of what is left out, each once; with `speak` as one cue over all its events instead."""
    made: list[Cue] = []
    for number in sorted({group for group in signs if group is not None}):
        events = [cue for cue, group in zip(cues, signs, strict=True) if group == number]
        first, count = events[0], len(events)
        if speak:
            made.append(first._replace(end=max(cue.end for cue in events)))
            continue
        reason = "on-screen sign" + (f", drawn {count} times" if count > 1 else "")
        skipped.append(Skipped(first.row, " ".join(first.text.split())[:200], reason))
    return made


FORMATS = {"ass": Format("ASS subtitles", (".ass", ".ssa"), parse_ass)}
