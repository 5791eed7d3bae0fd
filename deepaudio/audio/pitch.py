"""Fundamental frequency with WORLD's DIO and StoneMask (pyworld), one value a mel frame."""

import numpy as np
import pyworld
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def pitch_track(
    waveform: Float[Tensor, " s"], sample_rate: int, frames: int, hop_seconds: float = 256 / 24000
) -> Float[Tensor, " n"]:
    """(s) -> (frames) Hz, 0 where unvoiced."""
    samples = waveform.double().numpy()
    f0, times = pyworld.dio(
        samples, sample_rate, f0_floor=60.0, f0_ceil=500.0, frame_period=hop_seconds * 1000
    )
    track = torch.from_numpy(pyworld.stonemask(samples, f0, times, sample_rate).astype(np.float32))
    return F.pad(track[:frames], (0, max(0, frames - len(track))))


def median_pitch(track: Float[Tensor, " n"]) -> float | None:
    """Median over the voiced frames; None when fewer than five are voiced."""
    voiced = track[track > 0]
    return float(voiced.median()) if len(voiced) >= 5 else None
