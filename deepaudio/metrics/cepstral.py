"""Mel cepstral distortion, with and without the mismatch of speech length (section 4.2).

Mel cepstra for MCD: WORLD spectral envelope, then SPTK's `mcep` without Newton steps.

As pymcd 0.2.1 does at 22.05 kHz: frames of 5 ms, FFT 512, order 13 (c0..c13), alpha 0.65, the
envelope taken as an amplitude. A linear frequency warp of the cepstrum is all that remains then,
so one matrix does the work (Oppenheim and Johnson, "Discrete representation of signals", 1972).

Mel cepstral distortion in dB, the base of MCD and MCD-SL.

Path on c1..c13, distance over all of c0..c13 (energy included), as DeepAudio-V1 measures it.
"""

import math
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from deepaudio.metrics import Metric
from deepaudio.metrics.warping import fast_dtw

SAMPLE_RATE = 22_050
FRAME_MS = 5.0
N_FFT = 512
ORDER = 13
ALPHA = 0.65
FLOOR = 1e-8
DECIBEL = 10.0 / math.log(10.0) * math.sqrt(2.0)


@cache
def warp_matrix(n_in: int, order: int, alpha: float) -> np.ndarray:
    """Matrix [order + 1, n_in] that warps a causal cepstrum through the all-pass (z - a)/(1 - a z)."""
    out = np.zeros((order + 1, n_in))
    # Column i is the warp of the unit cepstrum at quefrency i: i + 1 steps of the recursion.
    state = np.zeros((order + 1, n_in))
    for step in range(n_in - 1, -1, -1):
        unit = np.zeros(n_in)
        unit[step] = 1.0
        fresh = np.zeros_like(state)
        fresh[0] = unit + alpha * state[0]
        if order >= 1:
            fresh[1] = (1 - alpha**2) * state[0] + alpha * state[1]
        for m in range(2, order + 1):
            fresh[m] = state[m - 1] + alpha * (state[m] - fresh[m - 1])
        state = fresh
    out[:] = state
    return out


def mel_cepstra(waveform: Float[Tensor, " s"]) -> Float[Tensor, "n c"]:
    """Cepstra [n 14] of a waveform [s] at 22.05 kHz, one row every 5 ms, float64."""
    import pyworld

    samples = np.ascontiguousarray(waveform.double().numpy())
    f0, times = pyworld.dio(samples, SAMPLE_RATE, frame_period=FRAME_MS)
    f0 = pyworld.stonemask(samples, f0, times, SAMPLE_RATE)
    envelope = pyworld.cheaptrick(samples, f0, times, SAMPLE_RATE, fft_size=N_FFT)
    log_power = np.log(envelope**2 + FLOOR)
    cepstrum = np.fft.irfft(log_power, axis=1)[:, : N_FFT // 2 + 1]
    cepstrum[:, 0] *= 0.5
    cepstrum[:, -1] *= 0.5
    return torch.from_numpy(cepstrum @ warp_matrix(N_FFT // 2 + 1, ORDER, ALPHA).T)


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


def mcd(output_cepstra: Tensor, target_cepstra: Tensor) -> float:
    """MCD: mel cepstral distortion after dynamic time warping, in dB (section 4.2).

    Distortion of cepstra [n 14] against [m 14].
    """
    return warped(output_cepstra, target_cepstra)


def mcd_sl(output_cepstra: Tensor, target_cepstra: Tensor) -> float:
    """MCD-SL: MCD weighted by the mismatch of speech length (section 4.2).

    MCD times the longer length over the shorter.
    """
    ratio = length_ratio(output_cepstra, target_cepstra)
    return ratio * warped(output_cepstra, target_cepstra)


METRICS = {
    "mcd": Metric("MCD", ("output_cepstra", "target_cepstra"), "lower", mcd, tasks=("v2s", "tts")),
    "mcd_sl": Metric(
        "MCD-SL", ("output_cepstra", "target_cepstra"), "lower", mcd_sl, tasks=("v2s", "tts")
    ),
}
