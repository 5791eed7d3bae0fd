"""Speaker-independent content frames, and their alignment to target phone times.

An `Utterance` comes from `deepaudio.encoders.content`; here its frames are read off at any phone times.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepaudio.audio.grid import FRAME_RATE

BASE_RATE = 80.0  # frames of the base TTS per second
N_HARMONIC, N_NOISE = 60, 30
DIM = N_HARMONIC + N_NOISE + 2
VOICING, PITCH = N_HARMONIC + N_NOISE, N_HARMONIC + N_NOISE + 1  # the last two features
PITCH_SCALE, MIDDLE_PITCH = 3.0, 180.0


class Phone(NamedTuple):
    """One sound and its natural place in the base TTS's time, in seconds; `word` is -1 for a pause."""

    symbol: str
    word: int
    start: float
    end: float


class Spectra(NamedTuple):
    """The base TTS's source-filter frames at 80 Hz: (601 t) log envelopes and phases, f0 (t) in Hz."""

    harmonic: np.ndarray
    rotation: np.ndarray
    noise: np.ndarray
    residual: np.ndarray
    phase: np.ndarray
    f0: np.ndarray


class Utterance(NamedTuple):
    """A sentence as the base TTS would say it: frames (t DIM) at 80 Hz and the phones that tile them."""

    frames: Tensor
    phones: tuple[Phone, ...]
    spectra: Spectra | None = None

    @property
    def duration(self) -> float:
        return self.phones[-1].end if self.phones else 0.0


def join(parts: Sequence[Utterance]) -> Utterance:
    """Sentences one after the other; phone times and word numbers go on counting."""
    frames, phones, clock, words = [], [], 0.0, 0
    for part in parts:
        frames.append(part.frames)
        phones += [
            p._replace(
                start=p.start + clock, end=p.end + clock, word=p.word + words if p.word >= 0 else -1
            )
            for p in part.phones
        ]
        clock += len(part.frames) / BASE_RATE
        words = max((p.word for p in phones), default=-1) + 1
    spectra = None
    if all(part.spectra is not None for part in parts):
        spectra = Spectra(
            *(
                np.concatenate(values, -1)
                for values in zip(*(part.spectra for part in parts), strict=True)
            )
        )
    return Utterance(torch.cat(frames), tuple(phones), spectra)


class Anchors(NamedTuple):
    """Matching stretches in seconds, one row a phone: what the speaker says in `real` the base TTS says in `base`."""

    real: np.ndarray  # (p 2) start and end, in order, not overlapping
    base: np.ndarray  # (p 2)

    def base_time(self, times: np.ndarray) -> np.ndarray:
        """Seconds of the base TTS at real seconds; between two phones the base TTS crosses its own gap evenly."""
        return np.interp(times, np.maximum.accumulate(self.real.reshape(-1)), self.base.reshape(-1))

    def scaled(self, factor: float) -> "Anchors":
        """The same phones when all real times are multiplied by `factor`."""
        return Anchors(self.real * factor, self.base)


def lay(
    utterance: Utterance, anchors: Anchors, n_frames: int, pitch: float | None = None
) -> Tensor:
    """Content (n DIM) at 93.75 Hz with every phone where `anchors` puts it and silence where there is none.

    `pitch` (Hz) moves the median of the base TTS's pitch there; None leaves it out of the features.
    """
    times = np.arange(n_frames) / FRAME_RATE
    place = torch.from_numpy(anchors.base_time(times) * BASE_RATE - 0.5)
    place = place.clamp(0, len(utterance.frames) - 1).float()
    low = place.floor().long()
    high = (low + 1).clamp(max=len(utterance.frames) - 1)
    mix = (place - low).unsqueeze(1)
    frames = utterance.frames[low] * (1 - mix) + utterance.frames[high] * mix
    frames[:, VOICING] = utterance.frames[place.round().long(), VOICING]
    frames[~torch.from_numpy(near(times, anchors.real))] = utterance.frames[:4].mean(0)
    voiced = frames[:, VOICING] > 0.5
    if pitch is not None and voiced.any():
        own = utterance.frames[utterance.frames[:, VOICING] > 0.5, PITCH].median()
        frames[:, PITCH] = torch.where(
            voiced, frames[:, PITCH] - own + pitch_level(pitch), torch.zeros(())
        )
    elif pitch is None:
        frames[:, PITCH] = 0
    return frames


def pitch_level(pitch: float | None) -> float:
    """Median pitch in Hz as it enters the pitch feature of voiced frames; unknown counts as the middle."""
    return PITCH_SCALE * math.log((pitch or MIDDLE_PITCH) / MIDDLE_PITCH)


def near(times: np.ndarray, real: np.ndarray, margin: float = 0.03) -> np.ndarray:
    """(n) True within `margin` seconds of a phone."""
    following = np.searchsorted(real[:, 0] - margin, times, side="right") - 1
    ends = np.maximum.accumulate(real[:, 1])[np.maximum(following, 0)]
    return (following >= 0) & (times <= ends + margin)
