"""The flow-matching loss (eq. 5, 7 and 11) as a sum and the weight it is to be divided by."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor


class WeightedSum(NamedTuple):
    """A sum over frames and the number of frames; their quotient is the mean loss."""

    sum: Tensor
    weight: Tensor


def flow_matching_loss(
    v_pred: Float[Tensor, "b n c"],
    v: Float[Tensor, "b n c"],
    mask: Bool[Tensor, "b n"] | None = None,
) -> WeightedSum:
    """Squared error, mean over channels, summed over the frames that the mask selects.

    Batches of any size may be accumulated: add the sums, add the weights, divide once.
    """
    error = (v_pred.float() - v.float()).square().mean(dim=-1)
    if mask is None:
        return WeightedSum(error.sum(), torch.tensor(float(error.numel()), device=error.device))
    return WeightedSum(error.masked_fill(~mask, 0.0).sum(), mask.sum().to(error.dtype))
