"""Mel cepstra for MCD: WORLD spectral envelope, then SPTK's `mcep` without Newton steps.

As pymcd 0.2.1 does at 22.05 kHz: frames of 5 ms, FFT 512, order 13 (c0..c13), alpha 0.65, the
envelope taken as an amplitude. A linear frequency warp of the cepstrum is all that remains then,
so one matrix does the work (Oppenheim and Johnson, "Discrete representation of signals", 1972).
"""

from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SAMPLE_RATE = 22_050
FRAME_MS = 5.0
N_FFT = 512
ORDER = 13
ALPHA = 0.65
FLOOR = 1e-8


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
