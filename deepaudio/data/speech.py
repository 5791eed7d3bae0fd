"""In-context pairs for the speech module: a few seconds of a voice, then what the same voice says next."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from deepaudio.audio.adapt import following, softly, without_floor
from deepaudio.audio.content import PITCH, VOICING, pitch_level
from deepaudio.audio.pitch import median_pitch
from deepaudio.data import smoke
from deepaudio.data.shard import read_shard

FRAME_RATE = 93.75


@dataclass(frozen=True)
class SpeechData:
    """Which shards, how often each, and the lengths in seconds that a batch draws from."""

    shards: tuple[str, ...]
    weights: tuple[float, ...] = ()
    batch_items: int = 6
    prompt_min: float = 1.5
    prompt_max: float = 5.0
    target_min: float = 1.5
    target_max: float = 5.0
    energy_blur: int = 0  # frames; V2S meets contours as smooth as a V2A model predicts them
    energies: str | None = None  # safetensors of contours by key that take the place of the real
    follows: float = 0.0  # share of the targets whose sketch has been given the level of the energy

    def __post_init__(self) -> None:
        if not self.shards:
            raise ValueError("shards: name at least one")
        if self.weights and len(self.weights) != len(self.shards):
            raise ValueError(f"weights: {len(self.weights)} for {len(self.shards)} shards")


class SpeechBatch(NamedTuple):
    """(b n ...) tensors; `prompt` marks reference frames, `target` what is to be generated from `sketch`."""

    mel: Tensor
    sketch: Tensor
    content: Tensor
    energy: Tensor
    prompt: Tensor
    target: Tensor


class _Entry(NamedTuple):
    speaker: str
    mel: Tensor
    sketch: Tensor
    content: Tensor
    energy: Tensor
    pitch: Tensor


class SpeechShards:
    """All shards in memory, without the steady noise of recordings; draws in-context pairs.

    The target is the sketch with the timbre of the recording: its smooth part is all that a small model can learn.

    Raises InputError for a missing shard.
    """

    def __init__(self, data: SpeechData):
        self.data = data
        predicted = load_file(data.energies) if data.energies else {}
        self.sources = [_read(Path(name), predicted) for name in data.shards]
        weights = data.weights or tuple(sum(len(e.mel) for e in source) for source in self.sources)
        self.weights = torch.tensor(weights, dtype=torch.double)
        self.voices = [_by_speaker(source) for source in self.sources]

    def batch(self, rng: torch.Generator) -> SpeechBatch:
        """One batch: `batch_items` pairs, padded to the longest."""
        d = self.data
        n_prompt = _between(d.prompt_min, d.prompt_max, rng)
        n_target = _between(d.target_min, d.target_max, rng)
        pairs = [self._pair(n_prompt, n_target, rng) for _ in range(d.batch_items)]
        return _collate(pairs)

    def _pair(self, n_prompt: int, n_target: int, rng: torch.Generator) -> tuple[_Entry, _Entry]:
        source = int(torch.multinomial(self.weights, 1, generator=rng))
        entry = self.sources[source][_below(len(self.sources[source]), rng)]
        others = self.voices[source][entry.speaker]
        n = len(entry.mel)
        if len(others) > 1 and (n < 2 * n_prompt or _below(2, rng)):
            prompt = others[_below(len(others), rng)]
            prompt, target = _crop(prompt, n_prompt, rng), _crop(entry, n_target, rng)
        else:
            # each half is sketched in the voice of the other
            halves = _cut(entry, 0, n // 2), _cut(entry, n // 2, n)
            first = _below(2, rng)
            prompt = _crop(halves[first], n_prompt, rng)
            target = _crop(halves[1 - first], n_target, rng)
        level = pitch_level(median_pitch(prompt.pitch) or median_pitch(entry.pitch))
        content = target.content.clone()
        content[:, PITCH] += level * (content[:, VOICING] > 0.5)
        energy = _blurred(target.energy, self.data.energy_blur)
        sketch = target.sketch
        if float(torch.rand((), generator=rng)) < self.data.follows:
            sketch = following(sketch, energy)
        mel = softly(target.mel, sketch)
        return prompt, target._replace(mel=mel, content=content, energy=energy, sketch=sketch)


def _read(path: Path, predicted: dict[str, Tensor]) -> list[_Entry]:
    rows, values = (
        smoke.speech_shard() if str(path) == smoke.NAME else read_shard(path, "speech shard")
    )
    names = _Entry._fields[2:]
    entries = []
    for row in rows:
        mel = values[f"{row['key']}.mel"]
        others = (values[f"{row['key']}.{name}"] for name in names)
        entry = _Entry(row["speaker"], without_floor(mel.float()).half(), *others)
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
    return _Entry(entry.speaker, *(value[start:end].float() for value in entry[1:]))


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


def _collate(pairs: list[tuple[_Entry, _Entry]]) -> SpeechBatch:
    n = max(len(p.mel) + len(t.mel) for p, t in pairs)
    rows = []
    for prompt, target in pairs:
        a, b = len(prompt.mel), len(target.mel)
        frame = torch.arange(n)
        pad = (0, 0, 0, n - a - b)
        rows.append(
            SpeechBatch(
                F.pad(torch.cat((prompt.mel, target.mel)), pad),
                F.pad(torch.cat((prompt.mel, target.sketch)), pad),
                F.pad(torch.cat((torch.zeros_like(prompt.content), target.content)), pad),
                F.pad(torch.cat((_peak(prompt.energy), _peak(target.energy)))[:, None], pad),
                frame < a,
                (frame >= a) & (frame < a + b),
            )
        )
    return SpeechBatch(*(torch.stack(parts) for parts in zip(*rows, strict=True)))
