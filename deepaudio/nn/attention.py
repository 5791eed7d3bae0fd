"""Multi-head self-attention with rotary positions on all heads or on the first few."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepaudio.nn.norm import RMSNorm
from deepaudio.nn.rope import rotate

_IN_CACHE = 1 << 20  # scores that are made at once


def dot_product(
    q: Float[Tensor, "b h n d"],
    k: Float[Tensor, "b h m d"],
    v: Float[Tensor, "b h m d"],
    mask: Tensor | None = None,
) -> Float[Tensor, "b h n d"]:
    """Softmax attention: torch's fused kernel, and in bfloat16 on a CPU without AMX plain products, a few heads at a time.

    There the fused kernel is no faster than in float32, while the products are (`python -m benchmarks.speed`).
    """
    half = q.dtype == torch.bfloat16 and not (q.is_cuda or torch.is_grad_enabled())
    if mask is not None or not half or torch.cpu._is_amx_tile_supported():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    q = q * q.shape[-1] ** -0.5
    heads = max(1, _IN_CACHE // (len(q) * q.shape[2] * k.shape[2]))
    parts = zip(q.split(heads, 1), k.split(heads, 1), v.split(heads, 1), strict=True)
    return torch.cat([(a @ b.mT).softmax(-1) @ c for a, b, c in parts], 1)


def attend(
    q: Float[Tensor, "b h n d"],
    k: Float[Tensor, "b h m d"],
    v: Float[Tensor, "b h m d"],
    key_mask: Bool[Tensor, "b m"] | None = None,
) -> Float[Tensor, "b n e"]:
    """Softmax attention over the keys that the mask allows; heads joined in the last axis."""
    mask = None if key_mask is None else key_mask[:, None, None, :]
    return rearrange(dot_product(q, k, v, mask), "b h n d -> b n (h d)")


class SelfAttention(nn.Module):
    """Separate q, k and v projections; `rope_heads` heads are rotated (None: all of them)."""

    def __init__(
        self,
        dim: int,
        heads: int,
        dim_head: int,
        dropout: float = 0.0,
        rope_heads: int | None = None,
        qk_norm: bool = False,
    ):
        super().__init__()
        self.heads = heads
        self.rope_heads = heads if rope_heads is None else rope_heads
        inner = heads * dim_head
        self.to_q = nn.Linear(dim, inner)
        self.to_k = nn.Linear(dim, inner)
        self.to_v = nn.Linear(dim, inner)
        self.q_norm = RMSNorm(dim_head, eps=1e-6) if qk_norm else nn.Identity()
        self.k_norm = RMSNorm(dim_head, eps=1e-6) if qk_norm else nn.Identity()
        self.to_out = nn.Sequential(nn.Linear(inner, dim), nn.Dropout(dropout))

    def forward(
        self,
        x: Float[Tensor, "b n e"],
        angle: Float[Tensor, "n half"],
        mask: Bool[Tensor, "b n"] | None = None,
    ) -> Float[Tensor, "b n e"]:
        q, k, v = (
            rearrange(part, "b n (h d) -> b h n d", h=self.heads)
            for part in (self.to_q(x), self.to_k(x), self.to_v(x))
        )
        q, k = self._rotate(self.q_norm(q), angle), self._rotate(self.k_norm(k), angle)
        return self.to_out(attend(q, k, v, mask))

    def _rotate(self, x: Tensor, angle: Tensor) -> Tensor:
        if self.rope_heads >= self.heads:
            return rotate(x, angle)
        turned, plain = x[:, : self.rope_heads], x[:, self.rope_heads :]
        return torch.cat((rotate(turned, angle), plain), dim=1)
