"""Colour one log-mel like another: its long-term spectrum bin by bin, and its envelopes frame by frame."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.timing import smoothed


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


@lru_cache(maxsize=4)
def _cosines(n_mels: int, count: int) -> Tensor:
    """(count n_mels) orthonormal DCT-II rows: what they keep of a log-mel frame is its envelope."""
    place = (torch.arange(n_mels) + 0.5) * math.pi / n_mels
    rows = torch.cos(torch.arange(count)[:, None] * place) * math.sqrt(2 / n_mels)
    rows[0] /= math.sqrt(2)
    return rows


def in_voice(
    mel: Float[Tensor, "n c"],
    like: Float[Tensor, "m c"],
    share: float = 0.5,
    neighbours: int = 4,
    smoothness: int = 24,
) -> Float[Tensor, "n c"]:
    """`mel` with the envelope of each active frame moved by `share` towards its nearest envelopes in `like`.

    Nearest-neighbour voice conversion (as kNN-VC does with learned features, arXiv 2305.18975) on the first
    `smoothness` cepstral coefficients without their means; harmonics and timing stay those of `mel`.
    """
    rows = _cosines(mel.shape[1], smoothness)
    here, there = active_frames(mel), active_frames(like)
    own, wanted = mel[here] @ rows.T @ rows, like[there] @ rows.T @ rows
    distance = torch.cdist(own - own.mean(0), wanted - wanted.mean(0))
    nearest = distance.topk(min(neighbours, len(wanted)), largest=False).indices
    moved = mel.clone()
    moved[here] = mel[here] + share * (wanted[nearest].mean(1) - own)
    return moved


def following(
    mel: Float[Tensor, "n c"], energy: Float[Tensor, " n"], share: float = 0.6, limit: float = 1.0
) -> Float[Tensor, "n c"]:
    """`mel` with the level of each active frame moved by `share` towards `energy`, at most `limit` nepers."""
    own = smoothed(mel.exp().mean(1), 9)
    wanted = smoothed(energy, 9)
    here = active_frames(mel) & (wanted > 0.02 * wanted.max())
    if not here.any():
        return mel
    ratio = torch.log(wanted[here] / wanted[here].mean()) - torch.log(own[here] / own[here].mean())
    moved = mel.clone()
    moved[here] = mel[here] + (share * ratio).clamp(-limit, limit)[:, None]
    return moved
