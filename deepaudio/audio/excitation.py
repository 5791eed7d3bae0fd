"""Excitation of voiced speech: a band-limited pulse train that follows a pitch contour."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def pulse_train(
    pitch: Float[Tensor, "b n"],
    hop_length: int,
    sample_rate: int,
    start: Float[Tensor, " b"] | None = None,
) -> Float[Tensor, "b s"]:
    """Equal cosines on all harmonics of `pitch` (Hz, one value a frame, > 0) below 0.46 of the rate.

    n frames give (n - 1) * hop_length samples, pitch linear between frames; `start` is the first phase in turns.
    Closed form of Dirichlet's kernel: sum_{k=1..K} cos(k a) = sin((K + 1/2) a) / (2 sin(a / 2)) - 1/2.
    """
    n_samples = (pitch.shape[-1] - 1) * hop_length
    hertz = F.interpolate(
        pitch[:, None].double(), n_samples + 1, mode="linear", align_corners=True
    )[:, 0, :-1]
    turns = torch.cumsum(hertz / sample_rate, -1)
    if start is not None:
        turns = turns + start[:, None].double()
    angle = 2 * math.pi * (turns - turns.round()).float()  # in [-pi, pi]
    highest = torch.floor(0.46 * sample_rate / hertz).float()
    below = 2 * torch.sin(angle / 2)
    near = below.abs() < 1e-4
    kernel = torch.sin((highest + 0.5) * angle) / torch.where(near, 1.0, below)
    return torch.where(near, highest + 0.5, kernel) - 0.5
