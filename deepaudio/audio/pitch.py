"""Fundamental frequency with WORLD's DIO and StoneMask (pyworld), one value a mel frame."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepaudio.libraries import lean
from deepaudio.waves import LazyWave

with lean("pyworld"):  # its `__init__` takes its version from pkg_resources
    from pyworld import pyworld

HOP_SECONDS = 256 / 24_000
AT_ONCE = 2_800  # frames: half a minute


def pitch_track(
    waveform: Float[Tensor, " s"], sample_rate: int, frames: int, hop_seconds: float = HOP_SECONDS
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


def wave_pitch(wave: LazyWave) -> Float[Tensor, " n"]:
    """Octaves above its median, at 93.75 Hz, of the mean of all channels of a long waveform; half a minute at a time."""
    total = int(wave.n_samples / wave.sample_rate / HOP_SECONDS)
    tracks = []
    for first in range(0, total, AT_ONCE):
        count = min(AT_ONCE, total - first)
        start = round(first * HOP_SECONDS * wave.sample_rate)
        end = round((first + count) * HOP_SECONDS * wave.sample_rate)
        tracks.append(pitch_track(wave.piece(start, end).mean(0), wave.sample_rate, count))
    return octaves(torch.cat(tracks)) if tracks else torch.zeros(0)


def octaves(track: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Octaves above the median of the voiced frames of a track in Hz; 0 where unvoiced, or where too little is voiced."""
    middle = median_pitch(track)
    if middle is None:
        return torch.zeros_like(track)
    return torch.where(track > 0, (track.clamp(min=1.0) / middle).log2(), torch.zeros_like(track))
