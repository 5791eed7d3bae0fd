"""Utterances with their text for infilling as F5-TTS trains it: a random span is hidden and spoken again (eq. 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.prosody import NUMBERS
from deepaudio.audio.prosody import prosody as prosody_of
from deepaudio.data import smoke
from deepaudio.data.labels import number_of
from deepaudio.data.shards import reader_of, rows_of, shards_at
from deepaudio.errors import InputError

LENGTHS_VARY = 0.05  # by which utterances trade places when they are packed
NO_TEXT = -1  # pads token ids


@dataclass(frozen=True)
class InfillData:
    """Which shards (`*` as in a shell); how many frames and items a batch holds at most; which lengths in seconds and which spans count."""

    shards: tuple[str, ...]
    batch_frames: int = 38_400
    batch_items: int = 64
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


Row = tuple[int, int, str]  # frames, reader, key


class InfillShards:
    """Utterances of all shards by length; tensors are read from disk when drawn.

    InputError for a missing shard, for an emotion that is not one of `emotions` where there are any, and where `prosody`
    is asked for and a shard has none.
    """

    def __init__(self, data: InfillData, emotions: Sequence[str] = (), prosody: bool = False):
        self.data, self.prosody = data, prosody
        self.emotions: dict[tuple[int, str], int] = {}  # of those that have one
        self.readers, rows = [], []
        for name in data.shards:
            for read, found in [_hummed()] if name == smoke.NAME else _opened(name):
                self.readers.append(read)
                place = len(self.readers) - 1
                rows += [(row["frames"], place, row["key"]) for row in found]
                if prosody:
                    _look_for_prosody(name, read, found)
                labelled = [row for row in found if emotions and row.get("emotion")]
                for row in labelled:
                    label = number_of(row["emotion"], emotions, f"{name}: {row['key']}")
                    self.emotions[place, row["key"]] = label
        low, high = data.shortest * FRAME_RATE, data.longest * FRAME_RATE
        self.rows = sorted(row for row in rows if low <= row[0] <= min(high, data.batch_frames))
        if not self.rows:
            raise InputError(
                "data.empty",
                f"no utterance of {data.shortest} to {data.longest} s in {', '.join(data.shards)}",
            )

    def epoch(self, seed: int, number: int) -> list[list[Row]]:
        """The batches of an epoch in a random order, which `seed` and `number` alone decide: each utterance is in exactly one.

        Neighbours in length are packed until the budget is full, as F5-TTS does it; lengths count a little longer or shorter each time, so
        that the neighbours are others in every epoch.
        """
        rng = torch.Generator().manual_seed(1_000_003 * seed + number)
        counted = 1 + LENGTHS_VARY * (2 * torch.rand(len(self.rows), generator=rng) - 1)
        pairs = zip(self.rows, counted.tolist(), strict=True)
        rows = [row for row, _ in sorted(pairs, key=lambda pair: pair[0][0] * pair[1])]
        batches, packed, longest = [], [], 0
        for row in rows:
            longest = max(longest, row[0])
            full = len(packed) == self.data.batch_items
            if packed and (full or longest * (len(packed) + 1) > self.data.batch_frames):
                batches.append(packed)
                packed, longest = [], row[0]
            packed.append(row)
        batches.append(packed)
        return [batches[i] for i in torch.randperm(len(batches), generator=rng).tolist()]

    def batch(self, rows: list[Row], rng: torch.Generator, own: slice = slice(None)) -> InfillBatch:
        """The utterances of `rows`, each with a hidden span drawn from `rng`; only those of `own` are read, the others drawn for."""
        length, nothing = max(row[0] for row in rows), torch.zeros(len(NUMBERS) + 1)
        parts = []
        read = range(*own.indices(len(rows)))
        for place, (n, reader, key) in enumerate(rows):
            low, high = self.data.span_min, self.data.span_max
            share = low + (high - low) * float(torch.rand((), generator=rng))
            span = max(1, int(share * n))
            start = int(torch.randint(n - span + 1, (), generator=rng))
            if place not in read:
                continue
            mel, text, energy = (
                self.readers[reader](f"{key}.{name}") for name in ("mel", "text", "energy")
            )
            frame = torch.arange(length)
            parts.append(
                (
                    F.pad(mel.float(), (0, 0, 0, length - n)),
                    text.long(),
                    F.pad(energy.float(), (0, length - n)),
                    frame < n,
                    (frame >= start) & (frame < start + span),
                    torch.tensor(self.emotions.get((reader, key), 0)),
                    self.readers[reader](f"{key}.prosody").float() if self.prosody else nothing,
                )
            )
        mels, texts, energies, *others = zip(*parts, strict=True)
        ids = torch.nn.utils.rnn.pad_sequence(list(texts), batch_first=True, padding_value=NO_TEXT)
        return InfillBatch(torch.stack(mels), ids, torch.stack(energies), *map(torch.stack, others))


def _opened(name: str):
    hint = "deepaudio prepare infill --help"
    return [(reader_of(shard).get_tensor, rows_of(shard)) for shard in shards_at(name, hint)]


def _look_for_prosody(name: str, read, rows: list[dict]) -> None:
    """InputError for a shard without it: one is written with it or without."""
    try:
        read(f"{rows[0]['key']}.prosody")
    except SafetensorError as error:
        message = f"the shard {name} has no prosody"
        hint = "deepaudio prepare infill --prosody, or model.prosody=false"
        raise InputError("data.prosody", message, hint) from error


def _hummed():
    """The shard `synthetic`: humming voices whose text has one letter for each sound."""
    rows, tensors = smoke.speech_shard()
    for row, voice in zip(rows, smoke.voices(), strict=True):
        changes = torch.from_numpy(voice.sounds).unique_consecutive()
        tensors[f"{row['key']}.text"] = changes + 1
        tensors[f"{row['key']}.prosody"] = prosody_of(tensors[f"{row['key']}.pitch"], len(changes))
    return tensors.__getitem__, rows
