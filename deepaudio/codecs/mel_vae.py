"""1-D magnitude-preserving VAE over mel frames: the latent space of the 16 kHz and 44.1 kHz V2A models.

Layers follow the magnitude-preserving design of EDM2 (Karras et al. 2024, arXiv 2312.02696, section 2.3 and eq. 63-103):
weights are normalised to unit norm per output, activations keep unit variance. Stored weights are the raw ones, as in the
official files; the normalisation is part of the forward pass.
"""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

_EPS = 1e-4
_SILU_GAIN = 0.596
_RESIDUAL_WEIGHT = 0.3
_ACTIVATION_LIMIT = 256.0
_LOGVAR_RANGE = (-30.0, 20.0)
_CHANNEL_FACTORS = (1, 2, 4)
_DOWN_LEVEL = 0


class Posterior(NamedTuple):
    """Diagonal Gaussian over latents."""

    mean: Float[Tensor, "b n d"]
    logvar: Float[Tensor, "b n d"]


def unit_magnitude(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Scale x so that its root mean square over `dims` is one; the norm is taken in float32."""
    size = 1
    for dim in dims:
        size *= x.shape[dim]
    norm = torch.linalg.vector_norm(x, dim=dims, keepdim=True, dtype=torch.float32)
    return x / (norm / size**0.5 + _EPS).to(x.dtype)


def mp_silu(x: Tensor) -> Tensor:
    return F.silu(x) / _SILU_GAIN


def mp_sum(a: Tensor, b: Tensor, weight: float = _RESIDUAL_WEIGHT) -> Tensor:
    return torch.lerp(a, b, weight) / ((1 - weight) ** 2 + weight**2) ** 0.5


class MPConv(nn.Module):
    """Convolution without bias whose weight has unit norm per output channel."""

    def __init__(self, dim_in: int, dim_out: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(dim_out, dim_in, kernel))

    def forward(self, x: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        fan_in = self.weight[0].numel()
        weight = unit_magnitude(self.weight.float(), (1, 2)) / fan_in**0.5 * gain
        return F.conv1d(x, weight.to(x.dtype), padding=self.weight.shape[-1] // 2)


class ResBlock(nn.Module):
    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.conv1 = MPConv(dim_in, dim_out, 3)
        self.conv2 = MPConv(dim_out, dim_out, 3)
        self.nin_shortcut = MPConv(dim_in, dim_out, 1) if dim_in != dim_out else None

    def forward(self, x: Tensor) -> Tensor:
        x = unit_magnitude(x, (1,))
        h = self.conv2(mp_silu(self.conv1(mp_silu(x))))
        if self.nin_shortcut is not None:
            x = self.nin_shortcut(x)
        return mp_sum(x, h)


class Attention(nn.Module):
    """One-head self-attention over time with unit-magnitude queries, keys and values."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = MPConv(dim, 3 * dim, 1)
        self.proj_out = MPConv(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        qkv = rearrange(self.qkv(x), "b (c three) n -> three b 1 c n", three=3)
        q, k, v = unit_magnitude(qkv, (3,)).transpose(-1, -2)
        h = F.scaled_dot_product_attention(q, k, v)
        return mp_sum(x, self.proj_out(rearrange(h, "b 1 n c -> b c n")))


class Downsample(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = MPConv(dim, dim, 1)
        self.conv2 = MPConv(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(F.avg_pool1d(self.conv1(x), 2))


class Upsample(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = MPConv(dim, dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest-exact"))


class Level(nn.Module):
    """Residual blocks at one rate, then (optionally) the change of rate."""

    def __init__(self, dim_in: int, dim_out: int, blocks: int) -> None:
        super().__init__()
        dims = [dim_in] + [dim_out] * blocks
        self.block = nn.ModuleList(ResBlock(a, b) for a, b in itertools.pairwise(dims))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x).clamp(-_ACTIVATION_LIMIT, _ACTIVATION_LIMIT)
        return x


class Middle(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.block_1 = ResBlock(dim, dim)
        self.attn_1 = Attention(dim)
        self.block_2 = ResBlock(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block_2(self.attn_1(self.block_1(x)))
        return x.clamp(-_ACTIVATION_LIMIT, _ACTIVATION_LIMIT)


class Encoder(nn.Module):
    def __init__(self, data_dim: int, embed_dim: int, hidden_dim: int) -> None:
        super().__init__()
        dims = [hidden_dim * factor for factor in _CHANNEL_FACTORS]
        self.conv_in = MPConv(data_dim, hidden_dim, 3)
        self.down = nn.ModuleList(
            Level(a, b, blocks=2) for a, b in zip([hidden_dim, *dims], dims, strict=False)
        )
        self.down[_DOWN_LEVEL].downsample = Downsample(dims[_DOWN_LEVEL])
        self.mid = Middle(dims[-1])
        self.conv_out = MPConv(dims[-1], 2 * embed_dim, 3)
        self.learnable_gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for i, level in enumerate(self.down):
            x = level(x)
            if i == _DOWN_LEVEL:
                x = level.downsample(x)
        return self.conv_out(mp_silu(self.mid(x)), gain=self.learnable_gain + 1)


class Decoder(nn.Module):
    def __init__(self, data_dim: int, embed_dim: int, hidden_dim: int) -> None:
        super().__init__()
        dims = [hidden_dim * factor for factor in _CHANNEL_FACTORS]
        self.conv_in = MPConv(embed_dim, dims[-1], 3)
        self.mid = Middle(dims[-1])
        self.up = nn.ModuleList(
            Level(a, b, blocks=3) for a, b in zip([*dims[1:], dims[-1]], dims, strict=True)
        )
        self.up[_DOWN_LEVEL + 1].upsample = Upsample(dims[_DOWN_LEVEL + 1])
        self.conv_out = MPConv(hidden_dim, data_dim, 3)
        self.learnable_gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid(self.conv_in(x))
        for i in reversed(range(len(self.up))):
            x = self.up[i](x)
            if i == _DOWN_LEVEL + 1:
                x = self.up[i].upsample(x)
        return self.conv_out(mp_silu(x), gain=self.learnable_gain + 1)


@dataclass(frozen=True)
class Config:
    """Mel bins, latent width and base width; frames are halved in time."""

    data_dim: int = 80
    embed_dim: int = 20
    hidden_dim: int = 384

    def __post_init__(self) -> None:
        if min(self.data_dim, self.embed_dim, self.hidden_dim) < 1:
            raise ValueError(f"sizes must be positive: {self}")

    @classmethod
    def codec_16k(cls) -> "Config":
        return cls()

    @classmethod
    def codec_44k(cls) -> "Config":
        return cls(128, 40, 512)

    @classmethod
    def tiny(cls) -> "Config":
        return cls(80, 4, 16)


class MelVAE(nn.Module):
    """Mel frames to latents at half the frame rate, and back.

    `data_mean` and `data_std` are per-bin statistics that come with the weights.
    """

    downsampling = 2

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("data_mean", torch.zeros(1, config.data_dim, 1))
        self.register_buffer("data_std", torch.ones(1, config.data_dim, 1))
        self.encoder = Encoder(config.data_dim, config.embed_dim, config.hidden_dim)
        self.decoder = Decoder(config.data_dim, config.embed_dim, config.hidden_dim)

    @property
    def dim(self) -> int:
        return self.config.embed_dim

    def encode(self, mel: Float[Tensor, "b n c"]) -> Posterior:
        """Posterior over latents, n // 2 of them."""
        x = (mel.transpose(1, 2) - self.data_mean) / self.data_std
        mean, logvar = self.encoder(x).transpose(1, 2).chunk(2, dim=-1)
        return Posterior(mean, logvar.clamp(*_LOGVAR_RANGE))

    def decode(self, latent: Float[Tensor, "b n d"]) -> Float[Tensor, "b m c"]:
        """Log-mel frames, m = 2 n."""
        x = self.decoder(latent.transpose(1, 2)) * self.data_std + self.data_mean
        return x.transpose(1, 2)
