"""Classifier-free guidance (Ho and Salimans, 2022) as a wrapper of a conditional field."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

C = TypeVar("C")


def guided(
    field: Callable[[Tensor, Tensor, C], Tensor],
    cond: C,
    null: C | None,
    scale: float,
    dtype: torch.dtype | None = None,
) -> Callable[[Tensor, Tensor], Tensor]:
    """v_null + scale (v - v_null). At scale 1 guidance is off and `null` is never evaluated.

    F5-TTS counts from the other end: its strength s is scale 1 + s here. With a `dtype` the field computes in it, while
    x and the velocity keep their own: small steps and differences do not survive half precision.
    """

    def at(x: Tensor, t: Tensor, given: C) -> Tensor:
        return field(x if dtype is None else x.to(dtype), t, given).to(x.dtype)

    if scale == 1.0:
        return lambda x, t: at(x, t, cond)
    if null is None:
        raise ValueError(f"guidance at scale {scale} needs the null conditions")

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        v, v_null = at(x, t, cond), at(x, t, null)
        return v_null + scale * (v - v_null)

    return velocity
