"""Blocks of the MMAudio network: one stream of a transformer, three streams that attend jointly."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.nn.attention import attend
from deepaudio.nn.feedforward import ChannelLastConv, SwiGLU, projection
from deepaudio.nn.norm import RMSNorm, modulate
from deepaudio.nn.rope import rotate


def adaptive(dim: int, chunks: int) -> nn.Sequential:
    """Modulation vectors from a condition; starts at zero."""
    layers = nn.Sequential(nn.SiLU(), nn.Linear(dim, chunks * dim))
    nn.init.zeros_(layers[1].weight)
    nn.init.zeros_(layers[1].bias)
    return layers


def normed(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Layer norm without weights of its own, then the modulation."""
    return modulate(F.layer_norm(x, x.shape[-1:], eps=1e-5), shift, scale)


class FusedAttention(nn.Module):
    """q, k and v from one linear (the three vary fastest), normalised per head, rotated."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.q_norm = RMSNorm(dim // heads)
        self.k_norm = RMSNorm(dim // heads)

    def forward(
        self, x: Float[Tensor, "b n e"], angle: Float[Tensor, "n half"] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """q, k, v of shape (b h n d)."""
        q, k, v = rearrange(self.qkv(x), "b n (h d three) -> three b h n d", h=self.heads, three=3)
        q, k = self.q_norm(q), self.k_norm(k)
        if angle is not None:
            q, k = rotate(q, angle), rotate(k, angle)
        return q, k, v.to(q.dtype)


class StreamBlock(nn.Module):
    """One stream: `before` gives q, k, v; `after` takes what was attended to.

    With `last` the stream only contributes keys and values and ends there.
    """

    def __init__(
        self, dim: int, heads: int, inner: int, kernel: int, last: bool = False, multiple: int = 256
    ):
        super().__init__()
        self.last = last
        self.attn = FusedAttention(dim, heads)
        self.adaLN_modulation = adaptive(dim, 2 if last else 6)
        if not last:
            self.linear1 = projection(dim, dim, kernel)
            self.ffn = SwiGLU(dim, inner, kernel, multiple)

    def modulation(self, condition: Float[Tensor, "b n d"]) -> tuple[Tensor, ...]:
        return self.adaLN_modulation(condition).chunk(2 if self.last else 6, dim=-1)

    def before(self, x: Tensor, parts: tuple[Tensor, ...], angle: Tensor | None):
        return self.attn(normed(x, parts[0], parts[1]), angle)

    def after(self, x: Tensor, attended: Tensor, parts: tuple[Tensor, ...]) -> Tensor:
        if self.last:
            return x
        _, _, gate, shift_ffn, scale_ffn, gate_ffn = parts
        x = x + self.linear1(attended) * gate
        return x + self.ffn(normed(x, shift_ffn, scale_ffn)) * gate_ffn

    def forward(
        self, x: Float[Tensor, "b n d"], condition: Tensor, angle: Tensor
    ) -> Float[Tensor, "b n d"]:
        parts = self.modulation(condition)
        return self.after(x, attend(*self.before(x, parts, angle)), parts)


class JointBlock(nn.Module):
    """Latents, clip frames and text tokens, each with its own weights, in one attention."""

    def __init__(self, dim: int, heads: int, inner: int, last: bool, multiple: int = 256):
        super().__init__()
        self.latent_block = StreamBlock(dim, heads, inner, 3, multiple=multiple)
        self.clip_block = StreamBlock(dim, heads, inner, 3, last, multiple)
        self.text_block = StreamBlock(dim, heads, inner, 1, last, multiple)

    def forward(
        self,
        latent: Float[Tensor, "b n d"],
        clip: Float[Tensor, "b f d"],
        text: Float[Tensor, "b l d"],
        per_frame: Float[Tensor, "b n d"],
        overall: Float[Tensor, "b 1 d"],
        latent_angle: Tensor,
        clip_angle: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        blocks = (self.latent_block, self.clip_block, self.text_block)
        streams = (latent, clip, text)
        parts = [
            b.modulation(c) for b, c in zip(blocks, (per_frame, overall, overall), strict=True)
        ]
        angles = (latent_angle, clip_angle, None)
        qkv = [b.before(x, p, a) for b, x, p, a in zip(blocks, streams, parts, angles, strict=True)]
        q, k, v = (torch.cat(part, dim=2) for part in zip(*qkv, strict=True))
        attended = attend(q, k, v).split([x.shape[1] for x in streams], dim=1)
        done = [
            b.after(x, y, p) for b, x, y, p in zip(blocks, streams, attended, parts, strict=True)
        ]
        return done[0], done[1], done[2]


class FinalBlock(nn.Module):
    """Modulated norm and a convolution to the latent; starts at zero."""

    def __init__(self, dim: int, dim_out: int):
        super().__init__()
        self.adaLN_modulation = adaptive(dim, 2)
        self.conv = ChannelLastConv(dim, dim_out, 7, padding=3)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Float[Tensor, "b n d"], condition: Tensor) -> Float[Tensor, "b n c"]:
        shift, scale = self.adaLN_modulation(condition).chunk(2, dim=-1)
        return self.conv(normed(x, shift, scale))
