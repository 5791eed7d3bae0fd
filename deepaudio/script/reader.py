"""One entry for every script format."""

import os
import re
from collections.abc import Collection
from pathlib import Path

from deepaudio.errors import InputError
from deepaudio.script import check, clean, plain, subtitles, table, ttml
from deepaudio.script.cue import MAX_BYTES, MAX_LINES, Parsed, Script

FORMATS = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".srt": "srt",
    ".vtt": "vtt",
    ".ass": "ass",
    ".ssa": "ass",
    ".ttml": "ttml",
    ".dfxp": "ttml",
    ".xml": "ttml",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".lst": "lst",
}
_OTHERS = {
    "MicroDVD, which counts frames": re.compile(r"\{\d+\}\{\d*\}"),
    "SAMI": re.compile(r"<sami\b", re.IGNORECASE),
    "RTF": re.compile(r"\{\\rtf"),
}


def read(
    source: str | os.PathLike,
    *,
    format: str | None = None,
    encoding: str | None = None,
    speakers: Collection[str] = (),
    duration: float | None = None,
    clamp: bool = False,
    speak_sdh: bool = False,
    allow_empty: bool = False,
) -> Script:
    """Read a script from a file, or from the text itself if `source` is a str that names no file.

    `format` is one of text, srt, vtt, ass, ttml, csv, json, lst, else taken from the name and the content. `speakers` are the
    known voices: they decide what counts as a name in plain text (see `speakers.check_speakers` for the check).
    With `duration`, the length of the clip in seconds, cues beyond it are an error, or shortened with `clamp`.
    """
    found = _content(source, encoding)
    kind = format or _kind(source, found.text)
    lines, skipped, warnings = _parse(kind, found.text, speakers, speak_sdh)
    warnings = [*found.warnings, *warnings]
    if len(lines) > MAX_LINES:
        message = f"the script has {len(lines)} lines; at most {MAX_LINES}"
        raise InputError("script.limits", message, "split it into several scripts")
    lines = check.in_order(lines, warnings)
    if duration is not None:
        lines = check.inside_clip(lines, duration, clamp, warnings, skipped)
    lines = check.without_overlaps(lines, warnings)
    if not lines and not allow_empty:
        reasons = f" ({len(skipped)} items are not spoken)" if skipped else ""
        raise InputError("script.empty", f"no lines to speak in the script{reasons}")
    return Script(tuple(lines), found.encoding, tuple(skipped), tuple(warnings), kind)


def _parse(kind: str, text: str, speakers, speak_sdh: bool) -> Parsed:
    options = {"known": speakers, "speak_sdh": speak_sdh}
    parsers = {
        "text": plain.parse,
        "srt": subtitles.parse_srt,
        "vtt": subtitles.parse_vtt,
        "ass": subtitles.parse_ass,
        "ttml": ttml.parse_ttml,
        "csv": table.parse_csv,
        "json": table.parse_json,
        "lst": table.parse_lst,
    }
    if kind not in parsers:
        raise InputError("script.format", f"no script format {kind!r}; one of {', '.join(parsers)}")
    return parsers[kind](text, **options)


def _content(source: str | os.PathLike, encoding: str | None) -> clean.Decoded:
    if isinstance(source, str) and not _names_file(source):
        return clean.normalised(source, "text")
    place = Path(source)
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in os.fspath(place))
    try:
        if not place.is_file():
            kind = "is a directory" if place.is_dir() else "no such file"
            raise InputError(
                "script.missing", f"script: {kind}: {shown}", "check the path", path=shown
            )
        with place.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            "script.unreadable", f"script {shown}: {error.strerror}", path=shown
        ) from error
    except ValueError as error:
        raise InputError("script.missing", f"script: not a file name: {shown}") from error
    return clean.decode(content, encoding)


def _names_file(source: str) -> bool:
    if "\n" in source or len(source) > 4096 or "\0" in source:
        return False
    if os.path.splitext(source)[1].lower() in FORMATS and " " not in source.strip():
        return True
    return os.path.lexists(source)


def _kind(source: str | os.PathLike, text: str) -> str:
    """By content where the content is unmistakable, else by the name."""
    start = text[:2000].lstrip()
    if start.startswith("WEBVTT"):
        return "vtt"
    if start.startswith("[Script Info]"):
        return "ass"
    named = isinstance(source, os.PathLike) or _names_file(source)
    if named and (kind := FORMATS.get(os.path.splitext(os.fspath(source))[1].lower())):
        return kind
    if start.startswith("<") and "<tt" in start:
        return "ttml"
    if start.startswith("{") and '"lines"' in start:
        return "json"
    if "-->" in text[:5000]:
        return "srt"
    for name, pattern in _OTHERS.items():
        if pattern.match(start):
            message = f"the script looks like {name}, which is not read"
            raise InputError("script.format", message, "convert it to SRT or plain text")
    return "text"
