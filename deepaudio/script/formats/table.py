"""Scripts as tables: CSV and TSV, JSON, and the paper's six-column .lst."""

import csv
import io
import json
import math
import re
from typing import NamedTuple

from deepaudio.errors import BACKSLASHES, InputError
from deepaudio.script import clean
from deepaudio.script.cue import MAX_CHARS_PER_LINE, MAX_LINES, Line, Parsed, Skipped
from deepaudio.script.formats import Format
from deepaudio.script.formats.times import parse_clock

SCHEMA = 1
MAX_DEPTH = 16
COLUMNS = (
    "id",
    "start",
    "end",
    "speaker",
    "text",
    "language",
    "speed",
    "dub",
    "mood",
)
_DELIMITERS = (",", "\t", ";", "|")
_TRUE, _FALSE = ("true", "yes", "1", ""), ("false", "no", "0")


class LstRow(NamedTuple):
    """One row of the paper's lists: the reference voice and clip, and the clip to dub."""

    reference_audio: str
    reference_video: str
    reference_text: str
    target_audio: str
    target_video: str
    target_text: str


def parse_csv(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """Rows under a header with at least `text`; other columns as in COLUMNS, separated by comma, tab, semicolon or bar."""
    first = text.partition("\n")[0]
    delimiter = _delimiter(first)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[Line] = []
    skipped: list[Skipped] = []
    header: list[str] = []
    row = 0
    try:
        for cells in rows:
            row, previous = rows.line_num, row
            if not header:
                header = _header([cell.strip().lower() for cell in cells])
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                message = f"row at line {previous + 1} has {len(cells)} cells; the header has {len(header)}"
                raise InputError("script.csv", message, line=previous + 1)
            if len(lines) > MAX_LINES:
                raise InputError("script.limits", f"more than {MAX_LINES} rows")
            values = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            _add(values, previous + 1, len(lines) + len(skipped) + 1, speak_sdh, lines, skipped)
    except csv.Error as error:
        message = f"line {rows.line_num}: {error}"
        raise InputError("script.csv", message, line=rows.line_num) from error
    unknown = [name for name in header if name not in COLUMNS]
    warnings = [f"columns not used: {', '.join(unknown)}"] if unknown else []
    return Parsed(lines, skipped, warnings)


def parse_json(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """`{"schema": 1, "lines": [{"text": ..., "start": ...}, ...]}` as `emit` writes it; without `schema`, or only the list, as people write it."""
    document = load_json(text)
    rows, pointer = document, ""
    if isinstance(document, dict):
        version = document.get("schema", SCHEMA)
        if version != SCHEMA or isinstance(version, bool):
            message = f"/schema: is {version!r}; this version reads {SCHEMA}"
            raise InputError("script.json", message, pointer="/schema")
        rows, pointer = document.get("lines"), "/lines"
    if not isinstance(rows, list):
        raise InputError(
            "script.json", f"{pointer or '/'}: a list of lines is needed", pointer=pointer
        )
    if len(rows) > MAX_LINES:
        raise InputError("script.limits", f"{len(rows)} lines; at most {MAX_LINES}")
    lines: list[Line] = []
    skipped: list[Skipped] = []
    warnings: set[str] = set()
    for number, fields in enumerate(rows):
        place = f"{pointer}/{number}"
        if not isinstance(fields, dict):
            raise InputError("script.json", f"{place}: an object is needed", pointer=place)
        for name, value in fields.items():
            _check_field(name, value, place, warnings)
        values = {name: value for name, value in fields.items() if value is not None}
        if "text" not in values:
            raise InputError("script.json", f"{place}: no text", pointer=place)
        try:
            _add(values, 0, number + 1, speak_sdh, lines, skipped)
        except InputError as error:
            message = f"{place}: {error.message}"
            raise InputError(error.code, message, error.hint, pointer=place) from error
    return Parsed(lines, skipped, sorted(warnings))


def load_json(text: str) -> object:
    """JSON without duplicate keys, NaN, numbers beyond 1e15 and deep nesting; InputError says where."""
    _check_depth(text)

    def unique(pairs):
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError("script.json", f"the key {twice[:40]!r} is there twice")
        return found

    def refuse(word):
        raise InputError("script.json", f"{word} is not a number a script can hold")

    def whole(digits):
        return int(digits) if len(digits) < 16 else refuse(digits[:20] + "...")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse, parse_int=whole)
    except json.JSONDecodeError as error:
        message = f"line {error.lineno}, column {error.colno}: {error.msg}"
        hint = BACKSLASHES if "escape" in error.msg else None
        raise InputError("script.json", message, hint, line=error.lineno) from error


def parse_lst(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """The texts to be spoken of a six-column list, one line a row (`read_lst` gives all columns)."""
    lines: list[Line] = []
    skipped: list[Skipped] = []
    for number, row in read_lst(text):
        name = re.split(r"[\\/]", row.target_audio)[-1] or str(number)
        _add({"id": name, "text": row.target_text}, number, number, speak_sdh, lines, skipped)
    return Parsed(lines, skipped, [])


def read_lst(text: str) -> list[tuple[int, LstRow]]:
    """(line number, row) of every row of the list; InputError for a row without six tab-separated fields."""
    rows = []
    for number, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        cells = content.split("\t")
        if len(cells) != len(LstRow._fields):
            message = f"line {number}: {len(cells)} tab-separated fields; six are needed"
            raise InputError("script.lst", message, line=number)
        rows.append((number, LstRow(*(cell.strip() for cell in cells))))
        if len(rows) > MAX_LINES:
            raise InputError("script.limits", f"more than {MAX_LINES} rows")
    return rows


def _add(values: dict, row: int, number: int, speak_sdh: bool, lines: list, skipped: list) -> None:
    """Append the line the values describe, or what is skipped of it."""
    name = str(values.get("id") or number)[:80]
    text = str(values.get("text", ""))
    if len(text) > 10 * MAX_CHARS_PER_LINE:
        raise InputError(
            "script.limits", f"cue {name}: {len(text)} characters in one line", line=row
        )
    text = clean.normalised(text).text
    text = clean.strip_tags(text, subtitle=False)
    if not speak_sdh:
        text, left_out = clean.without_sounds(text, row, subtitle=False)
        skipped += left_out
    text = clean.one_line(text)
    if not clean.has_words(text):
        skipped.append(Skipped(row, text, "nothing to speak"))
        return
    dub = values.get("dub", True)
    lines.append(
        Line(
            id=name,
            start=_seconds(values, "start", row, name),
            end=_seconds(values, "end", row, name),
            speaker=str(values.get("speaker") or "").strip() or None,
            text=text,
            language=str(values.get("language") or "").strip() or None,
            speed=_number(values, "speed", row, name, 1.0),
            mood=str(values.get("mood") or "").strip().casefold() or None,
            dub=dub if isinstance(dub, bool) else _truth(str(dub), row, name),
            row=row,
        )
    )


def _seconds(values: dict, key: str, row: int, name: str) -> float | None:
    value = values.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)):
        return float(value)
    try:
        return parse_clock(value)
    except ValueError as error:
        raise _cell(row, name, key, str(error)) from error


