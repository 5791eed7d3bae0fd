"""Slots from the sound or the video: voiced stretches of an energy contour, shared among lines in order. Pure."""

import bisect
import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Slot = tuple[float, float]

SMOOTHING = 0.08
MERGE_GAP = 0.28
MIN_STRETCH = 0.12
MAX_STRETCHES = 240


def voiced_stretches(energy: Float[Tensor, " n"], rate: float, duration: float) -> list[Slot]:
    """Seconds (start, end) in which the contour stands out: above a tenth of its loud level, gaps of 0.28 s closed."""
    values = torch.nan_to_num(energy.detach().to("cpu", torch.float32), 0.0, 0.0, 0.0).clamp(min=0)
    if values.numel() == 0 or float(values.max()) <= 0:
        return []
    width = max(1, round(SMOOTHING * rate)) | 1
    smooth = torch.nn.functional.avg_pool1d(
        values[None, None], width, 1, width // 2, count_include_pad=False
    )
    smooth = smooth[0, 0]
    loud, floor = torch.quantile(smooth, 0.95), torch.quantile(smooth, 0.1)
    active = (smooth > torch.maximum(floor + 0.12 * (loud - floor), 0.02 * smooth.max())).tolist()
    found: list[Slot] = []
    begin = None
    for number, on in enumerate([*active, False]):
        if on and begin is None:
            begin = number
        elif not on and begin is not None:
            span = begin / rate, min(number / rate, duration)
            begin = None
            if found and span[0] - found[-1][1] < MERGE_GAP:
                found[-1] = (found[-1][0], span[1])
            elif span[1] > span[0]:
                found.append(span)
    return [span for span in found if span[1] - span[0] >= MIN_STRETCH]


def proportional(natural: Sequence[float], start: float, end: float) -> list[Slot]:
    """Slots that share [start, end] in proportion to the natural durations."""
    scale = (end - start) / sum(natural)
    slots, at = [], start
    for length in natural:
        slots.append((at, min(at + length * scale, end)))
        at = slots[-1][1]
    return slots


def assign(stretches: Sequence[Slot], natural: Sequence[float]) -> list[Slot] | None:
    """One slot for each line, in order, from the voiced stretches.

    A line takes one stretch or several neighbours (from the first one's start to the last one's end), or several lines share one
    stretch in proportion; the choice minimises the squared log of slot over natural duration. None if the voiced time is less than
    half of what the lines need.
    """
    room = sum(b - a for a, b in stretches)
    if room < 0.5 * sum(natural):
        return None
    parts = _thinned(list(stretches), max(MAX_STRETCHES, 1))
    if len(natural) > MAX_STRETCHES:
        return _along(parts, natural)
    best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]] = {(0, 0): (0.0, None)}
    n_lines, n_parts = len(natural), len(parts)
    for line in range(n_lines + 1):
        for part in range(n_parts + 1):
            if (line, part) not in best:
                continue
            cost = best[line, part][0]
            _relax(
                best,
                (line, part),
                (line, part + 1),
                cost + _unused(parts, part, natural),
                part < n_parts,
            )
            for last in range(part + 1, min(n_parts, part + 8) + 1):
                if line < n_lines:
                    length = parts[last - 1][1] - parts[part][0]
                    _relax(
                        best, (line, part), (line + 1, last), cost + _misfit(natural[line], length)
                    )
            together = 0.0
            for until in range(line + 1, min(n_lines, line + 12) + 1):
                together += natural[until - 1]
                if part < n_parts and until > line + 1:
                    length = parts[part][1] - parts[part][0]
                    price = (until - line) * _misfit(together, length)
                    _relax(best, (line, part), (until, part + 1), cost + price)
    if (n_lines, n_parts) not in best:
        return _along(parts, natural)
    return _trace(best, parts, natural)


def _relax(best, source, target, cost: float, allowed: bool = True) -> None:
    if allowed and (target not in best or cost < best[target][0]):
        best[target] = (cost, source)


def _misfit(natural: float, length: float) -> float:
    return math.log(length / natural) ** 2


def _unused(parts, part: int, natural) -> float:
    """Price of leaving a stretch silent: its share of the speech."""
    if part >= len(parts):
        return 0.0
    return 0.3 + 2.0 * (parts[part][1] - parts[part][0]) / (sum(natural) / len(natural))


def _trace(best, parts, natural) -> list[Slot]:
    state = (len(natural), len(parts))
    slots: list[Slot] = []
    while state != (0, 0):
        source = best[state][1]
        lines, span = (source[0], state[0]), (source[1], state[1])
        if lines[1] > lines[0]:
            begin, end = parts[span[0]][0], parts[span[1] - 1][1]
            slots = proportional(natural[lines[0] : lines[1]], begin, end) + slots
        state = source
    return slots


def _along(parts: Sequence[Slot], natural: Sequence[float]) -> list[Slot]:
    """The lines laid along the voiced time alone, then moved back to where that time is in the clip."""
    passed = [0.0, *itertools.accumulate(b - a for a, b in parts)]

    def moved(voiced: float, find) -> float:
        number = min(max(find(passed, voiced) - 1, 0), len(parts) - 1)
        return min(parts[number][0] + voiced - passed[number], parts[number][1])

    inner = proportional(natural, 0.0, passed[-1])
    return [(moved(a, bisect.bisect_right), moved(b, bisect.bisect_left)) for a, b in inner]


def _thinned(parts: list[Slot], limit: int) -> list[Slot]:
    """At most `limit` stretches: those with the smallest gaps between them become one."""
    if len(parts) <= limit:
        return parts
    gaps = sorted(range(len(parts) - 1), key=lambda i: parts[i + 1][0] - parts[i][1])
    closed = set(gaps[: len(parts) - limit])
    merged = [parts[0]]
    for number in range(1, len(parts)):
        if number - 1 in closed:
            merged[-1] = (merged[-1][0], parts[number][1])
        else:
            merged.append(parts[number])
    return merged
