"""A first sketch of a line in a voice: the teacher's speech with times, pitch, vocal tract and envelopes of the wanted voice.

The flow of M_tts starts here instead of at noise and adds what signal processing cannot. Nothing is learned in this file.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.distance import cdist
from torch import Tensor

from deepaudio.audio.adapt import active_frames
from deepaudio.audio.content import TEACHER_RATE, Anchors, Spectra, near
from deepaudio.audio.mel import log_mel
from deepaudio.audio.world import (
    PERIOD,
    RATE,
    SILENCE,
    World,
    active,
    analyse,
    between,
    coded,
    decoded,
    envelope_of,
    pitch_between,
    pitch_of,
    synthesise,
    unbroken,
)

CLONING = 0.3  # how far each envelope goes towards the nearest ones of the voice
NEIGHBOURS, COMPARED = 4, 24  # envelopes averaged; cepstral coefficients compared
TRACTS = tuple(np.arange(0.84, 1.21, 0.03))
HOP = 256


class Voice(NamedTuple):
    """What a sketch takes from a recording: (n) pitch and (n 513) envelope every 5 ms, and the level of its log-mel."""

    pitch: np.ndarray
    envelope: np.ndarray
    level: float

    @classmethod
    def of(cls, waveform: Float[Tensor, " s"]) -> "Voice":
        """Read from (s) at 24 kHz."""
        pitch = pitch_of(waveform.numpy())
        level = level_of(log_mel(waveform[None])[0])
        return cls(pitch, envelope_of(waveform.numpy(), pitch), level)

    @property
    def middle(self) -> float | None:
        """Median pitch in Hz; None when fewer than five frames are voiced."""
        voiced = self.pitch[self.pitch > 0]
        return float(np.median(voiced)) if len(voiced) >= 5 else None


def sketch(
    teacher: World,
    anchors: Anchors,
    samples: int,
    voice: Voice,
    pitch: np.ndarray | None = None,
) -> Float[Tensor, "n c"]:
    """Log-mel of `samples` at 24 kHz: what `teacher` says (see `taught`) at the times of `anchors` in `voice`.

    `pitch` (Hz, 0 unvoiced, every 5 ms), where known, replaces the melody of the teacher moved to the voice's median.
    """
    laid, quiet = _laid(teacher, anchors, samples)
    made = _moved(laid, voice, pitch)
    made = _in_voice(made, voice, quiet)
    sound = torch.from_numpy(synthesise(made, samples))
    mel = log_mel(sound[None])[0]
    return mel + (voice.level - level_of(mel))


def level_of(mel: Float[Tensor, "n c"]) -> float:
    """Mean of the log-mel over its active frames."""
    return float(mel[active_frames(mel)].mean())


def taught(spectra: Spectra) -> World:
    """WORLD's view of the teacher's own sound."""
    from hibari import dsp

    sound = dsp.synth(*spectra, np.random.default_rng(0))
    frames = int(len(sound) / RATE / PERIOD)
    place = np.arange(frames) * PERIOD * TEACHER_RATE - 0.5
    heard = np.where(spectra.f0 > 40, spectra.f0, 0.0).astype(np.float64)
    return analyse(sound, pitch_between(heard, place))


def _laid(world: World, anchors: Anchors, samples: int) -> tuple[World, np.ndarray]:
    """The teacher at the times of `anchors`, and where (n) nothing is said."""
    times = np.arange(int(samples / RATE / PERIOD) + 1) * PERIOD
    place = anchors.teacher_time(times) / PERIOD
    quiet = ~near(times, anchors.real)
    pitch = np.where(quiet, 0.0, pitch_between(world.pitch, place))
    return World(pitch, between(world.envelope, place), between(world.aperiodicity, place)), quiet


def _moved(world: World, voice: Voice, pitch: np.ndarray | None) -> World:
    """Pitch and vocal tract of the voice."""
    voiced = world.pitch[world.pitch > 0]
    own = float(np.median(voiced)) if len(voiced) else 180.0
    ratio = float(np.clip((voice.middle or own) / own, 0.4, 2.0))
    melody = world.pitch * ratio
    if pitch is not None and (pitch > 0).any():
        known = between(unbroken(pitch), np.arange(len(melody)))
        melody = np.where(melody > 0, known, 0.0)
    tract = _tract(world, voice, ratio**0.25)
    return World(melody, _stretched(world.envelope, tract), _stretched(world.aperiodicity, tract))


def _tract(world: World, voice: Voice, otherwise: float) -> float:
    """The stretch of frequency that brings the teacher's vowels nearest to those of the voice."""
    own = world.envelope[(world.pitch > 0) & active(world.envelope)][::3]
    other = voice.envelope[(voice.pitch > 0) & active(voice.envelope)]
    if len(own) < 10 or len(other) < NEIGHBOURS:
        return float(np.clip(otherwise, TRACTS[0], TRACTS[-1]))
    wanted = _shapes(other)
    return min(
        TRACTS,
        key=lambda tract: np.sort(cdist(_shapes(_stretched(own, tract)), wanted), axis=1)[
            :, :NEIGHBOURS
        ].mean(),
    )


def _shapes(envelope: np.ndarray) -> np.ndarray:
    """(n COMPARED) cepstra without level and mean."""
    codes = coded(envelope)[:, 1 : COMPARED + 1]
    return codes - codes.mean(0)


def _stretched(rows: np.ndarray, tract: float) -> np.ndarray:
    """(n 513) with what was at f moved to `tract` times f; a shorter vocal tract is above 1."""
    return between(rows.T, np.arange(rows.shape[1]) / tract).T


def _in_voice(world: World, like: Voice, quiet: np.ndarray) -> World:
    """Envelopes with the mean of the voice, and each moved towards its nearest ones there; levels stay.

    Nearest-neighbour voice conversion (kNN-VC, arXiv 2305.18975, does it with learned features), apart for voiced and
    unvoiced frames.
    """
    codes, wanted = coded(world.envelope), coded(like.envelope)
    here, there = active(world.envelope) & ~quiet, active(like.envelope)
    moved = codes.copy()
    for own, other in (
        (here & (world.pitch > 0), there & (like.pitch > 0)),
        (here & (world.pitch <= 0), there & (like.pitch <= 0)),
    ):
        other = other if other.sum() >= 10 else there
        if own.sum() < 5:
            continue
        mean, target = codes[own, 1:].mean(0), wanted[other, 1:].mean(0)
        shape, shapes = codes[own, 1:] - mean, wanted[other, 1:] - target
        distance = cdist(shape[:, :COMPARED], shapes[:, :COMPARED])
        count = min(NEIGHBOURS, len(shapes))
        nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
        moved[own, 1:] = target + shape + CLONING * (shapes[nearest].mean(1) - shape)
    change = decoded(moved) - decoded(codes)  # the detail beyond the codes stays as it is
    envelope = np.where(
        quiet[:, None], np.minimum(world.envelope, SILENCE), world.envelope + change
    )
    return world._replace(envelope=envelope)
