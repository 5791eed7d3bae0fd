"""What every judge does first: one finite mono waveform at the judge's rate, as float32."""

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import resample

from deepaudio.errors import InputError


def mono(waveform: Tensor, sample_rate: int, wanted_rate: int) -> np.ndarray:
    """Waveform [s] or [c s] as float32 numpy [s] at `wanted_rate`, within +-1.

    InputError for empty or non-finite audio: a judge must not rate undefined input.
    """
    waveform = torch.as_tensor(waveform, dtype=torch.float32).detach().cpu()
    if waveform.ndim == 2:
        waveform = waveform.mean(0)
    if waveform.ndim != 1 or waveform.numel() == 0:
        raise InputError("audio.empty", f"expected [s] audio, got shape {list(waveform.shape)}")
    if not torch.isfinite(waveform).all():
        raise InputError("audio.nan", "the audio holds NaN or infinite samples")
    if sample_rate != wanted_rate:
        waveform = resample(waveform, sample_rate, wanted_rate)
    return waveform.clamp(-1.0, 1.0).numpy()
