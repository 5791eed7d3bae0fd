"""Subtitles: SRT and WebVTT by one linear scan that keeps line numbers, ASS and SSA through pysubs2."""

import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import pysubs2

from deepaudio.errors import InputError
from deepaudio.script import clean
from deepaudio.script.cue import MAX_CHARS_PER_LINE, MAX_LINES, Line, Parsed, Skipped
from deepaudio.script.speakers import accepted_names, split_name
from deepaudio.script.times import parse_clock

_ARROW = re.compile(r"^\s*(-?[\d:.,]+)\s*-->\s*(-?[\d:.,]+)(?:\s.*)?$")
_VOICE = re.compile(r"<v(?:\.[^\s>]{0,60})?\s+([^<>\n]{1,80})>")


class Cue(NamedTuple):
    """A cue before its text is cleaned; `row` is the line of its times."""

    row: int
    id: str
    start: float
    end: float
    speaker: str | None
    text: str


def parse_srt(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """Lines of a SubRip file."""
    return spoken_lines(list(_scan(text.split("\n"), [])), known, speak_sdh)


def parse_vtt(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """Lines of a WebVTT file; `<v Name>` names the speaker, NOTE, STYLE and REGION blocks are left out."""
    rows = text.split("\n")
    if not re.match(r"WEBVTT(?:[ \t].*)?$", rows[0]):
        raise InputError("script.vtt", "line 1: a WebVTT file begins with WEBVTT", line=1)
    skipped: list[Skipped] = []
    cues: list[Cue] = []
    for cue in _scan(rows, skipped, vtt=True):
        cues += _voices(cue)
    lines, left_out, words = spoken_lines(cues, known, speak_sdh)
    return Parsed(lines, skipped + left_out, words)


def parse_ass(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """Lines of an ASS or SSA file: dialogue events without override tags; comments and drawings are left out."""
    rows = [
        n for n, row in enumerate(text.split("\n"), 1) if re.match(r"(?:Dialogue|Comment):", row)
    ]
    if len(rows) > MAX_LINES:
        raise _too_many(len(rows))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of fields that are not used here
            file = pysubs2.SSAFile.from_string(text, format_="ass")
    except (pysubs2.Pysubs2Error, ValueError, KeyError, IndexError, UnicodeError) as error:
        raise InputError("script.ass", f"not a valid ASS file: {error}") from error
    skipped: list[Skipped] = []
    cues: list[Cue] = []
    for number, event in enumerate(file.events, 1):
        row = rows[number - 1] if len(rows) == len(file.events) else 0
        if event.is_comment or event.is_drawing:
            reason = "comment" if event.is_comment else "drawing"
            skipped.append(Skipped(row, event.text[:200], reason))
            continue
        speaker = event.name.strip() or None
        times = event.start / 1000, event.end / 1000
        cues.append(Cue(row, str(number), *times, speaker, event.plaintext))
    lines, left_out, words = spoken_lines(cues, known, speak_sdh)
    return Parsed(lines, skipped + left_out, words)


def spoken_lines(cues: list[Cue], known=(), speak_sdh: bool = False) -> Parsed:
    """Cues to lines: mark-up removed, speakers taken from the front of the text, sounds left out."""
    skipped: list[Skipped] = []
    for cue in cues:
        if len(cue.text) > 10 * MAX_CHARS_PER_LINE:
            message = f"line {cue.row}, cue {cue.id}: {len(cue.text)} characters in one cue"
            raise InputError("script.limits", message, line=cue.row)
    texts = [clean.strip_tags(cue.text, subtitle=True).strip(" \n") for cue in cues]
    plain = [re.sub(r"^\s*[-–—]\s+", "", text) for text in texts]
    names = accepted_names(plain, known)
    lines: list[Line] = []
    for cue, text, bare in zip(cues, texts, plain, strict=True):
        speaker = cue.speaker
        name, rest = split_name(bare)
        if speaker is None and name in names:
            speaker, text = name, rest
        if not speak_sdh:
            text, left_out = clean.without_sounds(text, cue.row, subtitle=True)
            skipped += left_out
        text = clean.one_line(text)
        if clean.has_words(text):
            lines.append(Line(cue.id, cue.start, cue.end, speaker, text, row=cue.row))
        else:
            skipped.append(Skipped(cue.row, text, "nothing to speak"))
    return Parsed(lines, skipped, [])


def _scan(rows: list[str], skipped: list[Skipped], vtt: bool = False) -> Iterator[Cue]:
    """Cues in file order: a row with an arrow, then text up to the next one."""
    starts = [n for n, row in enumerate(rows) if "-->" in row]
    if vtt:
        starts = _outside_notes(rows, starts, skipped)
    if len(starts) > MAX_LINES:
        raise _too_many(len(starts))
    for position, start in enumerate(starts):
        end = starts[position + 1] if position + 1 < len(starts) else len(rows)
        following = _id_row(rows, end) if end < len(rows) else end
        body = rows[start + 1 : max(following, start + 1)]
        if vtt and "" in (stripped := [row.strip() for row in body]):
            body = body[: stripped.index("")]
        id_row = _id_row(rows, start)
        name = rows[id_row].strip()[:80] if id_row < start else str(position + 1)
        yield Cue(
            start + 1,
            name,
            *_arrow(rows[start], start + 1, name),
            None,
            "\n".join(body).strip("\n"),
        )


def _id_row(rows: list[str], start: int) -> int:
    """The row of the number or name above a row of times, or `start` itself if there is none."""
    above = start - 1
    if above < 0 or not rows[above].strip() or "-->" in rows[above]:
        return start
    first = above == 0 or not rows[above - 1].strip()
    return above if first and not rows[above].startswith("WEBVTT") else start


def _outside_notes(rows: list[str], starts: list[int], skipped: list[Skipped]) -> list[int]:
    hidden: set[int] = set()
    number = 0
    while number < len(rows):
        if re.match(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)", rows[number]):
            begin = number
            while number < len(rows) and rows[number].strip():
                hidden.add(number)
                number += 1
            skipped.append(
                Skipped(begin + 1, "\n".join(rows[begin:number])[:200], rows[begin].split()[0])
            )
        number += 1
    return [n for n in starts if n not in hidden]


def _arrow(row: str, number: int, name: str) -> tuple[float, float]:
    match = _ARROW.match(row[:400])
    if not match:
        message = f"line {number}, cue {name}: not a row of times: {row.strip()[:60]!r}"
        raise InputError("script.time", message, line=number, cue=name)
    try:
        return parse_clock(match[1]), parse_clock(match[2])
    except ValueError as error:
        message = f"line {number}, cue {name}: {error}"
        raise InputError("script.time", message, line=number, cue=name) from error


def _voices(cue: Cue) -> list[Cue]:
    """One cue for each `<v Name>` span; several share the time by the length of their texts."""
    parts = _VOICE.split(cue.text)
    spans = [(None, parts[0])] if parts[0].strip() else []
    spans += list(zip(parts[1::2], parts[2::2], strict=True))
    spans = [(name, text) for name, text in spans if text.strip()]
    if len(spans) < 2:
        return [
            cue._replace(speaker=name.strip() if name else None, text=text) for name, text in spans
        ]
    total = sum(len(text) for _, text in spans)
    made, start = [], cue.start
    for number, (name, text) in enumerate(spans, 1):
        end = start + (cue.end - cue.start) * len(text) / total
        speaker = name.strip() if name else None
        made.append(Cue(cue.row, f"{cue.id}.{number}", start, end, speaker, text))
        start = end
    return made


def _too_many(count: int) -> InputError:
    message = f"the script has {count} cues; at most {MAX_LINES}"
    return InputError("script.limits", message, "split it into several scripts")
