"""Random numbers of a batch: all of them, or one process's share of what a single process would draw."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

LARGEST = 2**62  # seed


class Share(NamedTuple):
    """Items from `first` on of the `total` that the generator draws for: so every process has the numbers that one alone would have."""

    generator: Generator
    first: int
    total: int


Rng = Generator | Share


def rand(shape: int | Sequence[int], rng: Rng) -> Tensor:
    """Uniform numbers in [0, 1) of `shape`, whose first axis counts the items; on the generator's device."""
    return _drawn(torch.rand, shape, rng)


def randn(shape: int | Sequence[int], rng: Rng) -> Tensor:
    """Normal numbers of `shape`, whose first axis counts the items; on the generator's device."""
    return _drawn(torch.randn, shape, rng)


def _drawn(kind, shape: int | Sequence[int], rng: Rng) -> Tensor:
    """One number an item is drawn for all items; more come from a seed of each item's own, so that a share draws no others."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    generator, first, total = rng if isinstance(rng, Share) else (rng, 0, shape[0])
    own = slice(first, first + shape[0])
    if len(shape) == 1:
        return kind(total, generator=generator, device=generator.device)[own]
    seeds = torch.randint(LARGEST, (total,), generator=generator, device=generator.device)[own]
    of_item = torch.Generator(generator.device)
    rows = (
        kind(shape[1:], generator=of_item.manual_seed(seed), device=generator.device)
        for seed in seeds.tolist()
    )
    return torch.stack(list(rows))
