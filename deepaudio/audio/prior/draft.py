"""The mel prior of a line in a voice: the speech of the base TTS with times, pitch and envelopes of the wanted voice.

The flow of M_tts starts here instead of at noise.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.mel import log_mel
from deepaudio.audio.prior.content import BASE_RATE, Anchors, Spectra, near
from deepaudio.audio.prior.shaping import active_frames
from deepaudio.audio.prior.world import (
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

CONTRAST = 0.7  # exponent of global-variance scaling: predictions are over-smoothed
ENOUGH = 300  # rows (5 ms) of voiced or of unvoiced speech from which on that far; fewer count in proportion
SMOOTH = 5  # rows of 5 ms over which changes are averaged
SLOW = 61  # and below BASS, where a change from sound to sound is heard as unsteadiness
BASS, EDGE = 500.0, 100.0  # Hz, and how gradually the one passes into the other

# (n c) codes of the base TTS, (n) voiced, (n) spoken -> (n c) their change
Timbre = Callable[[Tensor, Tensor, Tensor], Tensor]
# (n c) codes of a recording, (n) voiced, (m) rows with speech -> its timbre; `Model.timbre` of `deepaudio.models.eigenvoice`
TimbreEncoder = Callable[[Tensor, Tensor, Tensor], Timbre]


class VoiceTraits(NamedTuple):
    """What a mel prior takes from a recording: (n) pitch, (n 50) codes and where it speaks (n), every 5 ms; level of its log-mel."""

    pitch: np.ndarray
    codes: np.ndarray
    spoken: np.ndarray
    level: float
    timbre: Timbre

    @classmethod
    def of(cls, waveform: Float[Tensor, " s"], timbre_encoder: TimbreEncoder) -> "VoiceTraits":
        """Read from (s) at 24 kHz."""
        sound = waveform.numpy()
        pitch = pitch_of(sound)
        envelope = envelope_of(sound, pitch)
        codes, spoken = coded(envelope), active(envelope)
        timbre = timbre_encoder(
            torch.from_numpy(codes).float(),
            torch.from_numpy(pitch > 0),
            torch.from_numpy(np.flatnonzero(spoken)[::2]),
        )
        return cls(pitch, codes, spoken, level_of(log_mel(waveform[None])[0]), timbre)

    @property
    def middle(self) -> float | None:
        """Median pitch in Hz; None when fewer than five frames are voiced."""
        voiced = self.pitch[self.pitch > 0]
        return float(np.median(voiced)) if len(voiced) >= 5 else None


def draft_mel(
    base: World,
    anchors: Anchors,
    samples: int,
    voice: VoiceTraits,
    pitch: np.ndarray | None = None,
) -> Float[Tensor, "n c"]:
    """Log-mel of `samples` at 24 kHz: what `base` says (see `resynthesised`) at the times of `anchors` in `voice`.

    `pitch` (Hz, 0 unvoiced, every 5 ms), where known, replaces the melody of the base TTS moved to the voice's median.
    """
    said, quiet = laid(base, anchors, samples)
    envelope = _in_voice(said, voice, quiet)
    made = World(_melody(said.pitch, voice, pitch), envelope, said.aperiodicity)
    mel = log_mel(torch.from_numpy(synthesise(made, samples))[None])[0]
    return mel + (voice.level - level_of(mel))


def level_of(mel: Float[Tensor, "n c"]) -> float:
    """Mean of the log-mel over its active frames."""
    return float(mel[active_frames(mel)].mean())


def resynthesised(spectra: Spectra) -> World:
    """WORLD's view of the base TTS's own sound."""
    from hibari import dsp  # as `base_tts.load` left it: this may run in a thread

    sound = dsp.synth(*spectra, np.random.default_rng(0))
    frames = int(len(sound) / RATE / PERIOD)
    place = np.arange(frames) * PERIOD * BASE_RATE - 0.5
    heard = np.where(spectra.f0 > 40, spectra.f0, 0.0).astype(np.float64)
    return analyse(sound, pitch_between(heard, place))


def heard_span(base: World) -> tuple[float, float]:
    """Seconds at which the first row begins and the last one ends that is within 35 dB of the loudest."""
    rows = np.flatnonzero(active(base.envelope))
    return float(rows[0] * PERIOD), float((rows[-1] + 1) * PERIOD)


def laid(world: World, anchors: Anchors, samples: int) -> tuple[World, np.ndarray]:
    """The base TTS at the times of `anchors`, and where (n) nothing is said."""
    times = np.arange(int(samples / RATE / PERIOD) + 1) * PERIOD
    place = anchors.base_time(times) / PERIOD
    quiet = ~near(times, anchors.real)
    pitch = np.where(quiet, 0.0, pitch_between(world.pitch, place))
    return World(pitch, between(world.envelope, place), between(world.aperiodicity, place)), quiet


def _melody(pitch: np.ndarray, voice: VoiceTraits, known: np.ndarray | None) -> np.ndarray:
    """The base TTS's pitch moved to the median of the voice, or a known one where the base TTS is voiced."""
    voiced = pitch[pitch > 0]
    if known is not None and (known > 0).any():
        return np.where(pitch > 0, between(unbroken(known), np.arange(len(pitch))), 0.0)
    own = float(np.median(voiced)) if len(voiced) else 180.0
    return pitch * float(np.clip((voice.middle or own) / own, 0.4, 2.0))


