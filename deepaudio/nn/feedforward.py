"""Position-wise networks: the GELU feed-forward of a DiT and the ConvNeXt V2 block."""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepaudio.nn.masks import zero_invalid
from deepaudio.nn.norm import GRN


class FeedForward(nn.Module):
    """Linear, tanh-GELU, dropout, linear; keys `ff.0.0` and `ff.2` as in F5-TTS checkpoints."""

    def __init__(self, dim: int, mult: int = 2, dropout: float = 0.0):
        super().__init__()
        inner = dim * mult
        self.ff = nn.Sequential(
            nn.Sequential(nn.Linear(dim, inner), nn.GELU(approximate="tanh")),
            nn.Dropout(dropout),
            nn.Linear(inner, dim),
        )

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.ff(x)


class ConvNeXtV2Block(nn.Module):
    """Depthwise convolution, norm, two linears with GRN between, residual; channel last."""

    def __init__(self, dim: int, inner: int, kernel: int = 7):
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1 = nn.Linear(dim, inner)
        self.grn = GRN(inner)
        self.pwconv2 = nn.Linear(inner, dim)

    def forward(
        self, x: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"] | None = None
    ) -> Float[Tensor, "b n d"]:
        y = self.dwconv(zero_invalid(x, mask).mT).mT
        y = F.gelu(self.pwconv1(self.norm(y)))
        return x + self.pwconv2(self.grn(y, mask))


class ChannelLastConv(nn.Conv1d):
    """Convolution along the frames of a (b n d) tensor; keys are those of a plain Conv1d."""

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n e"]:
        return super().forward(x.mT).mT


def projection(dim_in: int, dim_out: int, kernel: int = 1, bias: bool = True) -> nn.Module:
    """A linear map of every frame, or of `kernel` neighbouring frames."""
    if kernel == 1:
        return nn.Linear(dim_in, dim_out, bias=bias)
    return ChannelLastConv(dim_in, dim_out, kernel, padding=kernel // 2, bias=bias)


class SwiGLU(nn.Module):
    """w2(silu(w1 x) * w3 x) (Shazeer, 2020), without biases, per frame or with a kernel.

    The width is two thirds of `inner`, rounded up to a multiple (256 in the published networks).
    """

    def __init__(self, dim: int, inner: int, kernel: int = 1, multiple: int = 256):
        super().__init__()
        width = -(-(2 * inner // 3) // multiple) * multiple
        self.w1 = projection(dim, width, kernel, bias=False)
        self.w2 = projection(width, dim, kernel, bias=False)
        self.w3 = projection(dim, width, kernel, bias=False)

    def forward(self, x: Float[Tensor, "b *n d"]) -> Float[Tensor, "b *n d"]:
        return self.w2(F.silu(self.w1(x)) * self.w3(x))
