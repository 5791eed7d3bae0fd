"""Normalisations: RMSNorm, global response normalisation, adaptive layer norm."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepaudio.nn.masks import zero_invalid


class RMSNorm(nn.Module):
    """x / rms(x) * weight over the last axis; eps None means the smallest step of x's dtype."""

    def __init__(self, dim: int, eps: float | None = None):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


class GRN(nn.Module):
    """Global response normalisation (Woo et al., 2023, ConvNeXt V2) along the sequence.

    The energy of a channel is taken over the valid frames only, so that padding has no part in it.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, dim))
        self.beta = nn.Parameter(torch.zeros(1, 1, dim))

    def forward(
        self, x: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b n d"]:
        response = torch.linalg.vector_norm(zero_invalid(x, mask), dim=1, keepdim=True)
        relative = response / (response.mean(dim=-1, keepdim=True) + 1e-6)
        return self.gamma * (x * relative) + self.beta + x


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """x (1 + scale) + shift, the affine part of an adaptive norm."""
    return torch.addcmul(shift, x, 1 + scale)


class AdaptiveNorm(nn.Module):
    """The `chunks` modulation vectors of a DiT block (Peebles and Xie, 2023), from the time embedding."""

    def __init__(self, dim: int, chunks: int):
        super().__init__()
        self.chunks = chunks
        self.linear = nn.Linear(dim, dim * chunks)

    def forward(self, emb: Float[Tensor, "b d"]) -> tuple[Float[Tensor, "b 1 d"], ...]:
        return self.linear(F.silu(emb))[:, None].chunk(self.chunks, dim=-1)
