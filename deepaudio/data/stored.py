"""Shards of precomputed features for training V2A at full size: fixed windows, tensors read from disk when drawn.

A shard is NAME.safetensors and NAME.json, a list of {key}. For MMAudio's network: `KEY.latent` and `KEY.spread` (n c), mean and deviation
of the codec's posterior, from which the latent is drawn anew each time (without `spread` it is the mean), `KEY.clip` (f 1024),
`KEY.sync` (m 768), `KEY.text` (77 1024), and once `empty_prompt` (77 1024), the text states of "". For YingSound's: `KEY.latent` (n 128), `KEY.visual` (n 1280), `KEY.text` (l 1024).
Sound without a video has no `clip` and `sync` (or `visual`), sound without a caption no `text`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from deepaudio.data.offsets import Reader, names_in, table_of
from deepaudio.data.shards import shards_at, shared_in
from deepaudio.errors import InputError

EMPTY_PROMPT = "empty_prompt"


@dataclass(frozen=True)
class StoredData:
    """Which shards (`*` as in a shell), how often each is drawn (by size if not said), items of a batch.

    `oversample`: how many times each item of a name counts beside those of the others.
    """

    shards: tuple[str, ...]
    weights: tuple[NonNegativeFloat, ...] = ()
    oversample: tuple[PositiveFloat, ...] = ()
    batch_items: PositiveInt = 128
    features: Literal["stored"] = "stored"

    def __post_init__(self) -> None:
        if not self.shards:
            raise ValueError("shards: name at least one")
        if self.weights and not any(self.weights):
            raise ValueError("weights: all are 0")
        if self.weights and len(self.weights) != len(self.shards):
            raise ValueError(f"weights: {len(self.weights)} for {len(self.shards)} shards")
        if self.oversample and len(self.oversample) != len(self.shards):
            raise ValueError(f"oversample: {len(self.oversample)} for {len(self.shards)} shards")
        if self.weights and self.oversample:
            raise ValueError("weights and oversample exclude each other")


class Condition(NamedTuple):
    """What a network reads: width, and the steps that stand for an absent one (None: as many as the latent has)."""

    width: int
    full: int | None


class StoredShards:
    """Items of all shards, by shard and row. InputError for a shard that is missing or lacks latents."""

    def __init__(self, data: StoredData):
        self.data = data
        self.shards: list[Path] = []
        self.weights = []
        for place, name in enumerate(data.shards):
            found = shards_at(name, hint="deepaudio prepare v2a --help")
            for shard in found:
                table = table_of(shard)
                if (
                    "latent" not in names_in(table)
                    or not len(table)
                    or table["latent_count"][0] < 0
                ):
                    raise InputError("data.no_latents", f"{shard} holds no latents")
                times = data.oversample[place] if data.oversample else 1.0
                weight = data.weights[place] / len(found) if data.weights else times * len(table)
                self.weights.append(weight)
            self.shards += found
        self.tables = [table_of(shard) for shard in self.shards]
        self.reader = Reader(self.shards)

    def length(self, name: str) -> int | None:
        """Of a condition, as the first item that has it is long; None where no shard has it."""
        for table in self.tables:
            if name in names_in(table) and (table[f"{name}_count"] >= 0).any():
                row = table[int((table[f"{name}_count"] >= 0).argmax())]
                return int(row[f"{name}_count"]) // int(row[f"{name}_columns"])
        return None

    def batches(
        self, rng: torch.Generator, wanted: dict[str, Condition], own: slice = slice(None)
    ) -> Iterator[dict[str, Tensor]]:
        """Batches for ever. Each condition NAME comes with `has_NAME` (b), zeros of its full length where absent.

        Only the items of `own` are read, the others are drawn for: places and latents of a batch come from `rng`.
        """
        odds = torch.tensor(self.weights, dtype=torch.float)
        while True:
            picks = torch.multinomial(
                odds, self.data.batch_items, replacement=True, generator=rng
            ).tolist()
            places = [
                (s, int(torch.randint(len(self.tables[s]), (), generator=rng))) for s in picks
            ]
            read = range(*own.indices(len(places)))
            latents = [self._latent(*at, rng, i in read) for i, at in enumerate(places)]
            places = places[own]
            batch = {"latent": _stacked([latent for latent in latents if latent is not None])}
            for name, (width, full) in wanted.items():
                found = [self._read(*at, name) for at in places]
                batch[f"has_{name}"] = torch.tensor([value is not None for value in found])
                absent = torch.zeros(batch["latent"].shape[1] if full is None else full, width)
                batch[name] = _stacked([absent if value is None else value for value in found])
            yield batch

    def statistics(self, items: int = 2000) -> tuple[Tensor, Tensor]:
        """Mean and deviation (c) of the latents of the first `items` items of every shard."""
        count, total, squares = 0, 0.0, 0.0
        for place, table in enumerate(self.tables):
            for row in range(min(len(table), items)):
                latent = self._read(place, row, "latent").double()
                count, total = count + len(latent), total + latent.sum(0)
                squares = squares + latent.square().sum(0)
        mean = total / count
        return mean.float(), (squares / count - mean.square()).clamp(min=1e-8).sqrt().float()

    def empty_prompt(self) -> Tensor | None:
        """The text states of "" (l d) as the shards were made with them; None where none has them."""
        for shard in self.shards:
            if (found := shared_in(shard, EMPTY_PROMPT)) is not None:
                return found.float()
        return None

    def _latent(self, shard: int, row: int, rng: torch.Generator, read: bool) -> Tensor | None:
        """Drawn from the posterior as MMAudio draws it: mean + deviation eps. Without reading it, only drawn for."""
        if not read:
            entry, names = self.tables[shard][row], names_in(self.tables[shard])
            if "spread" in names and entry["spread_count"] >= 0:
                columns = int(entry["spread_columns"])
                torch.randn(int(entry["spread_count"]) // columns, columns, generator=rng)
            return None
        mean, spread = (self._read(shard, row, name) for name in ("latent", "spread"))
        return mean if spread is None else mean + spread * torch.randn(mean.shape, generator=rng)

    def _read(self, shard: int, row: int, name: str) -> Tensor | None:
        value = self.reader.read(shard, row, name)
        return None if value is None else value.float()


def _stacked(rows: list[Tensor]) -> Tensor:
    """(b n d), shorter ones filled up with zeros."""
    longest = max(len(row) for row in rows)
    return torch.stack([F.pad(row, (0, 0, 0, longest - len(row))) for row in rows])
