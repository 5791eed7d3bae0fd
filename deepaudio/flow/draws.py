"""Random numbers of a batch: all of them, or one process's share of what a single process would draw."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor


class Share(NamedTuple):
    """Items from `first` on of the `total` that the generator draws for: every process draws for all, so all stay in step."""

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
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if not isinstance(rng, Share):
        return kind(shape, generator=rng, device=rng.device)
    generator, first, total = rng
    whole = kind((total, *shape[1:]), generator=generator, device=generator.device)
    return whole[first : first + shape[0]]
