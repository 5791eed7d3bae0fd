"""FastDTW: an approximate dynamic time warping path in linear time (Salvador and Chan, 2007).

The series are halved until short, aligned there, and the path is projected up and refined within
a radius. The radius of 1 (the usual default) is kept because published MCD numbers used it.
"""

import numpy as np
from jaxtyping import Float

RADIUS = 1


def fast_dtw(
    a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"], radius: int = RADIUS
) -> list[tuple[int, int]]:
    """Pairs (i, j) from (0, 0) to (n-1, m-1) that align `a` with `b` at a low Euclidean cost."""
    if len(a) == 0 or len(b) == 0:
        raise ValueError(f"cannot align series of {len(a)} and {len(b)} frames")
    shortest = radius + 2
    if len(a) < shortest or len(b) < shortest:
        return _path(a, b, [(0, len(b))] * len(a))
    coarse = fast_dtw(_halved(a), _halved(b), radius)
    return _path(a, b, _window(coarse, len(a), len(b), radius))


def _halved(x: np.ndarray) -> np.ndarray:
    even = len(x) - len(x) % 2
    return (x[0:even:2] + x[1:even:2]) / 2


def _window(coarse: list[tuple[int, int]], n: int, m: int, radius: int) -> list[tuple[int, int]]:
    """Columns [low, high) allowed in each of `n` rows: the widened path at twice the resolution."""
    low, high = [m] * n, [0] * n
    for i, j in coarse:
        for row in range(2 * (i - radius), 2 * (i + radius) + 2):
            if 0 <= row < n:
                low[row] = min(low[row], 2 * (j - radius))
                high[row] = max(high[row], 2 * (j + radius) + 2)
    # An odd length leaves a last row that no coarse frame stands for: it may reach the end.
    for row in range(n):
        if high[row] == 0:
            low[row], high[row] = low[row - 1], m
    return [(max(0, lo), min(m, hi)) for lo, hi in zip(low, high, strict=True)]


def _path(a: np.ndarray, b: np.ndarray, window: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The cheapest path through the allowed cells; on a tie rows advance first, then columns."""
    cost: dict[tuple[int, int], tuple[float, int, int]] = {(-1, -1): (0.0, 0, 0)}
    never = (float("inf"), 0, 0)
    for i, (low, high) in enumerate(window):
        local = np.linalg.norm(b[low:high] - a[i], axis=1).tolist()
        for j, here in zip(range(low, high), local, strict=True):
            up, left, both = (
                cost.get((i - 1, j), never)[0],
                cost.get((i, j - 1), never)[0],
                cost.get((i - 1, j - 1), never)[0],
            )
            best = min(up, left, both)
            step = (i - 1, j) if best == up else (i, j - 1) if best == left else (i - 1, j - 1)
            cost[i, j] = (best + here, *step)
    path, cell = [], (len(a) - 1, len(b) - 1)
    while cell != (-1, -1):
        path.append(cell)
        cell = cost[cell][1:]
    return path[::-1]
