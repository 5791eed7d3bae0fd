"""The energy contour: the audio knowledge that V2A hands to V2S (section 3 of the paper).

Defined as in the released DeepAudio-V1: mean absolute amplitude of consecutive slices of
256/24000 s, divided by its maximum. Unlike there, silence gives zeros.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.grid import HOP, SAMPLE_RATE
from deepaudio.waves import LazyWave

AT_ONCE = 4096  # slices of a long sound


def energy_contour(
    waveform: Float[Tensor, " s"], sample_rate: int, frames: int | None = None
) -> Float[Tensor, " n"]:
    """(s) samples -> (n) values in [0, 1] at 93.75 Hz, zero-padded or cut to `frames` if given."""
    n = _count(waveform.shape[-1], sample_rate)
    edges = torch.arange(n + 1, device=waveform.device) * (sample_rate * HOP) // SAMPLE_RATE
    energy = _of_highest(_means(waveform, edges))
    if frames is None:
        return energy
    return F.pad(energy[:frames], (0, max(frames - n, 0)))


def wave_contour(wave: LazyWave) -> Float[Tensor, " n"]:
    """`energy_contour` of the mean of all channels of a long sound."""
    n = _count(wave.n_samples, wave.sample_rate)
    edges = torch.arange(n + 1) * (wave.sample_rate * HOP) // SAMPLE_RATE
    found = torch.zeros(n, dtype=torch.double)  # at once: small leftovers would scatter the heap
    for first in range(0, n, AT_ONCE):
        some = edges[first : first + AT_ONCE + 1]
        piece = wave.piece(int(some[0]), int(some[-1])).mean(0)
        found[first : first + AT_ONCE] = _means(piece, some - some[0])
    return _of_highest(found)


def _count(n_samples: int, sample_rate: int) -> int:
    return n_samples * SAMPLE_RATE // (sample_rate * HOP)


def _means(waveform: Float[Tensor, " s"], edges: Tensor) -> Float[Tensor, " n"]:
    """Mean amplitude between each edge and the next."""
    total = F.pad(waveform.double().abs().cumsum(0), (1, 0))[edges]
    return total.diff() / edges.diff().clamp(min=1)


def _of_highest(energy: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    peak = energy.max() if len(energy) else energy.new_zeros(())
    return (energy / peak if peak > 0 else torch.zeros_like(energy)).float()
