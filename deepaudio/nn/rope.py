"""Rotary position embedding on adjacent channel pairs (Su et al., 2021, RoFormer)."""

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn


def frequencies(dim: int, theta: float = 10_000.0) -> Float[Tensor, " half"]:
    """Angular step per position of each of the dim/2 channel pairs."""
    return 1.0 / theta ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)


def angles(
    positions: Real[Tensor, " n"], inv_freq: Float[Tensor, " half"]
) -> Float[Tensor, "n half"]:
    """Rotation angle of every pair at every position, always in float32."""
    return positions.float()[:, None] * inv_freq.float()[None, :]


def rotate(x: Float[Tensor, "b h n d"], angle: Float[Tensor, "n half"]) -> Float[Tensor, "b h n d"]:
    """Turn the pairs (x[2i], x[2i+1]) by `angle`; computed in float32, returned in x's dtype.

    On a CPU as one product of complex numbers: the same bits, without a copy of each half.
    """
    if not (x.is_cuda or torch.compiler.is_compiling()):
        whole = x.float() if x.stride(-1) == 1 else x.float().contiguous()
        pairs = torch.view_as_complex(whole.unflatten(-1, (-1, 2)))
        turn = torch.complex(angle.cos(), angle.sin())
        return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = angle.cos(), angle.sin()
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)
    return turned.flatten(-2).to(x.dtype)


class RotaryEmbedding(nn.Module):
    """Holds `inv_freq` in the state dict, as F5-TTS checkpoints do; positions are 0, 1, 2, ..."""

    def __init__(self, dim: int, theta: float = 10_000.0):
        super().__init__()
        self.dim, self.theta = dim, theta
        self.register_buffer("inv_freq", frequencies(dim, theta))

    def forward(self, n: int) -> Float[Tensor, "n half"]:
        inv_freq = self.inv_freq
        if inv_freq.dtype != torch.float32:  # a network cast to half: its buffer has lost digits
            inv_freq = frequencies(self.dim, self.theta).to(inv_freq.device)
        return angles(torch.arange(n, device=inv_freq.device), inv_freq)
