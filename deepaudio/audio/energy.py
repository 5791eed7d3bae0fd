"""The energy contour: the audio knowledge that V2A hands to V2S (section 3 of the paper).

Defined as in the released DeepAudio-V1: mean absolute amplitude of consecutive slices of
256/24000 s, divided by its maximum. Unlike there, silence gives zeros.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

BASE_HOP, BASE_RATE = 256, 24_000  # samples of a slice, at this many a second
FRAME_RATE = BASE_RATE / BASE_HOP


def energy_contour(
    waveform: Float[Tensor, " s"], sample_rate: int, frames: int | None = None
) -> Float[Tensor, " n"]:
    """(s) samples -> (n) values in [0, 1] at 93.75 Hz, zero-padded or cut to `frames` if given."""
    n_samples = waveform.shape[-1]
    n = n_samples * BASE_RATE // (sample_rate * BASE_HOP)
    edges = torch.arange(n + 1, device=waveform.device) * (sample_rate * BASE_HOP) // BASE_RATE
    total = F.pad(waveform.double().abs().cumsum(0), (1, 0))[edges]
    energy = total.diff() / edges.diff().clamp(min=1)
    peak = energy.max() if n else energy.new_zeros(())
    energy = (energy / peak if peak > 0 else torch.zeros_like(energy)).float()
    if frames is None:
        return energy
    return F.pad(energy[:frames], (0, max(frames - n, 0)))
