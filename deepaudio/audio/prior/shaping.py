"""Log-mel shaping: active frames, noise subtracted, envelopes blended, spectra matched, levels along an energy contour."""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
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


def blend_envelope(
    mel: Float[Tensor, "n c"],
    prior: Float[Tensor, "n c"],
    smoothness: int = 24,
    width: int = 7,
    share: float = 1.0,
) -> Float[Tensor, "n c"]:
    """`prior` plus `share` of the smooth part of what `mel` adds to it: `smoothness` cepstra over `width` frames.

    Harmonics and breath stay those of the prior, which is clean; the timbre becomes that of `mel`.
    """
    rows = _cosines(mel.shape[1], smoothness)
    change = (mel - prior) @ rows.T @ rows
    kernel = torch.hann_window(width + 2)[1:-1]
    padded = F.pad(change.T[:, None], (width // 2, width // 2), mode="replicate")
    return prior + share * F.conv1d(padded, (kernel / kernel.sum())[None, None])[:, 0].T


@lru_cache(maxsize=4)
def _cosines(n_mels: int, count: int) -> Tensor:
    """(count n_mels) orthonormal DCT-II rows: what they keep of a log-mel frame is its envelope."""
    place = (torch.arange(n_mels) + 0.5) * math.pi / n_mels
    rows = torch.cos(torch.arange(count)[:, None] * place) * math.sqrt(2 / n_mels)
    rows[0] /= math.sqrt(2)
    return rows


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
