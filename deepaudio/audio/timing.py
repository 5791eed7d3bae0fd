"""Fit one energy contour to another in time: where speech begins and ends, and dynamic time warping between."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

FRAME_RATE = 93.75


def active_span(energy: Float[Tensor, " n"], threshold: float = 0.1) -> tuple[int, int]:
    """First and one past the last frame at or above `threshold` of the smoothed peak; (0, n) for silence."""
    smooth = smoothed(energy, 5)
    loud = (smooth >= threshold * smooth.max()).nonzero()[:, 0]
    if len(loud) == 0 or float(smooth.max()) <= 0:
        return 0, len(energy)
    return int(loud[0]), int(loud[-1]) + 1


def smoothed(energy: Float[Tensor, " n"], width: int) -> Float[Tensor, " n"]:
    """Moving average over `width` (odd) frames, edges repeated."""
    padded = F.pad(energy[None, None].float(), (width // 2, width // 2), mode="replicate")
    return F.avg_pool1d(padded, width, stride=1)[0, 0]


def warp_path(
    own: Float[Tensor, " m"], wanted: Float[Tensor, " n"], band: int = 14, stiffness: float = 0.02
) -> Float[Tensor, " m"]:
    """Frame of `wanted` at which each frame of `own` should sound; monotone, local speed between 1/2 and 2.

    Both contours are compared on a square-root scale; `band` frames is the largest shift from the straight line and
    `stiffness` the price per frame of shift. Symmetric dynamic time warping with steps (1,1), (1,2), (2,1).
    """
    a = torch.sqrt(smoothed(own, 5) / own.max().clamp(min=1e-6)).numpy()
    b = torch.sqrt(smoothed(wanted, 5) / wanted.max().clamp(min=1e-6)).numpy()
    m, n = len(a), len(b)
    if m < 4 or n < 4 or not n / 2 < m < n * 2:
        return torch.linspace(0, n - 1, m)
    straight = np.arange(m)[:, None] * (n - 1) / (m - 1)
    shift = np.abs(np.arange(n)[None] - straight)
    cost = np.abs(a[:, None] - b[None]) + stiffness * shift
    cost[shift > band + 1] = np.inf
    total = np.full((m + 2, n + 2), np.inf)  # two rows and columns of border
    total[1, 1] = 0.0
    step = np.zeros((m, n), np.int8)
    for i in range(m):
        options = np.stack([total[i + 1, 1 : n + 1], total[i + 1, :n], total[i, 1 : n + 1]])
        if i == 0:
            options = np.full_like(options, np.inf)
            options[0, 0] = 0.0
        step[i] = options.argmin(0)
        total[i + 2, 2:] = options.min(0) + cost[i] * np.array([1.0, 1.0, 2.0])[step[i]]
    return _trace(step, total, n)


def _trace(step: np.ndarray, total: np.ndarray, n: int) -> Tensor:
    m = len(step)
    if not np.isfinite(total[m + 1, n + 1]):
        return torch.linspace(0, n - 1, m)
    places, i, j = {}, m - 1, n - 1
    while i > 0 and j >= 0:
        places[i] = j
        di, dj = ((1, 1), (1, 2), (2, 1))[step[i, j]]
        i, j = i - di, j - dj
    places[0] = 0
    rows = np.array(sorted(places))
    return torch.from_numpy(np.interp(np.arange(m), rows, [places[r] for r in rows])).float()
