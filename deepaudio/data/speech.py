"""In-context pairs for the speech module: a few seconds of a voice, then what the same voice says next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.pitch import median_pitch, octaves
from deepaudio.audio.prior.content import PITCH, VOICING, pitch_level
from deepaudio.audio.prior.shaping import (
    active_frames,
    follow_energy,
    subtract_noise,
)
from deepaudio.audio.prosody import letters_in, prosody
from deepaudio.data import smoke
from deepaudio.data.labels import number_of
from deepaudio.data.shards import read_shard, shards_at, tensors_in

MARGIN = 12  # frames of silence that are left where silent ends are cut off


@dataclass(frozen=True)
class SpeechData:
    """Which shards, how often each, and the lengths in seconds that a batch draws from.

    A name may end in `*`: all shards that begin so are one source.
    """

    shards: tuple[str, ...]
    weights: tuple[NonNegativeFloat, ...] = ()
    batch_items: PositiveInt = 6
    prompt_min: PositiveFloat = 1.5
    prompt_max: PositiveFloat = 5.0
    target_min: PositiveFloat = 1.5
    target_max: PositiveFloat = 5.0
    energy_blur: NonNegativeInt = (
        0  # frames; V2S meets contours as smooth as a V2A model predicts them
    )
    energies: str | None = None  # safetensors of contours by key that take the place of the real
    follows: float = 0.0  # share of the targets whose prior has been given the level of the energy
    frames: NonNegativeInt = 0  # of every batch, prompt and target together, as one shape is compiled once; 0: as they come
    colour: float = 0.0  # deviation in nepers of another microphone: random smooth curves added to all of a pair

    def __post_init__(self) -> None:
        if not self.shards:
            raise ValueError("shards: name at least one")
        if self.weights and not any(self.weights):
            raise ValueError("weights: all are 0")
        if self.weights and len(self.weights) != len(self.shards):
            raise ValueError(f"weights: {len(self.weights)} for {len(self.shards)} shards")


class SpeechBatch(NamedTuple):
    """(b n ...) tensors; `prompt` marks reference frames, `target` what is to be generated from `prior`."""

    mel: Tensor
    prior: Tensor
    content: Tensor
    energy: Tensor
    prompt: Tensor
    target: Tensor
    pitch: Tensor  # (b n 1) octaves above the median of the prompt or the target, 0 unvoiced
    emotion: Tensor  # (b) number of the target's label, 0 where it has none
    prosody: Tensor  # (b 4) of the target's whole utterance, zeros where too little is voiced


class _Entry(NamedTuple):
    speaker: str
    mel: Tensor
    prior: Tensor
    content: Tensor
    energy: Tensor
    pitch: Tensor
    emotion: Tensor
    prosody: Tensor

    def part(self, first: int, last: int) -> "_Entry":
        """Its frames from `first` to before `last`."""
        return self._replace(**{name: getattr(self, name)[first:last] for name in _FRAMES})


_FRAMES = ("mel", "prior", "content", "energy", "pitch")


class SpeechShards:
    """All shards in memory, recordings without their steady noise and silent ends; draws in-context pairs.

    Raises InputError for a missing shard, and for an emotion that is not one of `emotions` where there are any.
    """

    def __init__(self, data: SpeechData, emotions: Sequence[str] = ()):
        self.data = data
        predicted = {}
        if data.energies:
            hint = "deepaudio prepare energies writes it; data.energies=null takes each recording's own"
            predicted = tensors_in(Path(data.energies), "predicted energies", hint)
        self.sources = [
            [
                _trimmed(entry)
                for place in _places(name)
                for entry in _read(place, predicted, emotions)
            ]
            for name in data.shards
        ]
        weights = data.weights or tuple(sum(len(e.mel) for e in source) for source in self.sources)
        self.weights = torch.tensor(weights, dtype=torch.double)
        self.voices = [_by_speaker(source) for source in self.sources]

    def batch(self, rng: torch.Generator) -> SpeechBatch:
        """One batch: `batch_items` pairs, padded to the longest."""
        d = self.data
        n_prompt = _between(d.prompt_min, d.prompt_max, rng)
        n_target = _between(d.target_min, d.target_max, rng)
        pairs = [self._pair(n_prompt, n_target, rng) for _ in range(d.batch_items)]
        return _collate(pairs, d.frames)

    def _pair(self, n_prompt: int, n_target: int, rng: torch.Generator) -> tuple[_Entry, _Entry]:
        source = int(torch.multinomial(self.weights, 1, generator=rng))
        entry = self.sources[source][_below(len(self.sources[source]), rng)]
        others = self.voices[source][entry.speaker]
        n = len(entry.mel)
        if self.data.frames:
            n_prompt = _between(self.data.prompt_min, self.data.prompt_max, rng)
        if len(others) > 1 and (n < 2 * n_prompt or _below(2, rng)):
            prompt = others[_below(len(others), rng)]
            if prompt is entry:
                prompt = next(other for other in others if other is not entry)
            prompt, target = _crop(prompt, n_prompt, rng), entry
        else:
            # each half is sketched in the voice of the other
            halves = _cut(entry, 0, n // 2), _cut(entry, n // 2, n)
            first = _below(2, rng)
            prompt = _crop(halves[first], n_prompt, rng)
            target = halves[1 - first]
        room = self.data.frames - len(prompt.mel) if self.data.frames else n_target
        target = _crop(target, room, rng)
        level = pitch_level(median_pitch(prompt.pitch) or median_pitch(entry.pitch))
        content = target.content.clone()
        content[:, PITCH] += level * (content[:, VOICING] > 0.5)
        energy = _blurred(target.energy, self.data.energy_blur)
        prior = target.prior
        if float(torch.rand((), generator=rng)) < self.data.follows:
            prior = follow_energy(prior, energy)
        mel = target.mel
        if self.data.colour:
            curve = _colour(mel.shape[1], self.data.colour, rng)
            prompt = prompt._replace(mel=prompt.mel + curve)
            mel, prior = mel + curve, prior + curve
        return prompt, target._replace(mel=mel, content=content, energy=energy, prior=prior)


def _places(name: str) -> list[Path]:
    if name == smoke.NAME:
        return [Path(name)]
    return shards_at(name, "docs/training.md says how to make it")


def _trimmed(entry: _Entry) -> _Entry:
    """Without its silent ends, but for a few frames."""
    heard = active_frames(entry.mel.float()).nonzero()[:, 0]
    first, last = max(0, int(heard[0]) - MARGIN), int(heard[-1]) + 1 + MARGIN
    return entry.part(first, last)


def _colour(n_mels: int, deviation: float, rng: torch.Generator) -> Tensor:
    """(c) a slow curve over the mel axis: four cosines, the faster the weaker."""
    order = torch.arange(1, 5)
    place = (torch.arange(n_mels) + 0.5) * math.pi / n_mels
    share = deviation * torch.randn(4, generator=rng) / order
    return share @ torch.cos(order[:, None] * place)


def _read(path: Path, predicted: dict[str, Tensor], emotions: Sequence[str]) -> list[_Entry]:
    rows, values = (
        smoke.speech_shard() if str(path) == smoke.NAME else read_shard(path, "speech shard")
    )
    entries = []
    for row in rows:
        mel = values[f"{row['key']}.mel"]
        others = [values[f"{row['key']}.{name}"] for name in _FRAMES[1:]]
        label = number_of(row.get("emotion"), emotions, f"{path}: {row['key']}") if emotions else 0
        style = torch.tensor(label), prosody(others[-1].float(), letters_in(row["text"]))
        entry = _Entry(row["speaker"], subtract_noise(mel.float()).half(), *others, *style)
        if row["key"] in predicted:
            contour = predicted[row["key"]][: len(entry.mel)]
            entry = entry._replace(energy=F.pad(contour, (0, len(entry.mel) - len(contour))).half())
        entries.append(entry)
    return entries


def _by_speaker(source: Sequence[_Entry]) -> dict[str, list[_Entry]]:
    voices: dict[str, list[_Entry]] = {}
    for entry in source:
        voices.setdefault(entry.speaker, []).append(entry)
    return voices


def _below(n: int, rng: torch.Generator) -> int:
    return int(torch.randint(n, (), generator=rng))


def _between(low: float, high: float, rng: torch.Generator) -> int:
    return int((low + (high - low) * float(torch.rand((), generator=rng))) * FRAME_RATE)


def _cut(entry: _Entry, start: int, end: int) -> _Entry:
    part = entry.part(start, end)
    return part._replace(**{name: getattr(part, name).float() for name in _FRAMES})


def _crop(entry: _Entry, n: int, rng: torch.Generator) -> _Entry:
    start = _below(max(1, len(entry.mel) - n + 1), rng)
    return _cut(entry, start, start + n)


def _blurred(energy: Tensor, width: int) -> Tensor:
    if width < 2:
        return energy
    padded = F.pad(energy[None, None], (width // 2, width - 1 - width // 2), mode="replicate")
    return F.avg_pool1d(padded, width, stride=1)[0, 0]


def _peak(energy: Tensor) -> Tensor:
    return energy / energy.max().clamp(min=1e-3)


def _collate(pairs: list[tuple[_Entry, _Entry]], frames: int = 0) -> SpeechBatch:
    n = frames or max(len(p.mel) + len(t.mel) for p, t in pairs)
    rows = []
    for prompt, target in pairs:
        a, b = len(prompt.mel), len(target.mel)
        frame = torch.arange(n)
        pad = (0, 0, 0, n - a - b)
        rows.append(
            SpeechBatch(
                F.pad(torch.cat((prompt.mel, target.mel)), pad),
                F.pad(torch.cat((prompt.mel, target.prior)), pad),
                F.pad(torch.cat((torch.zeros_like(prompt.content), target.content)), pad),
                F.pad(torch.cat((_peak(prompt.energy), _peak(target.energy)))[:, None], pad),
                frame < a,
                (frame >= a) & (frame < a + b),
                F.pad(torch.cat((octaves(prompt.pitch), octaves(target.pitch)))[:, None], pad),
                target.emotion,
                target.prosody,
            )
        )
    return SpeechBatch(*(torch.stack(parts) for parts in zip(*rows, strict=True)))
