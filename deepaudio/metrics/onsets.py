"""Onset detection by spectral flux, with the definitions and defaults of librosa.onset.

Mel power in dB (22.05 kHz, FFT 2048, hop 512, 128 Slaney mels, 80 dB range), mean positive
difference of neighbouring frames, normalised; peaks of it that stand out of a moving mean.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

SAMPLE_RATE = 22_050
N_FFT, HOP, N_MELS = 2048, 512, 128
RANGE_DB = 80.0
DELTA = 0.07
# Windows in frames: 30 ms before for the maximum and the wait, 100 ms either side for the mean.
PRE_MAX = WAIT = int(0.03 * SAMPLE_RATE // HOP)
AROUND = int(0.10 * SAMPLE_RATE // HOP)


@cache
def _mel() -> MelSpectrogram:
    return MelSpectrogram(
        SAMPLE_RATE,
        n_fft=N_FFT,
        hop_length=HOP,
        n_mels=N_MELS,
        f_min=0.0,
        f_max=SAMPLE_RATE / 2,
        norm="slaney",
        mel_scale="slaney",
        pad_mode="constant",
        power=2.0,
    )


def onset_strength(waveform: Float[Tensor, " s"]) -> Float[Tensor, " n"]:
    """Spectral flux of a waveform [s] at 22.05 kHz, one value a hop."""
    power = 10.0 * _mel()(waveform.float()).clamp(min=1e-10).log10()
    power = torch.maximum(power, power.max() - RANGE_DB)
    flux = power.diff(dim=1).clamp(min=0).mean(0)
    shift = 1 + N_FFT // (2 * HOP)
    return torch.nn.functional.pad(flux, (shift, 0))[: power.shape[1]]


def onset_times(waveform: Float[Tensor, " s"]) -> list[float]:
    """Onsets of a waveform [s] at 22.05 kHz, in seconds; none for constant signals."""
    strength = onset_strength(waveform).double()
    strength = strength - strength.min()
    if float(strength.max()) <= 0:
        return []
    strength = (strength / strength.max()).tolist()
    peaks, frame = [], 0
    while frame < len(strength):
        here = strength[frame]
        around = strength[max(0, frame - AROUND) : frame + AROUND + 1]
        if here == max(strength[max(0, frame - PRE_MAX) : frame + 1]) and (
            here >= sum(around) / len(around) + DELTA
        ):
            peaks.append(frame * HOP / SAMPLE_RATE)
            frame += WAIT
        frame += 1
    return peaks
