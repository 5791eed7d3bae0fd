"""Colour one log-mel like another: the long-term spectrum and its spread, bin by bin."""

import torch
from jaxtyping import Float
from torch import Tensor


def active_frames(mel: Float[Tensor, "n c"], depth: float = 4.0) -> Tensor:
    """(n) True where the loudest bins lie within `depth` (nepers) of the loudest frame."""
    level = mel.topk(min(20, mel.shape[1]), dim=1).values.mean(1)
    return level > level.max() - depth


def coloured(mel: Float[Tensor, "n c"], like: Float[Tensor, "m c"]) -> Float[Tensor, "n c"]:
    """`mel` with the mean and (within limits) the deviation that `like` has in its active frames; pauses get its floor."""
    own, wanted = mel[active_frames(mel)], like[active_frames(like)]
    spread = (wanted.std(0) / own.std(0).clamp(min=0.2)).clamp(0.6, 1.4)
    moved = (mel - own.mean(0)) * spread + wanted.mean(0)
    floor = torch.quantile(like, 0.05, dim=0)
    return torch.maximum(moved, floor)
