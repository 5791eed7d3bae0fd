"""The contrastive term of stage 1: audio and video of one clip lie nearer to each other than to those of the others.

InfoNCE (van den Oord et al. 2018, arXiv 1807.03748), symmetric as in CLIP, on features pooled over time. The paper's introduction
names such a term and gives neither layer nor weight: here it acts on what the network itself makes of clean latents and of the
video features before they meet, so that a trained model has no tensor more than one without the term.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepaudio.discover import name_of_network
from deepaudio.errors import InputError
from deepaudio.flow.objective import WeightedSum
from deepaudio.training.fit import Loss

TEMPERATURE = 0.07  # where CLIP starts


class Contrast(NamedTuple):
    """The mean loss in nats, and the share of audio items whose own video is the nearest."""

    loss: Tensor
    retrieved: Tensor


def info_nce(
    audio: Float[Tensor, "b d"], video: Float[Tensor, "b d"], temperature: float = TEMPERATURE
) -> Contrast:
    """Cross-entropy of each audio item's own video among all videos of the batch, and the other way round, halved."""
    scores = F.normalize(audio.float(), dim=-1) @ F.normalize(video.float(), dim=-1).mT
    scores = scores / temperature
    own = torch.arange(len(scores), device=scores.device)
    loss = (F.cross_entropy(scores, own) + F.cross_entropy(scores.mT, own)) / 2
    return Contrast(loss, (scores.argmax(-1) == own).float().mean())


def contrast(
    audio: Float[Tensor, "b d"], video: Float[Tensor, "b d"], seen: Bool[Tensor, " b"]
) -> Contrast:
    """`info_nce` of the items whose video is seen; zero where fewer than two are."""
    if int(seen.sum()) < 2:
        nothing = (audio.sum() + video.sum()) * 0.0
        return Contrast(nothing, nothing.detach())
    return info_nce(audio[seen], video[seen])


def with_contrast(
    model: nn.Module, flow: WeightedSum, weight: float, x1: Tensor, cond: Any, seen: Tensor
) -> Loss:
    """The loss of stage 1: the flow's, and `weight` times the contrastive one at the same scale.

    A weight of 0 computes nothing. InputError for a network without pooled features.
    """
    if not weight:
        return Loss(flow.sum, float(flow.weight))
    if not hasattr(model, "pooled"):
        raise InputError(
            "recipe.contrastive",
            f"{name_of_network(model)} has no pooled features for a contrastive loss",
            hint="objective.contrastive=0, or model.name=mmdit",
        )
    contrastive = contrast(*model.pooled(x1, cond), seen)
    parts = {
        "flow": float(flow.sum.detach() / flow.weight),
        "contrastive": float(contrastive.loss.detach()),
        "retrieved": float(contrastive.retrieved),
    }
    return Loss(flow.sum + weight * contrastive.loss * flow.weight, float(flow.weight), parts)
