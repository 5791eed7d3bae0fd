"""Embeddings of time and of position."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepaudio.nn.masks import zero_invalid


def sinusoid_table(
    n: int, dim: int, n_rows: int, theta: float = 10_000.0
) -> Float[Tensor, "n dim"]:
    """cos then sin of position * theta^(-2i/dim); positions from `n_rows` on repeat the last row."""
    position = torch.arange(n, dtype=torch.float32).clamp(max=n_rows - 1)
    step = theta ** -(torch.arange(0, dim, 2, dtype=torch.float32)[: dim // 2] / dim)
    angle = torch.outer(position, step)
    return torch.cat((angle.cos(), angle.sin()), dim=-1)


class TimeEmbedding(nn.Module):
    """t in [0, 1] -> vector: sinusoids of 1000 t, sin first, then a two-layer network."""

    def __init__(self, dim: int, n_sinusoids: int = 256, scale: float = 1000.0):
        super().__init__()
        self.n_sinusoids = n_sinusoids
        self.scale = scale
        self.time_mlp = nn.Sequential(nn.Linear(n_sinusoids, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Float[Tensor, " b"]) -> Float[Tensor, "b d"]:
        half = self.n_sinusoids // 2
        i = torch.arange(half, device=t.device, dtype=torch.float32)
        angle = self.scale * t.float()[:, None] * torch.exp(-math.log(10_000.0) / (half - 1) * i)
        sinusoids = torch.cat((angle.sin(), angle.cos()), dim=-1)
        return self.time_mlp(sinusoids.to(self.time_mlp[0].weight.dtype))


class ConvPositionEmbedding(nn.Module):
    """Two wide grouped convolutions with Mish: relative position from the neighbourhood."""

    def __init__(self, dim: int, kernel: int = 31, groups: int = 16):
        super().__init__()
        self.conv1d = nn.Sequential(
            nn.Conv1d(dim, dim, kernel, groups=groups, padding=kernel // 2),
            nn.Mish(),
            nn.Conv1d(dim, dim, kernel, groups=groups, padding=kernel // 2),
            nn.Mish(),
        )

    def forward(
        self, x: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b n d"]:
        first, mish, second, _ = self.conv1d
        x = mish(first(zero_invalid(x, mask).mT)).mT
        return mish(second(zero_invalid(x, mask).mT)).mT
