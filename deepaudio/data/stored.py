"""Shards of precomputed features for training V2A at full size: fixed windows, tensors read from disk when drawn.

A shard is NAME.safetensors and NAME.json, a list of {key}. For MMAudio's network: `KEY.latent` and `KEY.spread` (n c), mean and deviation
of the codec's posterior, from which the latent is drawn anew each time (without `spread` it is the mean), `KEY.clip` (f 1024),
`KEY.sync` (m 768), `KEY.text` (77 1024), and once `empty_prompt` (77 1024), the text states of "". For YingSound's: `KEY.latent` (n 128), `KEY.visual` (n 1280), `KEY.text` (l 1024).
Sound without a video has no `clip` and `sync` (or `visual`), sound without a caption no `text`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from deepaudio.data.shards import reader_of, rows_of, shards_at
from deepaudio.errors import InputError

EMPTY_PROMPT = "empty_prompt"


@dataclass(frozen=True)
class StoredData:
    """Which shards (`*` as in a shell), how often each is drawn (by size if not said), items of a batch.

    `oversample`: how many times each item of a name counts beside those of the others.
    """

    shards: tuple[str, ...]
    weights: tuple[float, ...] = ()
    oversample: tuple[float, ...] = ()
    batch_items: int = 128
    features: Literal["stored"] = "stored"

    def __post_init__(self) -> None:
        if not self.shards:
            raise ValueError("shards: name at least one")
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
    """Items of all shards. InputError for a shard that is missing or lacks latents."""

    def __init__(self, data: StoredData):
        self.data = data
        self.files, self.keys, self.names, self.weights = [], [], [], []
        for place, name in enumerate(data.shards):
            found = shards_at(name, hint="deepaudio prepare v2a --help")
            for shard in found:
                self.files.append(reader_of(shard))
                self.keys.append([row["key"] for row in rows_of(shard)])
                self.names.append(set(self.files[-1].keys()))
                if not self.keys[-1] or f"{self.keys[-1][0]}.latent" not in self.names[-1]:
                    raise InputError("data.no_latents", f"{shard} holds no latents")
                times = data.oversample[place] if data.oversample else 1.0
                weight = (
                    data.weights[place] / len(found) if data.weights else times * len(self.keys[-1])
                )
                self.weights.append(weight)

    def length(self, name: str) -> int | None:
        """Of a condition, as the first item that has it is long; None where no shard has it."""
        for file, keys, names in zip(self.files, self.keys, self.names, strict=True):
            for key in keys:
                if f"{key}.{name}" in names:
                    return int(file.get_slice(f"{key}.{name}").get_shape()[0])
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
                (s, self.keys[s][int(torch.randint(len(self.keys[s]), (), generator=rng))])
                for s in picks
            ]
            read = range(*own.indices(len(places)))
            latents = [self._latent(*at, rng, i in read) for i, at in enumerate(places)]
            places = places[own]
            batch = {"latent": _stacked([latent for latent in latents if latent is not None])}
            for name, (width, full) in wanted.items():
                found = [self._read(s, f"{key}.{name}") for s, key in places]
                batch[f"has_{name}"] = torch.tensor([value is not None for value in found])
                absent = torch.zeros(batch["latent"].shape[1] if full is None else full, width)
                batch[name] = _stacked([absent if value is None else value for value in found])
            yield batch

    def statistics(self, items: int = 2000) -> tuple[Tensor, Tensor]:
        """Mean and deviation (c) of the latents of the first `items` items of every shard."""
        count, total, squares = 0, 0.0, 0.0
        for place, keys in enumerate(self.keys):
            for key in keys[:items]:
                latent = self._read(place, f"{key}.latent").double()
                count, total = count + len(latent), total + latent.sum(0)
                squares = squares + latent.square().sum(0)
        mean = total / count
        return mean.float(), (squares / count - mean.square()).clamp(min=1e-8).sqrt().float()

    def empty_prompt(self) -> Tensor | None:
        """The text states of "" (l d) as the shards were made with them; None where none has them."""
        for file, names in zip(self.files, self.names, strict=True):
            if EMPTY_PROMPT in names:
                return file.get_tensor(EMPTY_PROMPT).float()
        return None

    def _latent(self, shard: int, key: str, rng: torch.Generator, read: bool) -> Tensor | None:
        """Drawn from the posterior as MMAudio draws it: mean + deviation eps. Without reading it, only drawn for."""
        if not read:
            if f"{key}.spread" in self.names[shard]:
                shape = self.files[shard].get_slice(f"{key}.spread").get_shape()
                torch.randn(shape, generator=rng)
            return None
        mean, spread = (self._read(shard, f"{key}.{name}") for name in ("latent", "spread"))
        return mean if spread is None else mean + spread * torch.randn(mean.shape, generator=rng)

    def _read(self, shard: int, name: str) -> Tensor | None:
        return self.files[shard].get_tensor(name).float() if name in self.names[shard] else None


def _stacked(rows: list[Tensor]) -> Tensor:
    """(b n d), shorter ones filled up with zeros."""
    longest = max(len(row) for row in rows)
    return torch.stack([F.pad(row, (0, 0, 0, longest - len(row))) for row in rows])
