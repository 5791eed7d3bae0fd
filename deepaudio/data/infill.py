"""Utterances with their text for infilling as F5-TTS trains it: a random span is hidden and spoken again (eq. 7)."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.prosody import NUMBERS
from deepaudio.audio.prosody import prosody as prosody_of
from deepaudio.data import smoke
from deepaudio.data.labels import number_of
from deepaudio.data.offsets import Reader, keys_of, row_of, table_of
from deepaudio.data.shards import shards_at
from deepaudio.errors import InputError

LENGTHS_VARY = 0.05  # by which utterances trade places when they are packed
NO_TEXT = -1  # pads token ids


@dataclass(frozen=True)
class InfillData:
    """Which shards (`*` as in a shell); how many frames and items a batch holds at most; which lengths in seconds and which spans count."""

    shards: tuple[str, ...]
    batch_frames: PositiveInt = 38_400
    batch_items: PositiveInt = 64
    shortest: float = 0.3
    longest: float = 30.0
    span_min: float = 0.7
    span_max: float = 1.0

    def __post_init__(self) -> None:
        if not self.shards:
            raise ValueError("shards: name at least one")
        if not 0 < self.span_min <= self.span_max <= 1:
            raise ValueError(
                f"spans must satisfy 0 < span_min <= span_max <= 1, got {self.span_min} and {self.span_max}"
            )


class InfillBatch(NamedTuple):
    """(b n c) mel, (b l) token ids, (b n) energy, (b n) which frames are there, (b n) which are to be spoken again."""

    mel: Tensor
    text: Tensor
    energy: Tensor
    mask: Tensor
    target: Tensor
    emotion: Tensor  # (b) number of the label, 0 where there is none
    prosody: Tensor  # (b 4) zeros where the shard does not know it


Source = Callable[[int, str], Tensor | None]  # (row, name) -> tensor of an utterance
Keys = Callable[[], list[str]]
AT_ONCE = 1_000_000  # utterances whose lengths are numbers of Python while they are packed


class InfillShards:
    """Utterances of all shards by length: `rows` (n 3) are frames, shard and row; tensors are read from disk when drawn.

    InputError for a missing shard, for an emotion that is not one of `emotions` where there are any, and where `prosody`
    is asked for and a shard has none.
    """

    def __init__(self, data: InfillData, emotions: Sequence[str] = (), prosody: bool = False):
        self.data, self.prosody = data, prosody
        self.sources: list[Source] = []
        rows, labels = [], []
        for name in data.shards:
            for source, table, keys in [_hummed()] if name == smoke.NAME else _opened(name):
                if prosody and source(0, "prosody") is None:
                    message = f"the shard {name} has no prosody"
                    hint = "deepaudio prepare infill --prosody, or model.prosody=false"
                    raise InputError("data.prosody", message, hint)
                place = np.full(len(table), len(self.sources), np.int32)
                rows.append(
                    np.stack([table["frames"], place, np.arange(len(table), dtype=np.int32)], 1)
                )
                labels.append(_numbers(table, emotions, name, keys))
                self.sources.append(source)
        rows, labels = np.concatenate(rows), np.concatenate(labels)
        low, high = data.shortest * FRAME_RATE, data.longest * FRAME_RATE
        kept = (low <= rows[:, 0]) & (rows[:, 0] <= min(high, data.batch_frames))
        order = np.flatnonzero(kept)
        order = order[np.argsort(rows[order, 0], kind="stable")]
        self.rows, self.labels = rows[order], labels[order]
        if not len(self.rows):
            raise InputError(
                "data.empty",
                f"no utterance of {data.shortest} to {data.longest} s in {', '.join(data.shards)}",
            )

    def epoch(self, seed: int, number: int) -> "Epoch":
        """The batches of an epoch in a random order, which `seed` and `number` alone decide: each utterance is in exactly one.

        Neighbours in length are packed until the budget is full, as F5-TTS does it; lengths count a little longer or shorter each time, so
        that the neighbours are others in every epoch.
        """
        rng = torch.Generator().manual_seed((1_000_003 * seed + number) % 2**63)
        counted = 1 + LENGTHS_VARY * (2 * torch.rand(len(self.rows), generator=rng) - 1)
        frames = self.rows[:, 0]
        order = np.argsort(frames * counted.numpy().astype(np.float64), kind="stable")
        order = order.astype(np.int32)
        edges, first, longest = array("q", [0]), 0, 0
        for start in range(0, len(order), AT_ONCE):
            for i, n in enumerate(frames[order[start : start + AT_ONCE]].tolist(), start):
                longest = max(longest, n)
                full = i - first == self.data.batch_items
                if i > first and (full or longest * (i - first + 1) > self.data.batch_frames):
                    edges.append(i)
                    first, longest = i, n
        edges.append(len(order))
        return Epoch(order, edges, torch.randperm(len(edges) - 1, generator=rng))

    def batch(
        self, places: Sequence[int], rng: torch.Generator, own: slice = slice(None)
    ) -> InfillBatch:
        """The utterances at `places` of `rows`, each with a hidden span drawn from `rng`; only those of `own` are read, the others drawn for."""
        rows, labels = self.rows[places].tolist(), self.labels[places].tolist()
        length, nothing = max(row[0] for row in rows), torch.zeros(len(NUMBERS) + 1)
        parts = []
        read = range(*own.indices(len(rows)))
        for place, (n, shard, row) in enumerate(rows):
            low, high = self.data.span_min, self.data.span_max
            share = low + (high - low) * float(torch.rand((), generator=rng))
            span = max(1, int(share * n))
            start = int(torch.randint(n - span + 1, (), generator=rng))
            if place not in read:
                continue
            source = self.sources[shard]
            mel, text, energy = (source(row, name) for name in ("mel", "text", "energy"))
            frame = torch.arange(length)
            parts.append(
                (
                    F.pad(mel.float(), (0, 0, 0, length - n)),
                    text.long(),
                    F.pad(energy.float(), (0, length - n)),
                    frame < n,
                    (frame >= start) & (frame < start + span),
                    torch.tensor(labels[place]),
                    source(row, "prosody").float() if self.prosody else nothing,
                )
            )
        mels, texts, energies, *others = zip(*parts, strict=True)
        ids = torch.nn.utils.rnn.pad_sequence(list(texts), batch_first=True, padding_value=NO_TEXT)
        return InfillBatch(torch.stack(mels), ids, torch.stack(energies), *map(torch.stack, others))


class Epoch(Sequence):
    """Batches in the order of an epoch, each the places of its utterances in `InfillShards.rows`; eight bytes a batch."""

    def __init__(self, order: np.ndarray, edges: array, sequence: Tensor):
        self.order, self.edges, self.sequence = order, edges, sequence

    def __len__(self) -> int:
        return len(self.sequence)

    def __getitem__(self, place: int) -> list[int]:
        if not 0 <= place < len(self):
            raise IndexError(place)
        batch = int(self.sequence[place])
        return self.order[self.edges[batch] : self.edges[batch + 1]].tolist()


def _opened(name: str) -> list[tuple[Source, np.ndarray, Keys]]:
    """Each shard of a name, with its table and the keys of its rows."""
    found = shards_at(name, "deepaudio prepare infill --help")
    reader = Reader(found)
    return [
        (partial(reader.read, number), table_of(shard), partial(keys_of, shard))
        for number, shard in enumerate(found)
    ]


def _numbers(table: np.ndarray, emotions: Sequence[str], name: str, keys: Keys) -> np.ndarray:
    """The numbers of the labels of a shard; InputError with the first utterance whose label is not known."""
    numbers = np.zeros(len(table), np.int8)
    for label in np.unique(table["emotion"]) if emotions else ():
        same = table["emotion"] == label
        text = label.decode()
        where = f"{name}: {keys()[int(same.argmax())]}" if text not in emotions else name
        numbers[same] = number_of(text, emotions, where)
    return numbers


def _hummed() -> tuple[Source, np.ndarray, Keys]:
    """The shard `synthetic`: humming voices whose text has one letter for each sound."""
    rows, tensors = smoke.speech_shard()
    for row, voice in zip(rows, smoke.voices(), strict=True):
        changes = torch.from_numpy(voice.sounds).unique_consecutive()
        tensors[f"{row['key']}.text"] = changes + 1
        tensors[f"{row['key']}.prosody"] = prosody_of(tensors[f"{row['key']}.pitch"], len(changes))
    rows = sorted(rows, key=lambda row: row["key"])
    table = np.zeros(len(rows), row_of(()))
    table["frames"] = [row["frames"] for row in rows]
    keys = [row["key"] for row in rows]
    return lambda row, name: tensors[f"{keys[row]}.{name}"], table, lambda: keys
