"""Parallel frames of base TTS and recording; few-shot episodes (support, query) for the timbre encoder.

A shard is NAME.safetensors with `KEY.source` and `KEY.target` (n 50), envelope codes of base TTS and recording every 10 ms, their
`KEY.source_pitch` and `KEY.target_pitch` (n, 0 unvoiced), `KEY.spoken` (n), and NAME.json, a list of {key, frames}.
`deepaudio.prepare.eigenvoice_shards` writes them.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from deepaudio.audio.prior import world
from deepaudio.data import smoke
from deepaudio.data.shards import read_shard
from deepaudio.errors import InputError

STRETCHES = tuple(np.linspace(0.86, 1.16, 13))  # of frequency: other vocal tracts
SHORTEST = 300  # spoken frames


@dataclass(frozen=True)
class VoiceData:
    """Which shards, how many tasks a batch, how many support and query frames each has, and how recordings are varied."""

    shards: tuple[str, ...]
    batch_items: PositiveInt = 10
    support: PositiveInt = 110
    query: PositiveInt = 90
    tone: float = 0.25  # deviation of the tilt and colour of recordings, nepers
    dull: float = 0.2  # share of the tasks whose recording loses its top
    noisy: float = 0.3  # share of the tasks whose support is noisy

    def __post_init__(self) -> None:
        if not self.shards:
            raise ValueError("shards: name at least one")


class Pair(NamedTuple):
    """One recording of n frames."""

    source: Tensor
    source_voiced: Tensor
    target: Tensor
    target_voiced: Tensor
    spoken: Tensor  # row numbers


class Task(NamedTuple):
    """`support` are rows to fit the voice on, `query` rows to score it on; `recording` is what the fit sees of the target."""

    pair: Pair
    recording: Tensor  # (n 50), perhaps noisy
    clean: Tensor  # (n 50)
    part: Tensor  # all rows that the support is drawn from
    support: Tensor
    query: Tensor


class VoiceShards:
    """All shards in memory. Raises InputError for a missing shard or one without enough speech."""

    def __init__(self, data: VoiceData):
        self.data = data
        self.pairs = [pair for name in data.shards for pair in _read(Path(name))]
        self.pairs = [pair for pair in self.pairs if len(pair.spoken) >= SHORTEST]
        if not self.pairs:
            raise InputError("data.too_short", "no recording of 3 s of speech in the shards")

    def batch(self, rng: torch.Generator) -> list[Task]:
        return [self._task(rng) for _ in range(self.data.batch_items)]

    def _task(self, rng: torch.Generator) -> Task:
        d, pair = self.data, self.pairs[_below(len(self.pairs), rng)]
        n = len(pair.spoken)
        length = min(150 + _below(450, rng), n * 2 // 3)
        rows = pair.spoken if _below(2, rng) else pair.spoken.flip(0)
        part, rest = rows[:length], rows[length:]
        clean = pair.target @ stretches()[_below(len(STRETCHES), rng)]
        clean = clean + _colour(d.tone, float(torch.rand((), generator=rng)) < d.dull, rng)
        noisy = float(torch.rand((), generator=rng)) < d.noisy
        return Task(
            pair,
            _in_noise(clean, rng) if noisy else clean,
            clean,
            part,
            part[torch.randint(len(part), (d.support,), generator=rng)],
            rest[torch.randint(len(rest), (d.query,), generator=rng)],
        )


@lru_cache(maxsize=1)
def stretches() -> list[Tensor]:
    """(50 50) matrices, one for each of STRETCHES, that do to codes what moving frequencies does to envelopes."""
    level, spread = _level(), _spread()
    moved = []
    for stretch in STRETCHES:
        place = np.arange(spread.shape[1]) / stretch
        codes = world.coded(world.between(spread.T, place).T + level) - world.coded(level[None])
        moved.append(torch.from_numpy(codes).float())
    return moved


@lru_cache(maxsize=1)
def _to_envelope() -> Tensor:
    """(50 513) matrix from codes to log power (but for a constant)."""
    return torch.from_numpy(_spread()).float()


@lru_cache(maxsize=1)
def _to_codes() -> Tensor:
    return torch.from_numpy(np.linalg.pinv(_spread())).float()


def _level() -> np.ndarray:
    return world.decoded(np.zeros((1, world.N_CODES)))[0]


def _spread() -> np.ndarray:
    return world.decoded(np.eye(world.N_CODES)) - _level()


def _colour(tone: float, dull: bool, rng: torch.Generator) -> Tensor:
    colour = tone * torch.randn(world.N_CODES, generator=rng)
    colour = colour * torch.exp(-torch.arange(world.N_CODES) / 8.0)
    if dull:
        edge, depth = torch.rand(2, generator=rng).tolist()
        cut = torch.sigmoid((_hertz() - 3400 - 5600 * edge) / 300)
        colour = colour - (1 + 6 * depth) * cut @ _to_codes()
    return colour


def _in_noise(codes: Tensor, rng: torch.Generator) -> Tensor:
    """Codes of the same sound in steady noise 2.5 to 8 nepers (of power) below its loud frames."""
    envelope = codes @ _to_envelope()
    depth, tilt = torch.rand(2, generator=rng).tolist()
    loud = torch.quantile(envelope.mean(1), 0.8)
    noise = loud - 2.5 - 5.5 * depth + (_hertz() / 4000 - 1) * (1.5 * tilt - 1.2)
    return torch.logaddexp(envelope, noise.expand_as(envelope)) @ _to_codes()


def _hertz() -> Tensor:
    return torch.linspace(0, world.RATE / 2, world.N_FFT // 2 + 1)


def _read(path: Path) -> list[Pair]:
    rows, values = (
        smoke.voice_shard() if str(path) == smoke.NAME else read_shard(path, "shard of voices")
    )
    pairs = []
    for row in rows:
        source, target, source_pitch, target_pitch, spoken = (
            values[f"{row['key']}.{name}"].float()
            for name in ("source", "target", "source_pitch", "target_pitch", "spoken")
        )
        pairs.append(
            Pair(source, source_pitch > 0, target, target_pitch > 0, spoken.nonzero()[:, 0])
        )
    return pairs


def _below(n: int, rng: torch.Generator) -> int:
    return int(torch.randint(n, (), generator=rng))
