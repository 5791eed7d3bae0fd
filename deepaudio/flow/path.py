"""The straight path from noise to data (eq. 5 and 11; Lipman et al., 2023, with sigma_min 0)."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class PathSample(NamedTuple):
    """A point on the path and the velocity there."""

    x_t: Tensor
    v: Tensor


def interpolate(
    x0: Float[Tensor, "b *shape"], x1: Float[Tensor, "b *shape"], t: Float[Tensor, " b"]
) -> PathSample:
    """x_t = (1 - t) x0 + t x1 and v = x1 - x0, with one t per item."""
    t = t.to(x1.dtype).reshape(-1, *[1] * (x1.ndim - 1))
    return PathSample((1 - t) * x0 + t * x1, x1 - x0)


def estimate_data(
    x_t: Float[Tensor, "b *shape"], v: Float[Tensor, "b *shape"], t: Float[Tensor, " b"]
) -> Float[Tensor, "b *shape"]:
    """One-step estimate of x1 from a point and its velocity, x_t + (1 - t) v.

    The paper's eq. 12 takes its MSE on this estimate; its error is (1 - t) times that of v,
    so eq. 12 is eq. 11 weighted by (1 - t)^2 and adds no information of its own.
    """
    t = t.to(x_t.dtype).reshape(-1, *[1] * (x_t.ndim - 1))
    return x_t + (1 - t) * v
