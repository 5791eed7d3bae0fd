"""Speech as WORLD sees it (Morise et al. 2016, by pyworld): pitch, smooth envelope and aperiodicity every 5 ms.

The envelope does not know the pitch, so each can be changed without harm to the other.
"""

from typing import NamedTuple

import numpy as np

from deepaudio.libraries import lean

with lean("pyworld"):  # its `__init__` takes its version from pkg_resources
    from pyworld import pyworld

RATE, PERIOD = 24_000, 0.005  # Hz, seconds
N_FFT, N_CODES = 1024, 50
SILENCE = -23.0  # log power


class World(NamedTuple):
    """(n) pitch in Hz, 0 where unvoiced; (n 513) natural log of the power envelope; (n 513) noise share in [0, 1]."""

    pitch: np.ndarray
    envelope: np.ndarray
    aperiodicity: np.ndarray


def pitch_of(waveform: np.ndarray) -> np.ndarray:
    """(s) at 24 kHz -> (n) Hz every 5 ms by DIO and StoneMask, 0 where unvoiced."""
    sound = np.ascontiguousarray(waveform, dtype=np.float64)
    rough, times = pyworld.dio(
        sound, RATE, f0_floor=60.0, f0_ceil=500.0, frame_period=1000 * PERIOD
    )
    return pyworld.stonemask(sound, rough, times, RATE)


def envelope_of(waveform: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """(n 513) natural log of the power envelope (CheapTrick) at the frames of `pitch`."""
    times = np.arange(len(pitch)) * PERIOD
    sound = np.ascontiguousarray(waveform, dtype=np.float64)
    return np.log(pyworld.cheaptrick(sound, pitch, times, RATE, fft_size=N_FFT))


def analyse(waveform: np.ndarray, pitch: np.ndarray) -> World:
    """(s) at 24 kHz and its pitch every 5 ms -> World."""
    times = np.arange(len(pitch)) * PERIOD
    sound = np.ascontiguousarray(waveform, dtype=np.float64)
    noise = pyworld.d4c(sound, pitch, times, RATE, fft_size=N_FFT)
    return World(pitch, envelope_of(waveform, pitch), noise)


def synthesise(world: World, samples: int) -> np.ndarray:
    """(samples) float32 at 24 kHz."""
    sound = pyworld.synthesize(
        np.ascontiguousarray(world.pitch),
        np.ascontiguousarray(np.exp(world.envelope)),
        np.ascontiguousarray(np.clip(world.aperiodicity, 0, 1)),
        RATE,
        1000 * PERIOD,
    )
    return np.pad(sound, (0, max(0, samples - len(sound))))[:samples].astype(np.float32)


def coded(envelope: np.ndarray) -> np.ndarray:
    """(n 513) log power -> (n N_CODES) cepstrum on a mel axis, the level first."""
    return pyworld.code_spectral_envelope(np.ascontiguousarray(np.exp(envelope)), RATE, N_CODES)


def decoded(codes: np.ndarray) -> np.ndarray:
    """The inverse of `coded`, without the detail that it leaves out."""
    return np.log(pyworld.decode_spectral_envelope(np.ascontiguousarray(codes), RATE, N_FFT))


def active(envelope: np.ndarray, depth: float = 8.0) -> np.ndarray:
    """(n) True where the log power is within `depth` of the loudest frame."""
    level = np.log(np.exp(envelope).mean(1))
    return level > level.max() - depth


def between(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Rows of `values` at fractional rows `place`, linear in between."""
    place = np.clip(place, 0, len(values) - 1)
    low = place.astype(int)
    mix = (place - low).reshape(-1, *[1] * (values.ndim - 1))
    return values[low] * (1 - mix) + values[np.minimum(low + 1, len(values) - 1)] * mix


def pitch_between(pitch: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Pitch at fractional rows: linear inside voiced stretches, voicing of the nearest row."""
    place = np.clip(place, 0, len(pitch) - 1)
    return np.where(pitch[np.round(place).astype(int)] > 0, between(unbroken(pitch), place), 0.0)


def unbroken(pitch: np.ndarray) -> np.ndarray:
    """Pitch with its unvoiced stretches bridged; all zero if nothing is voiced."""
    voiced = np.flatnonzero(pitch > 0)
    return np.interp(np.arange(len(pitch)), voiced, pitch[voiced]) if len(voiced) else pitch * 0.0
