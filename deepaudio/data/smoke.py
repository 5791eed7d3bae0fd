"""Material for the smoke recipes, made in memory in a moment: buzzing voices that hum and hiss.

It stands in wherever a recipe names the shard or bank `synthetic`. No files, no base TTS, the same numbers every time.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.audio.grid import FRAME_RATE, HOP, SAMPLE_RATE
from deepaudio.audio.mel import log_mel
from deepaudio.audio.prior.world import active, coded, envelope_of, pitch_of

NAME = "synthetic"
# first three formants in Hz, and how much of the sound is noise
SOUNDS = {
    "a": (730, 1090, 2440, 0.02), "i": (270, 2290, 3010, 0.02), "u": (300, 870, 2240, 0.02), "e": (530, 1840, 2480, 0.02),
    "m": (250, 1100, 2200, 0.05), "s": (4500, 6500, 8500, 1.0), "-": (500, 1500, 2500, 0.0),
}  # fmt: skip
N_HARMONIC, N_NOISE = 60, 30  # bands of the content features, then voicing and pitch movement


class HummingVoice(NamedTuple):
    """One utterance: waveform (s), and per frame (n) pitch in Hz, loudness, and the sound's place in SOUNDS."""

    speaker: str
    waveform: np.ndarray
    pitch: np.ndarray
    loudness: np.ndarray
    sounds: np.ndarray


@lru_cache(maxsize=4)
def voices(count: int = 9, seed: int = 0) -> tuple[HummingVoice, ...]:
    """Utterances of 3 to 4 s by three speakers who differ in pitch."""
    return tuple(_voice(np.random.default_rng([seed, index]), index % 3) for index in range(count))


def speech_shard() -> tuple[list[dict], dict[str, Tensor]]:
    """Rows and tensors as `deepaudio.prepare.speech_shards` writes them."""
    rows, tensors = [], {}
    for number, voice in enumerate(voices()):
        key, mel = f"hum{number}", _mel(voice)
        n = len(mel)
        tensors |= {
            f"{key}.mel": mel,
            f"{key}.prior": torch.nn.functional.avg_pool1d(mel.T[None], 9, 1, 4)[0].T,
            f"{key}.content": _content(voice)[:n],
            f"{key}.energy": energy_contour(torch.from_numpy(voice.waveform), SAMPLE_RATE, n),
            f"{key}.pitch": torch.from_numpy(voice.pitch[:n]),
        }
        rows.append({"key": key, "speaker": voice.speaker, "frames": n, "text": ""})
    return rows, tensors


def voice_shard() -> tuple[list[dict], dict[str, Tensor]]:
    """Rows and tensors as `deepaudio.prepare.eigenvoice_shards` writes them: each voice beside the same sounds at another pitch."""
    rows, tensors = [], {}
    for number, voice in enumerate(voices()):
        key = f"hum{number}"
        pitch = pitch_of(voice.waveform)
        envelope = envelope_of(voice.waveform, pitch)
        codes = torch.from_numpy(coded(envelope)[::2])
        tilt = torch.exp(-torch.arange(codes.shape[1]) / 4.0) * (number % 3 - 1)
        tensors |= {
            f"{key}.source": codes,
            f"{key}.target": codes + 0.5 * tilt,
            f"{key}.source_pitch": torch.from_numpy(pitch[::2]),
            f"{key}.target_pitch": torch.from_numpy(pitch[::2]),
            f"{key}.spoken": torch.from_numpy(active(envelope)[::2]),
        }
        rows.append({"key": key, "frames": len(codes)})
    return rows, tensors


def recordings() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Waveform (s) and pitch (n) by name, for training a vocoder."""
    return {f"hum{number}": (voice.waveform, voice.pitch) for number, voice in enumerate(voices())}


def _voice(rng: np.random.Generator, speaker: int) -> HummingVoice:
    names, sounds, loudness = list(SOUNDS), [], []
    while sum(map(len, sounds)) < FRAME_RATE * rng.uniform(3, 4):
        which, length = int(rng.integers(len(names))), int(rng.integers(8, 22))
        level = 0.0 if names[which] == "-" else rng.uniform(0.4, 1.0)
        sounds.append(np.full(length, which))
        loudness.append(level * np.hanning(length + 2)[1:-1] ** 0.5)
    places, level = np.concatenate(sounds), np.concatenate(loudness).astype(np.float32)
    n = len(places)
    pitch = (100.0, 150.0, 220.0)[speaker] * 2 ** (
        0.2 * np.sin(np.arange(n) / FRAME_RATE * rng.uniform(2, 5))
    )
    samples = np.arange(n * HOP)
    hertz, gain = (np.interp(samples / HOP, np.arange(n) + 0.5, x) for x in (pitch, level))
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    shapes = np.array([SOUNDS[name] for name in names])[places]
    wave = (shapes[:, 3] * 0.3).repeat(HOP) * rng.standard_normal(n * HOP)
    for harmonic in range(1, 16):
        near = sum(
            np.exp(-(((harmonic * pitch - shapes[:, i]) / (90 + 60 * i)) ** 2)) for i in range(3)
        )
        wave += ((1 - shapes[:, 3]) * (0.03 + near) / harmonic**0.5).repeat(HOP) * np.sin(
            harmonic * phase
        )
    wave = (wave * gain).astype(np.float32)
    voiced = (level > 0) & (np.array([SOUNDS[name][3] for name in names])[places] < 0.5)
    pitch = np.where(voiced, pitch, 0).astype(np.float32)
    return HummingVoice(f"hum{speaker}", 0.7 * wave / np.abs(wave).max(), pitch, level, places)


def _mel(voice: HummingVoice) -> Tensor:
    mel = log_mel(torch.from_numpy(voice.waveform)[None])[0]
    return mel[: len(voice.pitch)]


def _content(voice: HummingVoice) -> Tensor:
    """What is said, without the speaker: envelopes of the sound in harmonic and noise bands, voicing, pitch movement."""
    table = torch.zeros(len(SOUNDS), N_HARMONIC + N_NOISE)
    for place, (*formants, noise) in enumerate(SOUNDS.values()):
        bands = torch.linspace(100, 9000, N_HARMONIC)
        near = sum(torch.exp(-(((bands - f) / 400) ** 2)) for f in formants)
        table[place, :N_HARMONIC] = near * (1 - noise)
        table[place, N_HARMONIC:] = near[::2] * noise
    frames = table[torch.from_numpy(voice.sounds)] * torch.from_numpy(voice.loudness)[:, None]
    voicing = torch.from_numpy((voice.pitch > 0).astype(np.float32))
    return torch.cat([frames, voicing[:, None], torch.zeros(len(frames), 1)], 1)