def _in_voice(world: World, voice: VoiceTraits, quiet: np.ndarray) -> np.ndarray:
    """(n 513) envelopes of the voice; the detail beyond the codes stays that of the base TTS."""
    codes, spoken = coded(world.envelope), active(world.envelope) & ~quiet
    if not spoken.any():
        return np.minimum(world.envelope, SILENCE)
    voiced = world.pitch > 0
    change = voice.timbre(
        torch.from_numpy(codes).float(), torch.from_numpy(voiced), torch.from_numpy(spoken)
    ).numpy()
    # the base TTS's loudness of sounds stays: that of the voice costs words where speech is fast
    change[:, 0] = 0
    moved = codes + _smooth(change, SMOOTH)
    for here, there in (
        (spoken & voiced, voice.spoken & (voice.pitch > 0)),
        (spoken & ~voiced, voice.spoken & (voice.pitch <= 0)),
    ):
        if here.sum() >= 5 and there.sum() >= 20:
            moved[here, 1:] = _contrasted(moved[here, 1:], voice.codes[there, 1:])
    change = decoded(codes + _smooth(moved - codes, 3)) - decoded(codes)
    change = _steadied(change, spoken & voiced)
    return np.where(quiet[:, None], np.minimum(world.envelope, SILENCE), world.envelope + change)


def _contrasted(codes: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Global variance of parametric synthesis (Toda and Tokuda 2007), within limits."""
    share = CONTRAST * min(1.0, len(like) / ENOUGH)
    spread = np.clip(like.std(0) / codes.std(0).clip(1e-3), 0.5, 2.0) ** share
    return codes.mean(0) + spread * (codes - codes.mean(0))


def _steadied(change: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """(n 513) changes that are slow in the bass: there the mean of the frames (n) that are `heard` nearby."""
    weight = heard[:, None] + 1e-3
    hertz = np.linspace(0, RATE / 2, change.shape[1])
    bass = hertz < BASS + 20 * EDGE  # above, less than 3e-9 of the mean is left
    low = change[:, bass]
    slow = _smooth(low * weight, SLOW) / _smooth(weight, SLOW)
    steady = change.copy()
    steady[:, bass] = slow + (low - slow) / (1 + np.exp((BASS - hertz[bass]) / EDGE))
    return steady


def _smooth(rows: np.ndarray, width: int) -> np.ndarray:
    kernel = np.hanning(width + 2)[1:-1]
    padded = np.pad(rows, ((width // 2, width // 2), (0, 0)), mode="edge")
    smooth = np.zeros_like(rows, dtype=np.float64)
    for start, share in enumerate(kernel / kernel.sum()):
        smooth += share * padded[start : start + len(rows)]
    return smooth
