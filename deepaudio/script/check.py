"""Rules for a whole script: order, overlaps, the bounds of the clip."""

from collections import Counter
from dataclasses import replace

from deepaudio.script.cue import MIN_LENGTH, Line, Skipped

MAX_WARNINGS = 20
MIN_KEPT = 0.2
"""Seconds that a cue must keep when the next one of its speaker cuts it short."""
SLACK = 0.05
"""Seconds by which a cue may pass the end of the clip without a word: subtitles are rounded."""


def in_order(lines: list[Line], warnings: list[str]) -> list[Line]:
    """Sorted by start where all lines have one; ids are kept, duplicates named."""
    repeated = [name for name, count in Counter(line.id for line in lines).items() if count > 1]
    if repeated:
        warnings.append(f"ids used more than once: {', '.join(repeated[:8])}")
    if not all(line.timed for line in lines):
        return lines
    ordered = sorted(lines, key=lambda line: line.start)
    if ordered != lines:
        warnings.append("cues were not in order of time and have been sorted")
    return ordered


def without_overlaps(lines: list[Line], warnings: list[str]) -> list[Line]:
    """Cues of one speaker may not overlap: the earlier one ends early, or two that start together become one.

    Cues of different speakers may; they are mixed. Both are named in the warnings.
    """
    made: list[Line] = []
    latest: dict[str | None, int] = {}
    longest: list[Line] = []  # of two different speakers, the lines that end last
    found: list[str] = []
    for line in lines:
        place = latest.get(line.speaker)
        before = None if place is None else made[place]
        if before is not None and _overlap(before, line):
            if line.start >= before.start + MIN_KEPT:
                made[place] = replace(before, end=line.start)
                found.append(
                    f"cue {before.id} ends at {line.start:.2f} s, where cue {line.id} begins"
                )
            else:
                made[place] = _joined(before, line)
                found.append(f"cues {before.id} and {line.id} of one speaker are spoken as one")
                continue
        other = next((o for o in longest if o.speaker != line.speaker), None)
        if other is not None and _overlap(other, line):
            found.append(f"cues {other.id} and {line.id} overlap and are mixed")
        latest[line.speaker] = len(made)
        made.append(line)
        if line.end is not None:
            same = [o for o in longest if o.speaker == line.speaker and o.end > line.end]
            others = [o for o in longest if o.speaker != line.speaker]
            longest = sorted([*others, *(same or [line])], key=lambda o: -o.end)[:2]
    warnings += found[:MAX_WARNINGS]
    if len(found) > MAX_WARNINGS:
        warnings.append(f"{len(found) - MAX_WARNINGS} more overlaps of cues")
    return made


def _overlap(first: Line, second: Line) -> bool:
    return None not in (first.end, second.start) and second.start < first.end


def _joined(first: Line, second: Line) -> Line:
    ends = [end for end in (first.end, second.end) if end is not None]
    text = first.text if first.text == second.text else f"{first.text} {second.text}"
    return replace(first, end=max(ends), text=text)


def inside_clip(
    lines: list[Line], duration: float, clamp: bool, warnings: list[str], skipped: list[Skipped]
) -> list[Line]:
    """Cues that pass the end of the clip are an error, or with `clamp` shortened or left out with a warning."""
    made: list[Line] = []
    for line in lines:
        latest = line.end if line.end is not None else line.start
        if latest is None or latest <= duration:
            made.append(line)
            continue
        fits = line.start <= duration - MIN_LENGTH
        if line.end is not None and fits and line.end <= duration + SLACK:
            made.append(replace(line, end=duration))
            continue
        what = (
            f"ends at {latest:.2f} s"
            if fits and line.end is not None
            else f"starts at {line.start:.2f} s"
        )
        message = f"{what}, after the end of the clip at {duration:.2f} s"
        if not clamp:
            raise line.error("script.line_outside_clip", message, "shorten it, or use --clamp")
        if fits and line.end is not None:
            made.append(replace(line, end=duration))
            warnings.append(f"cue {line.id} {message}: it is given less time")
        else:
            skipped.append(Skipped(line.row, line.text, "after the end of the clip"))
            warnings.append(f"cue {line.id} {message}: it is left out")
    return made
