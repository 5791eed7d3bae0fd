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
    *,
    interval: tuple[float, float] = (0.0, 1.0),
    together: bool = False,
    learned: Callable[[C, float], C] | None = None,
) -> Callable[[Tensor, Tensor], Tensor]:
    """v_null + scale (v - v_null). At scale 1 guidance is off and `null` is never evaluated.

    F5-TTS counts from the other end: its strength s is scale 1 + s here. With a `dtype` the field computes in it, while
    x and the velocity keep their own: small steps and differences do not survive half precision. Outside the times of
    `interval` guidance is off (Kynkaanniemi et al., 2024). `together` evaluates both conditions as one batch, where
    they have the same shapes. A field that has learned guidance gives the conditions of a scale by `learned`; it is
    evaluated once, and `null` never.
    """

    def at(x: Tensor, t: Tensor, given: C) -> Tensor:
        return field(x if dtype is None else x.to(dtype), t, given).to(x.dtype)

    outside, within = (
        (cond, cond) if learned is None else (learned(cond, 1.0), learned(cond, scale))
    )
    if scale == 1.0 or learned is not None:
        return lambda x, t: at(x, t, within if _inside(t, interval) else outside)
    if null is None:
        raise ValueError(f"guidance at scale {scale} needs the null conditions")

    both = _joined(cond, null) if together else None

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        if not _inside(t, interval):
            return at(x, t, cond)
        if both is None:
            v, v_null = at(x, t, cond), at(x, t, null)
        else:
            v, v_null = at(torch.cat([x, x]), t, both).chunk(2)
        return v_null + scale * (v - v_null)

    return velocity


def _inside(t: Tensor, interval: tuple[float, float]) -> bool:
    """Whether guidance acts at `t`; a time on a GPU is not waited for where it always does."""
    return interval == (0.0, 1.0) or interval[0] <= float(t) <= interval[1]


def _joined(cond: C, null: C) -> C | None:
    """Both tuples of conditions as one batch; None when they differ in what they have, or in its shape."""
    if not (isinstance(cond, tuple) and isinstance(null, tuple)):
        return None
    pairs = list(zip(cond, null, strict=True))
    if any((a is None) != (b is None) or (a is not None and a.shape != b.shape) for a, b in pairs):
        return None
    return type(cond)(*(None if a is None else torch.cat([a, b]) for a, b in pairs))
