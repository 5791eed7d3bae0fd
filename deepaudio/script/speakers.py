"""Who speaks: names in front of the text, and names that nobody knows."""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable

from deepaudio.errors import InputError
from deepaudio.script.cue import Script

_NAME = r"[^\W\d_][\w .'’\-]{0,31}"
_COLON = re.compile(rf"({_NAME}):(?:\s+|$)(.*)", re.DOTALL)
_ASIDE = re.compile(rf"({_NAME}?)\s*[(\[]([^()\[\]\n]{{1,40}})[)\]]\s*[:：](?:\s|$)")
_BRACKET = re.compile(rf"\[({_NAME})\]:?\s+(.+)", re.DOTALL)


def split_name(text: str) -> tuple[str | None, str]:
    """(`MARA`, `text`) of `MARA: text` or `[MARA] text`, if its beginning has the form of a name."""
    for pattern in (_BRACKET, _COLON):
        match = pattern.fullmatch(text.strip())
        if (
            match
            and len(match[1].split()) <= 3
            and all(w[0].isupper() or w[0].isdigit() for w in match[1].split())
        ):
            return match[1].strip(), match[2].strip()
    return None, text


def without_mood(row: str) -> tuple[str, str | None]:
    """(`MARA: text`, `angry`) of `MARA (angry): text`, where a row begins like that."""
    found = _ASIDE.match(row)
    if found is None:
        return row, None
    return f"{found[1]}: {row[found.end() :].strip()}", " ".join(found[2].split()).casefold()


def accepted_names(texts: Iterable[str], known: Collection[str] = ()) -> set[str]:
    """The names of `split_name` that are meant: known or nearly known, in capitals, or used more than once.

    A single `Note: ...` or `Warning: ...` is text to be spoken, not a speaker.
    """
    counts = Counter(name for name, _ in map(split_name, texts) if name)
    accepted = set()
    for name, count in counts.items():
        nearly = nearest(name, known) is not None
        if name.isupper() or nearly or (count > 1 and not known):
            accepted.add(name)
    return accepted


def nearest(name: str, known: Collection[str], cutoff: float = 0.7) -> str | None:
    """The known name most like `name`, whatever its case."""
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), 1, cutoff)
    return folded[close[0]] if close else None


def check_speakers(script: Script, known: Collection[str]) -> dict[str, str]:
    """Map of each speaker of the script to the known name it means (case aside).

    InputError for a speaker that is not known, with the nearest known one, or for known names that differ only in case.
    """
    folded: dict[str, str] = {}
    for name in known:
        if name.casefold() in folded and folded[name.casefold()] != name:
            message = f"the voices {folded[name.casefold()]!r} and {name!r} differ only in case"
            raise InputError("voices.duplicate", message, "rename one of them")
        folded[name.casefold()] = name
    for line in script.lines:
        if line.speaker and line.speaker.casefold() not in folded:
            close = nearest(line.speaker, known, 0.5)
            guess = f"did you mean {close!r}? " if close else ""
            listed = ", ".join(sorted(known)) or "none"
            message = f"no voice for speaker {line.speaker!r}"
            raise line.error("script.unknown_speaker", message, f"{guess}known voices: {listed}")
    return {name: folded[name.casefold()] for name in script.speakers}


def speakers_of(cast: Collection[str]) -> list[str]:
    """The names of the speakers in a cast, without "" (the voice of `--ref`) and without moods."""
    return [name for name in cast if name and not base_of(name, cast)]


def base_of(name: str, cast: Collection[str]) -> str | None:
    """MARA, where `name` is MARA.angry."""
    base, dot, _ = name.rpartition(".")
    return base if dot and base in cast else None


def voice_name(speaker: str | None, mood: str | None, cast: Collection[str]) -> str:
    """The name in the cast of the voice that says a line, case aside; lines that name nobody are for "" or for the first speaker."""
    plain = speakers_of(cast)
    if not speaker or not plain:
        return "" if "" in cast else plain[0]
    name = next(known for known in plain if known.casefold() == speaker.casefold())
    return f"{name}.{mood}" if f"{name}.{mood}" in cast else name
