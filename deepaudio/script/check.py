"""Rules for a whole script: order, overlaps, the bounds of the clip."""

from collections import Counter
from dataclasses import replace

from deepaudio.script.cue import MIN_LENGTH, Line, Skipped

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
    for line in lines:
        before = made[latest[line.speaker]] if line.speaker in latest else None
        if before is not None and None not in (before.end, line.start) and line.start < before.end:
            if line.start >= before.start + 0.2:
                made[latest[line.speaker]] = replace(before, end=line.start)
                warnings.append(
                    f"cue {before.id} is cut at {line.start:.2f} s: cue {line.id} begins there"
                )
            else:
                ends = [e for e in (before.end, line.end) if e is not None]
                text = before.text if before.text == line.text else f"{before.text} {line.text}"
                made[latest[line.speaker]] = replace(before, end=max(ends), text=text)
                warnings.append(f"cues {before.id} and {line.id} of one speaker are spoken as one")
                continue
        others = [i for name, i in latest.items() if name != line.speaker]
        for other in (made[i] for i in others):
            if None not in (other.end, line.start) and line.start < other.end:
                warnings.append(f"cues {other.id} and {line.id} overlap and are mixed")
        latest[line.speaker] = len(made)
        made.append(line)
    return made


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
