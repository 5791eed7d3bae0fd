"""Waveform segments with pitch for vocoder training: banks prepared once, cut at random."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.grid import HOP, SAMPLE_RATE
from deepaudio.data import smoke
from deepaudio.data.shards import whole
from deepaudio.errors import InputError

log = logging.getLogger(__name__)
PITCH_RANGE = (55.0, 600.0)  # Hz


class Segments(NamedTuple):
    """Waveforms in [-1, 1] and their pitch in Hz per frame, 0 where unvoiced or not speech."""

    waveform: Float[Tensor, "b s"]
    pitch: Float[Tensor, "b n"]


@dataclass(frozen=True)
class Bank:
    """Recordings of one kind, end to end: int16 at 24 kHz, and one pitch value a hop."""

    audio: np.ndarray
    pitch: np.ndarray
    starts: np.ndarray  # first hop of each recording
    lengths: np.ndarray  # hops of each recording

    @classmethod
    def open(cls, folder: Path | str) -> "Bank":
        """Read what `write_bank` wrote; InputError when it is not there."""
        if str(folder) == smoke.NAME:
            return cls.hummed()
        folder = Path(folder)
        if not (folder / "index.json").is_file():
            raise InputError(
                "data.missing", f"no vocoder bank in {folder}", hint="prepare it first"
            )
        return cls(
            whole(folder / "audio.npy", partial(np.load, mmap_mode="r")),
            whole(folder / "pitch.npy", np.load),
            *whole(folder / "index.json", _starts_and_lengths).T,
        )

    @classmethod
    def hummed(cls) -> "Bank":
        """The bank `synthetic` of the smoke recipe, made in memory."""
        parts = list(smoke.recordings().values())
        lengths = np.array([len(pitch) for _, pitch in parts])
        audio = np.concatenate([(wave * 32767).astype(np.int16) for wave, _ in parts])
        return cls(
            audio,
            np.concatenate([pitch for _, pitch in parts]),
            np.cumsum(lengths) - lengths,
            lengths,
        )


def write_bank(
    folder: Path | str, recordings: Mapping[str, np.ndarray], speech: bool = True
) -> Path:
    """Write a bank of waveforms at 24 kHz, each scaled to a peak of 0.9; pitch by WORLD when they are speech."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    audio, pitch, index, start = [], [], [], 0
    for name, waveform in recordings.items():
        peak = float(np.abs(waveform).max(initial=0.0))
        hops = len(waveform) // HOP
        if peak < 1e-3 or hops < 16:
            log.warning("left out %s: silent or shorter than %d samples", name, 16 * HOP)
            continue
        scaled = waveform[: hops * HOP] * (0.9 / peak)
        audio.append((scaled * 32767).astype(np.int16))
        pitch.append(_pitch(scaled)[:hops] if speech else np.zeros(hops, np.float32))
        index.append({"name": name, "start": start, "hops": hops})
        start += hops
    if not index:
        raise InputError("data.empty", f"nothing to write to {folder}")
    np.save(folder / "audio.npy", np.concatenate(audio))
    np.save(folder / "pitch.npy", np.concatenate(pitch))
    text = json.dumps(
        {"sample_rate": SAMPLE_RATE, "hop_length": HOP, "recordings": index},
        ensure_ascii=False,
        indent=0,
    )
    (folder / "index.json").write_text(text, encoding="utf-8")
    return folder


def segments(
    banks: list[Bank], weights: list[float], frames: int, items: int, rng: torch.Generator
) -> Iterator[Segments]:
    """Endless batches of `items` segments of (frames - 1) hops at random places and levels; short ones are padded."""
    odds = torch.tensor(weights, dtype=torch.float64)
    chances = [torch.tensor(bank.lengths, dtype=torch.float64) for bank in banks]
    hops = frames - 1
    while True:
        waveform, pitch = torch.zeros(items, hops * HOP), torch.zeros(items, frames)
        for i, which in enumerate(
            torch.multinomial(odds, items, replacement=True, generator=rng).tolist()
        ):
            bank = banks[which]
            take = int(torch.multinomial(chances[which], 1, generator=rng))
            spare = max(0, int(bank.lengths[take]) - hops)
            first = int(bank.starts[take]) + int(torch.randint(spare + 1, (), generator=rng))
            n = min(hops, int(bank.lengths[take]))
            cut = torch.from_numpy(
                bank.audio[first * HOP : (first + n) * HOP].astype(np.float32) / 32767
            )
            gain_db = -24 * float(torch.rand((), generator=rng)) ** 2
            waveform[i, : n * HOP] = cut * 10 ** (gain_db / 20)
            pitch[i, :n] = torch.from_numpy(bank.pitch[first : first + n])
            pitch[i, n:] = pitch[i, n - 1] if n == hops else 0.0
        yield Segments(waveform, pitch)


def _starts_and_lengths(index: Path) -> np.ndarray:
    rows = json.loads(index.read_bytes())["recordings"]
    return np.array([(int(row["start"]), int(row["hops"])) for row in rows]).reshape(-1, 2)


def _pitch(waveform: np.ndarray) -> np.ndarray:
    import pyworld

    x = waveform.astype(np.float64)
    low, high = PITCH_RANGE
    rough, times = pyworld.dio(
        x, SAMPLE_RATE, f0_floor=low, f0_ceil=high, frame_period=1000 * HOP / SAMPLE_RATE
    )
    fine = pyworld.stonemask(x, rough, times, SAMPLE_RATE)
    return fine.astype(np.float32)
