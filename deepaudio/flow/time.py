"""Time of the flow: samplers of t for training and step grids for integration."""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from deepaudio.flow.draws import Share, rand, randn

EPSS_32NDS = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}


def uniform(n_items: int, generator: Generator | Share) -> Float[Tensor, " b"]:
    """t ~ U(0, 1), on the generator's device."""
    return rand(n_items, generator)


def logit_normal(
    n_items: int, generator: Generator | Share, mean: float = 0.0, std: float = 1.0
) -> Float[Tensor, " b"]:
    """t = sigmoid(N(mean, std)): more weight in the middle (Esser et al., 2024)."""
    return torch.sigmoid(mean + std * randn(n_items, generator))


def linear(steps: int) -> Float[Tensor, " steps_and_one"]:
    """`steps` equal steps from 0 to 1."""
    if steps < 1:
        raise ValueError(f"a grid needs at least 1 step, got {steps}")
    return torch.linspace(0.0, 1.0, steps + 1)


def sway(grid: Float[Tensor, " n"], coef: float = -1.0) -> Float[Tensor, " n"]:
    """Sway sampling of F5-TTS: t + coef (cos(pi t / 2) - 1 + t); -1 puts more steps near t = 0."""
    return grid + coef * (torch.cos(math.pi / 2 * grid) - 1 + grid)


def epss(steps: int) -> Float[Tensor, " steps_and_one"]:
    """Empirically pruned grids of Fast F5-TTS for few steps; `linear` for any other count."""
    if steps not in EPSS_32NDS:
        return linear(steps)
    return torch.tensor(EPSS_32NDS[steps], dtype=torch.float32) / 32
