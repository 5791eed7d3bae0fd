"""What a script file is, by its content; the name only decides where the content could be several things."""

import re

from deepaudio.errors import InputError
from deepaudio.script.formats import by_suffix, formats
from deepaudio.script.formats.table import COLUMNS
from deepaudio.script.formats.timerows import broken, plain, times_of, words_behind

_KINDS = ("text", "srt", "vtt", "ass", "ttml", "csv", "json", "lst")  # known by their content
_OTHERS = {
    "MicroDVD, which counts frames": re.compile(r"\{\d+\}\{\d*\}"),
    "MPL2": re.compile(r"\[\d+\]\[\d*\]"),
    "TMPlayer": re.compile(r"\d{1,2}:\d{2}:\d{2}[:=](?!\d)\S"),
    "SAMI": re.compile(r"<sami\b", re.IGNORECASE),
    "RTF": re.compile(r"\{\\rtf"),
    "SubViewer": re.compile(r"\[INFORMATION\]", re.IGNORECASE),
    "a web page": re.compile(r"<(?:!doctype html|html)\b", re.IGNORECASE),
    "Scenarist closed captions": re.compile(r"Scenarist_SCC"),
    "EBU STL": re.compile(r"\d{3}STL\d{2}\.\d{2}"),
}
_HEAD = 2000
_ROWS = 400  # in which the first row of times must stand
_ASS = re.compile(
    r"(?im)\A\s*\[(?:script info|v4\+? styles|events)\]|^Dialogue: *\d+,\d+:\d\d:\d\d\.\d\d,"
)
_TABLES = ("csv", "lst", "json")


def kind_of(text: str, suffix: str | None) -> tuple[str, str | None]:
    """(format, note) of a script whose name ends in `suffix`, None for a text without a name.

    The note says where the content is not what the name says. Raises InputError for a known format that is not read.
    """
    named = by_suffix().get(suffix.lower()) if suffix is not None else None
    if named is not None and named not in _KINDS:
        return named, None
    found = _unmistakable(text, named)
    if found is None:
        kind = named or "text"
        if kind in ("srt", "vtt", "ass", "ttml") and text.strip():
            raise _is_none(kind, suffix)
        if kind == "json" and text.strip() and text.lstrip()[0] not in "{[":
            raise _is_none(kind, suffix)
        return kind, None
    if named is None or named == found:
        return found, None
    said, seen = formats()[named].title, formats()[found].title
    return found, f"the name says {said}, the content is {seen} and is read as such"


def _unmistakable(text: str, named: str | None) -> str | None:
    start = text[:_HEAD].lstrip()
    if re.match(r"WEBVTT(?:[ \t]|$)", start, re.MULTILINE):
        return "vtt"
    if _ASS.search(text[: 10 * _HEAD]):
        return "ass"
    if start.startswith("<") and re.search(r"<(?:\w+:)?tt\b", start):
        return "ttml"
    for name, pattern in _OTHERS.items():
        if pattern.match(start):
            message = f"the script looks like {name}, which is not read"
            raise InputError("script.format", message, "convert it to SRT or plain text")
    if named in _TABLES and not (named == "csv" and _has_times(text)):
        return named if named != "json" or start[:1] in ("{", "[") else _srt(text)
    if (start.startswith("{") and '"lines"' in text) or re.match(r'\[\s*\{\s*"', start):
        return "json"
    if _is_transcript(text):
        return "text"
    if named is None and "-->" in text[:5000]:
        return "srt"
    return _srt(text) or ("csv" if named == "text" and _is_table(start) else None)


def _srt(text: str) -> str | None:
    return "srt" if _has_times(text) else None


def _has_times(text: str) -> bool:
    return any(times_of(row) or ("-->" in row and broken(row)) for row in _head(text))


def _is_transcript(text: str) -> bool:
    """Whether the first row of times is `[start --> end] words`: that is a row of plain text."""
    found = ((row, times) for row in _head(text) if (times := times_of(row)))
    row, times = next(found, ("", None))
    return plain(row).startswith("[") and bool(words_behind(times))


def _head(text: str) -> list[str]:
    return text.split("\n", _ROWS)[:_ROWS]


def _is_table(start: str) -> bool:
    """Whether the first row names columns of a table, `text` and at least one more."""
    first = start.partition("\n")[0].strip().lower()
    for delimiter in ",\t;|":
        cells = [cell.strip().strip('"') for cell in first.split(delimiter)]
        if len(cells) > 1 and "text" in cells and set(cells) <= set(COLUMNS):
            return True
    return False


def _is_none(kind: str, suffix: str) -> InputError:
    what = {
        "srt": "a row of times (00:00:01,500 --> 00:00:03,000)",
        "vtt": "the header WEBVTT",
        "ass": "the section [Script Info]",
        "ttml": "a tt element",
        "json": "an object or a list",
    }[kind]
    title = formats()[kind].title.removeprefix("a ")
    message = f"the script is named {suffix} but is no {title}: {what} is missing"
    hint = "name it .txt if it is plain text, one utterance a line"
    return InputError("script.format", message, hint)
