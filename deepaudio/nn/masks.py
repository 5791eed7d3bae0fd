"""Valid frames."""

from jaxtyping import Bool, Float
from torch import Tensor


def zero_invalid(x: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"] | None) -> Tensor:
    """`x` with exact zeros where the mask is false; unchanged without a mask."""
    return x if mask is None else x.masked_fill(~mask[..., None], 0.0)
