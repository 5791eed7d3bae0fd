"""Subtitles of a dub: SubRip and WebVTT with the times at which the lines are spoken."""

from collections.abc import Sequence

from deepaudio.errors import UsageError
from deepaudio.script.cue import Line

SUFFIXES = (".srt", ".vtt")
SHORTEST = 0.001  # seconds


def to_subtitles(lines: Sequence[Line], suffix: str) -> str:
    """Cues in order of time; lines without times are left out, as nobody knows when they are heard.

    The speaker is a voice tag in WebVTT; in SubRip, where players show every letter, it is left out.
    """
    timed = sorted((line for line in lines if line.start is not None), key=lambda line: line.start)
    mark = "," if suffix == ".srt" else "."
    cues = []
    for number, line in enumerate(timed, 1):
        end = max(line.end if line.end is not None else line.start, line.start + SHORTEST)
        times = f"{_clock(line.start, mark)} --> {_clock(end, mark)}"
        text = _rows(line.text)
        if suffix == ".vtt":
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            text = f"<v {_name(line.speaker)}>{text}</v>" if line.speaker else text
        cues.append(f"{number}\n{times}\n{text}\n")
    head = "WEBVTT\n\n" if suffix == ".vtt" else ""
    return head + "\n".join(cues)


def check_suffix(suffix: str) -> str:
    """`.srt` or `.vtt`; UsageError for another ending."""
    if suffix.lower() not in SUFFIXES:
        message = f"no subtitles end in '{suffix}'"
        raise UsageError("subtitles.format", message, f"end the name with {' or '.join(SUFFIXES)}")
    return suffix.lower()


def _rows(text: str) -> str:
    """No empty row, which would end the cue, and no arrow, which would be taken for times."""
    rows = [row.strip() for row in text.replace("-->", "\u2192").splitlines()]
    return "\n".join(row for row in rows if row)


def _name(speaker: str) -> str:
    return "".join(c for c in speaker if c not in "<>&\n\r")


def _clock(seconds: float, mark: str) -> str:
    total = round(seconds * 1000)
    return (
        f"{total // 3_600_000:02d}:{total // 60_000 % 60:02d}:"
        f"{total // 1000 % 60:02d}{mark}{total % 1000:03d}"
    )
