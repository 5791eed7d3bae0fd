"""Small corrections of time between two log-mels that say the same: dynamic time warping inside a narrow band."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy.fft import dct
from torch import Tensor

REACH = 9  # frames by which the two may differ
SMOOTH = 9  # frames over which the correction is averaged


def matching_rows(
    moving: Float[Tensor, "n c"], fixed: Float[Tensor, "n c"]
) -> Float[np.ndarray, " n"]:
    """For each frame of `fixed` the (fractional) row of `moving` that matches it best on the cheapest smooth path."""
    a, b = _shape(moving), _shape(fixed)
    n, width = len(b), 2 * REACH + 1
    rows = np.arange(n)[:, None] + np.arange(-REACH, REACH + 1)
    inside = (rows >= 0) & (rows < n)
    local = np.linalg.norm(a[rows.clip(0, n - 1)] - b[:, None], axis=2)
    local[~inside] = np.inf
    total, came = np.full((n, width), np.inf), np.zeros((n, width), int)
    total[0] = local[0]
    for i in range(1, n):
        # in the band's coordinates a step along both axes keeps the place; one along `fixed` alone moves it down
        stay, back = total[i - 1], np.append(total[i - 1, 1:], np.inf)
        skip = np.insert(total[i - 1, :-1], 0, np.inf)
        choices = np.stack([stay, back + 0.3 * local[i], skip + 0.3 * local[i]])
        came[i] = choices.argmin(0)
        total[i] = choices.min(0) + local[i]
    place = int(total[-1].argmin())
    shifts = np.zeros(n)
    for i in range(n - 1, -1, -1):
        shifts[i] = place - REACH
        place += (0, 1, -1)[came[i, place]]
    kernel = np.hanning(SMOOTH + 2)[1:-1]
    padded = np.pad(shifts, SMOOTH // 2, mode="edge")
    return (np.arange(n) + np.convolve(padded, kernel / kernel.sum(), "valid")).clip(0, n - 1)


def rows_at(values: Float[Tensor, "n d"], place: Float[np.ndarray, " m"]) -> Float[Tensor, "m d"]:
    """Rows of `values` at fractional places, linear in between."""
    at = torch.from_numpy(place).float()
    low = at.floor().long()
    mix = (at - low)[:, None]
    return values[low] * (1 - mix) + values[(low + 1).clamp(max=len(values) - 1)] * mix


def _shape(mel: Tensor) -> np.ndarray:
    """(n 13) cepstra of a mel with its pauses evened out, the mean removed."""
    floor = torch.quantile(mel, 0.1, dim=0)
    even = torch.maximum(mel, floor + 1.0) - floor
    even = F.avg_pool1d(even.T[None], 3, 1, 1, count_include_pad=False)[0].T
    codes = dct(even.numpy(), norm="ortho", axis=1)[:, :13]
    codes = codes - codes.mean(0)
    return codes / codes.std(0).clip(1e-3)
