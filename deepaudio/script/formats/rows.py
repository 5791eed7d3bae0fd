"""Rows of SubRip and WebVTT: which are cue numbers, which are times, and which are words, however they are written.

What looks like a row of times but is none is an error with its line. Numbers and times are never taken for words.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from deepaudio.errors import InputError
from deepaudio.script.cue import MAX_LINES, Skipped
from deepaudio.script.formats.timerows import broken, is_number, plain, times_of, words_behind
from deepaudio.script.formats.times import parse_clock


class Cue(NamedTuple):
    """A cue before its text is cleaned; `row` is the line of its times."""

    row: int
    id: str
    start: float
    end: float
    speaker: str | None
    text: str


def scan(rows: list[str], skipped: list[Skipped], vtt: bool = False) -> Iterator[Cue]:
    """Cues in file order: a row of times, then text up to the number or the times of the next one."""
    hidden = _notes(rows, skipped) if vtt else set()
    starts = []
    for n, row in enumerate(rows):
        if n in hidden:
            continue
        if times_of(row):
            starts.append(n)
        elif broken(row, bool(starts) and starts[-1] == n - 1):
            name = (
                rows[n - 1].strip()[:80] if n and is_number(rows[n - 1]) else str(len(starts) + 1)
            )
            raise _time_error(n + 1, name, f"not a row of times: {row.strip()[:60]!r}")
    if len(starts) > MAX_LINES:
        message = f"the script has {len(starts)} cues; at most {MAX_LINES}"
        raise InputError("script.limits", message, "split it into several scripts")
    fresh = [
        n for n in starts if n == 0 or not times_of(rows[n - 1])
    ]  # not the second of two equal rows
    numbered = sum(_has_number(rows, n) for n in fresh) * 2 >= len(fresh) > 0
    tops, last = [], 0
    for n in starts:
        tops.append(_top(rows, n, numbered, vtt, last + 1))
        again = n > 0 and times_of(rows[n - 1])
        last = _value(rows[tops[-1]]) or int(_digits(times_of(rows[n])[1]) or last + (not again))
    _before_first(rows, tops, hidden, skipped, vtt)
    for position, (start, top) in enumerate(zip(starts, tops, strict=True)):
        end = tops[position + 1] if position + 1 < len(starts) else len(rows)
        body = rows[start + 1 : max(end, start + 1)]
        if vtt:
            body = _until_blank(body, start + 2, skipped)
        match = times_of(rows[start])
        name = _name(rows, top, start, match, position)
        if numbered and not vtt:
            body = _without_orphans(body, start + 2, name, skipped)
        text = "\n".join([words_behind(match), *body]).strip("\n")
        yield Cue(start + 1, name, *_seconds(match, start + 1, name), None, text)


def _has_number(rows: list[str], start: int) -> bool:
    """Whether the cue has a number, on its row of times or above it."""
    if times_of(rows[start])[1]:
        return True
    above = start - 1
    while above > 0 and not rows[above].strip() and start - above < 4:
        above -= 1
    if above < 0:
        return False
    after_blank = above == 0 or not rows[above - 1].strip()
    return is_number(rows[above]) or (after_blank and _soiled(rows[above], 0, sure=True))


def _top(rows: list[str], start: int, numbered: bool, vtt: bool, expected: int) -> int:
    """The first row of the cue: its number (`expected`, if all is well) or name above the times, or the times."""
    above = start - 1
    blank = False
    while above >= 0 and not rows[above].strip() and start - above < 4:
        above, blank = above - 1, True
    if above < 0 or times_of(rows[above]):
        return start
    after_blank = above == 0 or not rows[above - 1].strip()
    sure = after_blank and not blank
    if is_number(rows[above]):
        counted = expected <= _value(rows[above]) <= expected + 1
        if numbered or counted or sure:
            first = _first_of(rows, above, numbered, expected)
            far = blank and first > 0 and rows[first - 1].strip()
            return first if counted or not far else start
        return start
    soiled = numbered and _soiled(rows[above], expected, sure)
    named = vtt or re.fullmatch(r"(?=.*\d)[\w.-]{1,24}", rows[above].strip())
    if soiled:
        return _first_of(rows, above, numbered, expected)
    return above if sure and named and not rows[above].startswith("WEBVTT") else start


def _first_of(rows: list[str], first: int, numbered: bool, expected: int) -> int:
    """The first of several numbers above each other, as after a merge of two files."""
    while first > 0:
        row = rows[first - 1]
        if not (is_number(row) or (numbered and _soiled(row, expected, False))):
            break
        again = _digits(row) == _digits(rows[first])
        if not again and first > 1 and rows[first - 2].strip():
            break
        first -= 1
    return first


def _value(row: str) -> int | None:
    """The number of a row that is a cue number."""
    return int(_digits(row)) if is_number(row) else None


def _digits(row: str | None) -> str:
    return re.sub(r"\D", "", plain(row or ""))


def _soiled(row: str, expected: int, sure: bool) -> bool:
    """Whether a row above the times of a numbered file is a number with a stray sign or letter."""
    text = plain(row)
    few = len(text) < 9 and any(c.isdigit() for c in text) and sum(c.isalpha() for c in text) < 2
    return few and (sure or str(expected) in text or str(expected + 1) in text)


def _name(rows: list[str], top: int, start: int, match: re.Match, position: int) -> str:
    above = [row.strip() for row in rows[top:start] if row.strip()]
    name = above[-1] if above else match[1] or ""
    if is_number(name):
        name = _digits(name)
    return name[:80] or str(position + 1)


def _seconds(match: re.Match, number: int, name: str) -> tuple[float, float]:
    try:
        start, end = (parse_clock(_clock(match[n])) for n in (2, 3))
    except ValueError as error:
        raise _time_error(number, name, str(error)) from error
    return start, end


def _clock(text: str) -> str:
    """A time as `parse_clock` reads it: spaces gone, a point in front of the thousandths."""
    text = re.sub(r"\s", "", text).replace(";", ".")
    if re.fullmatch(r"\d+\.\d{2}\.\d{2}[.,]\d+", text):
        text = text.replace(".", ":", 2)
    parts = text.split(":")
    if len(parts) == 4:
        if len(parts[3]) != 3:
            raise ValueError(f"{text!r} counts frames; thousandths of a second are needed")
        text = ":".join(parts[:3]) + "." + parts[3]
    elif len(parts) == 3 and len(parts[2]) == 3 and parts[2].isdecimal():
        text = f"{parts[0]}:{parts[1]}.{parts[2]}"  # mm:ss:mmm
    return text


def _time_error(number: int, name: str, what: str) -> InputError:
    message = f"line {number}, cue {name}: {what}"
    hint = "write 00:00:01,500 --> 00:00:03,000"
    return InputError("script.time", message, hint, line=number, cue=name)


def _before_first(
    rows: list[str], tops: list[int], hidden: set[int], skipped: list[Skipped], vtt: bool
) -> None:
    """What stands in front of the first cue is listed; it belongs to none."""
    first = tops[0] if tops else 0
    start = 1 if vtt else 0
    while vtt and start < first and rows[start].strip():
        start += 1  # the header's own rows: Kind, Language
    for n in range(start, first):
        if rows[n].strip() and n not in hidden:
            skipped.append(Skipped(n + 1, rows[n].strip()[:200], "before the first cue"))


def _until_blank(body: list[str], first: int, skipped: list[Skipped]) -> list[str]:
    """The payload of a WebVTT cue ends at an empty row; a row of spaces is part of it. What follows is listed."""
    if "" not in body:
        return body
    end = body.index("")
    rest = [(n, row) for n, row in enumerate(body[end:], first + end) if row.strip()]
    if rest and not re.match(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)", rest[0][1]):
        text = "\n".join(row.strip() for _, row in rest)
        skipped.append(Skipped(rest[0][0], text[:200], "outside a cue"))
    return body[:end]


def _without_orphans(body: list[str], first: int, name: str, skipped: list[Skipped]) -> list[str]:
    """A cue number between blank rows has lost its times: alone it is left out, in front of words it is an error."""
    kept = []
    for n, row in enumerate(body):
        alone = n > 0 and not body[n - 1].strip() and is_number(row)
        follows = alone and name.isdecimal() and _digits(row) == str(int(name) + 1)
        if not alone or not (follows or any(r.strip() for r in body[:n])):
            kept.append(row)
            continue
        if n + 1 < len(body) and body[n + 1].strip():
            raise _time_error(first + n, plain(row), "no row of times behind the number of the cue")
        skipped.append(Skipped(first + n, row.strip(), "a number without a cue"))
    return kept


def _notes(rows: list[str], skipped: list[Skipped]) -> set[int]:
    """Rows of NOTE, STYLE and REGION blocks, which are listed."""
    hidden: set[int] = set()
    number = 0
    while number < len(rows):
        if re.match(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)", rows[number]):
            begin = number
            while number < len(rows) and rows[number].strip():
                hidden.add(number)
                number += 1
            text = "\n".join(rows[begin:number])[:200]
            skipped.append(Skipped(begin + 1, text, rows[begin].split()[0]))
        number += 1
    return hidden