def _number(values: dict, key: str, row: int, name: str, default: float) -> float:
    value = values.get(key)
    if value is None or value == "":
        return default
    try:
        number = float(value)
    except ValueError as error:
        raise _cell(row, name, key, f"{str(value)[:40]!r} is not a number") from error
    if not math.isfinite(number):
        raise _cell(row, name, key, f"{value!r} is not a number")
    return number


def _truth(value: str, row: int, name: str) -> bool:
    if value.strip().lower() in _TRUE:
        return True
    if value.strip().lower() in _FALSE:
        return False
    raise _cell(row, name, "dub", f"{value[:40]!r} is neither true nor false")


def _cell(row: int, name: str, column: str, message: str) -> InputError:
    place = f"line {row}, " if row else ""
    return InputError(
        "script.cell",
        f"{place}cue {name}, column {column}: {message}",
        line=row or None,
        column=column,
    )


def _delimiter(first: str) -> str:
    for delimiter in _DELIMITERS:
        if "text" in [cell.strip().strip('"').lower() for cell in first.split(delimiter)]:
            return delimiter
    message = f"line 1: no column `text` in the header {first[:60]!r}"
    hint = f"the columns are {', '.join(COLUMNS)}, separated by comma, tab, semicolon or bar"
    raise InputError("script.csv", message, hint, line=1, column="text")


def _header(names: list[str]) -> list[str]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError("script.csv", f"line 1: the column {twice[0]!r} is there twice", line=1)
    return names


def _check_field(name: str, value: object, place: str, warnings: set[str]) -> None:
    if name not in COLUMNS:
        warnings.add(f"field not used: {name[:40]!r}")
        return
    kinds = {
        "start": (int, float, str),
        "end": (int, float, str),
        "speed": (int, float),
        "dub": (bool,),
        "id": (str, int),
    }.get(name, (str,))
    misplaced_bool = isinstance(value, bool) and bool not in kinds
    if value is not None and (misplaced_bool or not isinstance(value, kinds)):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        message = f"{place}/{name}: {type(value).__name__} where {wanted} is needed"
        raise InputError("script.json", message, pointer=f"{place}/{name}")


def _check_depth(text: str) -> None:
    """Brackets outside strings, counted before any recursion."""
    depth = 0
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                line = text.count("\n", 0, match.start()) + 1
                raise InputError(
                    "script.json", f"line {line}: nested deeper than {MAX_DEPTH}", line=line
                )
        elif mark in "]}":
            depth -= 1


FORMATS = {
    "csv": Format("a table (CSV)", (".csv", ".tsv"), parse_csv),
    "json": Format("a JSON script", (".json",), parse_json),
    "lst": Format("a six-column list", (".lst",), parse_lst),
}
