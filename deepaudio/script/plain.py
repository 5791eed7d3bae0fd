"""Plain text: one utterance a line, with a speaker or times in front if wanted."""

import re
from collections.abc import Collection

from deepaudio.errors import InputError
from deepaudio.script import clean
from deepaudio.script.cue import MAX_CHARS_PER_LINE, MAX_LINES, Line, Parsed, Skipped
from deepaudio.script.speakers import accepted_names, split_name
from deepaudio.script.times import parse_clock

_TIMES = re.compile(r"\[\s*(-?[\d:.,]+)\s*(?:(?:-->|[-–—])\s*(-?[\d:.,]+)\s*)?\]\s*(.*)", re.DOTALL)


def parse(text: str, *, known: Collection[str] = (), speak_sdh: bool = False) -> Parsed:
    """Lines of `MARA: text`, `[MARA] text`, `[00:01.2-00:03.0] text`, or only text; `#` begins a comment line."""
    rows: list[tuple[int, float | None, float | None, str]] = []
    skipped: list[Skipped] = []
    for number, content in enumerate(text.split("\n"), 1):
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
    names = accepted_names((row[3] for row in rows), known)
    lines: list[Line] = []
    warnings: list[str] = []
    for number, start, end, content in rows:
        speaker, spoken = split_name(content)
        if speaker not in names:
            if speaker and not known:
                warnings.append(
                    f"line {number}: {speaker!r} is spoken; write {speaker.upper()!r} to name a speaker"
                )
            speaker, spoken = None, content
        spoken = clean.strip_tags(spoken, subtitle=False)
        if not speak_sdh:
            spoken, left_out = clean.without_sounds(spoken, number, subtitle=False)
            skipped += left_out
        spoken = clean.one_line(spoken)
        if clean.has_words(spoken):
            lines.append(Line(str(len(lines) + 1), start, end, speaker, spoken, row=number))
        elif spoken:
            skipped.append(Skipped(number, spoken, "nothing to speak"))
    return Parsed(lines, skipped, warnings)


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
