"""Mel cepstral distortion in dB, the base of MCD and MCD-SL.

Path on c1..c13, distance over all of c0..c13 (energy included), as DeepAudio-V1 measures it.
"""

import math

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from deepaudio.metrics.cepstra import mel_cepstra
from deepaudio.metrics.warping import fast_dtw

DECIBEL = 10.0 / math.log(10.0) * math.sqrt(2.0)


def plain(output: Float[Tensor, " s"], target: Float[Tensor, " t"]) -> float:
    """Frame by frame without alignment, of waveforms at 22.05 kHz; the shorter is continued with silence."""
    samples = max(len(output), len(target))
    a, b = (mel_cepstra(pad(x, (0, samples - len(x)))) for x in (output, target))
    return DECIBEL * float((a - b).norm(dim=1).mean())


def warped(output: Float[Tensor, "n c"], target: Float[Tensor, "m c"]) -> float:
    """Mean distance along the warping path."""
    a, b = target.numpy(), output.numpy()
    rows, columns = zip(*fast_dtw(a[:, 1:], b[:, 1:]), strict=True)
    return DECIBEL * float(np.linalg.norm(a[list(rows)] - b[list(columns)], axis=1).mean())


def length_ratio(output: Float[Tensor, "n c"], target: Float[Tensor, "m c"]) -> float:
    """The longer number of frames over the shorter (1 for equal lengths)."""
    return max(len(output), len(target)) / min(len(output), len(target))
