"""Plain text: one utterance a line, with a speaker or times in front if wanted."""

import re
from collections.abc import Collection

from deepaudio.errors import InputError
from deepaudio.script import clean
from deepaudio.script.cue import MAX_CHARS_PER_LINE, MAX_LINES, Line, Parsed, Skipped
from deepaudio.script.formats import Format
from deepaudio.script.formats.times import parse_clock
from deepaudio.script.speakers import accepted_names, split_name, without_mood

_TIMES = re.compile(r"\[\s*(-?[\d:.,]+)\s*(?:(?:-->|[-–—])\s*(-?[\d:.,]+)\s*)?\]\s*(.*)", re.DOTALL)

_CLOCK = re.compile(
    r"\s*[\[(]?(\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?)[\])]?(?:\s*$|(?:\s*[-–—|]\s*|\s+)(\S.*))"
)


def parse(text: str, *, known: Collection[str] = (), speak_sdh: bool = False) -> Parsed:
    """Lines of `MARA: text`, `[MARA] text`, `[00:01.2-00:03.0] text`, or only text; `#` begins a comment line."""
    rows: list[tuple[int, float | None, float | None, str]] = []
    skipped: list[Skipped] = []
    contents, warnings = _bracketed(text.split("\n"))
    for number, content in enumerate(contents, 1):
        content = content.strip()
        if len(rows) + len(skipped) > MAX_LINES:
            message = f"the script has more than {MAX_LINES} lines"
            raise InputError("script.limits", message, "split it into several scripts")
        if len(content) > 10 * MAX_CHARS_PER_LINE:
            message = f"line {number}: {len(content)} characters; at most {MAX_CHARS_PER_LINE}"
            raise InputError("script.limits", message, "split it into sentences", line=number)
        if content.startswith("#"):
            skipped.append(Skipped(number, content, "comment"))
        elif content:
            start, end, rest = _times(content, number)
            if rest:
                rows.append((number, start, end, rest))
            else:
                skipped.append(Skipped(number, content, "no text"))
    names = accepted_names((without_mood(row[3])[0] for row in rows), known)
    lines: list[Line] = []
    for number, start, end, content in rows:
        bare, mood = without_mood(content)
        speaker, spoken = split_name(bare)
        if speaker not in names:
            if speaker and not known:
                warnings.append(
                    f"line {number}: {speaker!r} is spoken; write {speaker.upper()!r} to name a speaker"
                )
            speaker, spoken, mood = None, content, None
        spoken = clean.strip_tags(spoken, subtitle=False)
        if not speak_sdh:
            spoken, left_out = clean.without_sounds(spoken, number, subtitle=False)
            skipped += left_out
        spoken = clean.one_line(spoken)
        if clean.has_words(spoken):
            lines.append(
                Line(str(len(lines) + 1), start, end, speaker, spoken, mood=mood, row=number)
            )
        elif spoken:
            skipped.append(Skipped(number, spoken, "nothing to speak"))
    return Parsed(lines, skipped, warnings)


def _bracketed(contents: list[str]) -> tuple[list[str], list[str]]:
    """Rows of a transcript with its times in brackets: `0:05` above each utterance, or in front of all of them.

    A single such row is somebody who says a time.
    """
    if any((times := _TIMES.fullmatch(c.strip())) and times[2] for c in contents):
        return contents, []  # [start-end] is the form of the script itself
    found = [_CLOCK.fullmatch(content) for content in contents]
    alone = [match is not None and not match[2] for match in found]
    words = [bool(c.strip()) and not c.lstrip().startswith("#") for c in contents]
    in_front = [match is not None and bool(match[2]) for match in found]
    above = sum(alone) > 1 and any(w and not a for w, a in zip(words, alone, strict=True))
    if not above and not (sum(in_front) > 1 and in_front == words):
        return contents, []
    made, start = [], ""
    for content, match, is_time, is_front in zip(contents, found, alone, in_front, strict=True):
        if above and is_time:
            start = match[1]
            made.append("")
        elif not above and is_front:
            made.append(f"[{match[1]}] {match[2]}")
        else:
            made.append(f"[{start}] {content}" if start and content.strip() else content)
            start = "" if content.strip() else start
    return made, ["rows of times are taken for the starts of the lines behind them"]


def _times(content: str, row: int) -> tuple[float | None, float | None, str]:
    match = _TIMES.fullmatch(content)
    if not match:
        return None, None, content
    try:
        start = parse_clock(match[1])
        end = None if match[2] is None else parse_clock(match[2])
    except ValueError as error:
        raise InputError("script.time", f"line {row}: {error}", line=row) from error
    return start, end, match[3].strip()


FORMATS = {"text": Format("plain text", (".txt", ".text", ".md"), parse)}
