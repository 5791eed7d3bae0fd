"""Bootstrap confidence intervals: percentile intervals of a mean over items."""

import torch
from jaxtyping import Float
from torch import Tensor

DRAWS = 2000
LEVEL = 0.95


def bootstrap_mean(
    values: Float[Tensor, " n"], draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> tuple[float, float]:
    """Low and high end of the interval of the mean of `values` [n]; one value gives (v, v)."""
    if values.numel() == 0:
        raise ValueError("no values to draw from")
    rng = torch.Generator().manual_seed(seed)
    picks = torch.randint(len(values), (draws, len(values)), generator=rng)
    means = values.double()[picks].mean(1)
    tail = (1 - level) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=means.dtype))
    return float(low), float(high)
