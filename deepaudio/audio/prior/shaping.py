"""Log-mel shaping: active frames, noise subtracted, spectra matched, levels along an energy contour."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.timing import smoothed


def active_frames(mel: Float[Tensor, "n c"], depth: float = 4.0) -> Tensor:
    """(n) True where the loudest bins lie within `depth` (nepers) of the loudest frame."""
    level = mel.topk(min(20, mel.shape[1]), dim=1).values.mean(1)
    return level > level.max() - depth


def subtract_noise(mel: Float[Tensor, "n c"], depth: float = 3.0) -> Float[Tensor, "n c"]:
    """`mel` without the steady noise of its pauses (spectral subtraction), which sinks by at most `depth` nepers."""
    loud = mel[active_frames(mel)].mean(0)
    floor = torch.minimum(torch.quantile(mel, 0.1, dim=0), loud - 2.5)
    left = mel.exp() - 1.3 * floor.exp()
    return torch.maximum(left.clamp(min=1e-9).log(), torch.minimum(mel, floor) - depth)


def match_spectrum(
    mel: Float[Tensor, "n c"], like: Float[Tensor, "m c"], share: float = 0.5, width: int = 5
) -> Float[Tensor, "n c"]:
    """`mel` with its long-term spectrum (mean power of active frames) moved by `share` to that of `like`; the level stays."""
    own, wanted = (
        torch.logsumexp(x, 0) - math.log(len(x))
        for x in (mel[active_frames(mel)], like[active_frames(like)])
    )
    change = smoothed(wanted - own, width)
    return mel + share * (change - change.mean())


def follow_energy(
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


def edges_heard(
    mel: Float[Tensor, "n c"], prior: Float[Tensor, "n c"], width: int = 10, depth: float = 3.6
) -> Float[Tensor, "n c"]:
    """`mel` whose first and last `width` frames of speech are within `depth` nepers of its loudest frame where those of `prior` are.

    A flow lets the first and the last sound of a line fade, which would then begin later or end sooner than it was planned.
    """
    spoken = active_frames(prior).nonzero()[:, 0]
    if not len(spoken):
        return mel
    place = torch.arange(len(mel))
    near = (place >= spoken[0]) & (place <= spoken[-1])
    near &= (place < spoken[0] + width) | (place > spoken[-1] - width)
    level, wanted = (x.exp().mean(1).log() for x in (mel, prior))
    lift = (
        torch.minimum(wanted - wanted.max(), torch.tensor(-depth)) - (level - level.max())
    ).clamp(min=0)
    return mel + (near * lift)[:, None]
