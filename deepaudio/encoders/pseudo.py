"""Pseudo-speakers: the content encoder's teacher with another pitch, vocal tract and spectral colour.

Their speech lies exactly on their content, which real recordings never do; it teaches what sound belongs to what content.
"""

import numpy as np
import torch
from torch import Tensor

from deepaudio.audio.content import TEACHER_RATE, Anchors, Spectra, Utterance, near
from deepaudio.encoders.content import ContentEncoder

N_BINS = 601
RATE = 24_000


def speak(encoder: ContentEncoder, phonemes: str, rng: np.random.Generator) -> Tensor:
    """(s) at 24 kHz: one sentence by a new pseudo-speaker."""
    from hibari import dsp

    spectra, _ = encoder.spectra(phonemes)
    tract, pitch = rng.uniform(0.82, 1.22), np.exp(rng.uniform(np.log(0.5), np.log(1.5)))
    other = disguised(spectra, tract, pitch, colour(rng))
    return torch.from_numpy(dsp.synth(*other, rng))


def disguised(spectra: Spectra, tract: float, pitch: float, colour_db: np.ndarray) -> Spectra:
    """Formants moved by `tract`, f0 by `pitch`, and a gain curve (601) in dB over frequency."""
    source = np.clip(np.arange(N_BINS) / tract, 0, N_BINS - 1)
    low = source.astype(int)
    mix = (source - low)[:, None].astype(np.float32)
    high = np.minimum(low + 1, N_BINS - 1)
    gain = (colour_db * np.log(10) / 20)[:, None].astype(np.float32)

    def moved(x: np.ndarray) -> np.ndarray:
        return x[low] * (1 - mix) + x[high] * mix

    return Spectra(
        moved(spectra.harmonic) + gain,
        spectra.rotation,
        moved(spectra.noise) + gain,
        moved(spectra.residual) + gain,
        spectra.phase,
        (spectra.f0 * pitch).astype(np.float32),
    )


def colour(rng: np.random.Generator) -> np.ndarray:
    """(601) dB: a random tilt and a few broad bumps, and sometimes nothing above 8 kHz as in 16 kHz recordings."""
    place = np.linspace(0, 1, N_BINS)
    curve = rng.uniform(-12, 6) * place
    for _ in range(4):
        curve = curve + rng.normal(0, 3) * np.exp(
            -(((place - rng.uniform(0, 0.7)) / rng.uniform(0.05, 0.2)) ** 2)
        )
    if rng.uniform() < 0.6:
        curve = np.where(place > 8000 / 12000, curve - 80, curve)
    return curve


def adapted(
    utterance: Utterance, anchors: Anchors, seconds: float, pitch: float | None, seed: int
) -> Tensor:
    """(s) at 24 kHz: the utterance at the times of `anchors`, its pitch and vocal tract moved towards a voice.

    `pitch` is the voice's median f0 in Hz. The vocal tract follows from it (longer for lower voices).
    """
    from hibari import dsp

    spectra = utterance.spectra
    times = (np.arange(max(1, round(seconds * TEACHER_RATE))) + 0.5) / TEACHER_RATE
    place = np.clip(anchors.teacher_time(times) * TEACHER_RATE - 0.5, 0, spectra.f0.shape[-1] - 1)
    low = place.astype(int)
    high, mix = np.minimum(low + 1, spectra.f0.shape[-1] - 1), (place - low).astype(np.float32)
    nearest = np.round(place).astype(int)
    envelopes = [
        x[:, low] * (1 - mix) + x[:, high] * mix
        for x in (spectra.harmonic, spectra.noise, spectra.residual)
    ]
    voiced = spectra.f0 > 40
    own = float(np.median(spectra.f0[voiced])) if voiced.any() else 180.0
    ratio = float(np.clip((pitch or own) / own, 0.4, 2.0))
    quiet = ~near(times, anchors.real)
    laid = Spectra(
        envelopes[0],
        spectra.rotation[:, nearest],
        envelopes[1],
        envelopes[2],
        spectra.phase[:, nearest],
        spectra.f0[nearest],
    )
    other = disguised(laid, float(np.clip(ratio**0.25, 0.84, 1.15)), ratio, np.zeros(N_BINS))
    for part in (other.harmonic, other.noise, other.residual):
        part[:, quiet] = -12.0
    return torch.from_numpy(dsp.synth(*other, np.random.default_rng(seed)))
