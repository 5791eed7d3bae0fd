"""Blocks of the cross-attention V2A network: soft-clamped gated attention, adaptive RMS norms.

The semantics are those of the e2-tts transformer family as trained with x-transformers 1.37.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepaudio.nn.masks import zero_invalid
from deepaudio.nn.rope import rotate

LOGIT_LIMIT = 50.0


class ScaleNorm(nn.Module):
    """x / |x| * sqrt(d) * g over the last axis."""

    def __init__(self, dim: int):
        super().__init__()
        self.g = nn.Parameter(torch.ones(dim))

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return F.normalize(x, dim=-1) * x.shape[-1] ** 0.5 * self.g


class AdaptiveScaleNorm(nn.Module):
    """x / |x| * sqrt(d) * (1 + gamma), gamma from the time embedding and zero at first."""

    def __init__(self, dim: int):
        super().__init__()
        self.to_gamma = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.to_gamma.weight)

    def forward(
        self, x: Float[Tensor, "b n d"], emb: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b n d"]:
        gain = 1 + self.to_gamma(emb)[:, None]
        return F.normalize(x, dim=-1) * x.shape[-1] ** 0.5 * gain


class Gate(nn.Module):
    """x * sigmoid(gamma), gamma from the time embedding; nearly closed (-2) at first."""

    def __init__(self, dim: int):
        super().__init__()
        self.to_gamma = nn.Linear(dim, dim)
        nn.init.zeros_(self.to_gamma.weight)
        nn.init.constant_(self.to_gamma.bias, -2.0)

    def forward(
        self, x: Float[Tensor, "b n d"], emb: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b n d"]:
        return x * self.to_gamma(emb).sigmoid()[:, None]


class DepthwiseConv(nn.Module):
    """Depthwise convolution and SiLU: position from the neighbourhood."""

    def __init__(self, dim: int, kernel: int):
        super().__init__()
        conv = nn.Conv1d(dim, dim, kernel, groups=dim, padding=kernel // 2)
        self.dw_conv1d = nn.Sequential(conv, nn.SiLU())

    def forward(
        self, x: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"] | None
    ) -> Float[Tensor, "b n d"]:
        return zero_invalid(self.dw_conv1d(zero_invalid(x, mask).mT).mT, mask)


class GatedAttention(nn.Module):
    """Attention whose logits are clamped softly and whose heads are gated by the query."""

    def __init__(self, dim: int, heads: int, dim_head: int, dropout: float, dim_context: int):
        super().__init__()
        self.heads = heads
        inner = heads * dim_head
        self.to_q = nn.Linear(dim, inner, bias=False)
        self.to_k = nn.Linear(dim_context, inner, bias=False)
        self.to_v = nn.Linear(dim_context, inner, bias=False)
        self.to_v_head_gate = nn.Linear(dim, heads)
        nn.init.zeros_(self.to_v_head_gate.weight)
        nn.init.constant_(self.to_v_head_gate.bias, 10.0)
        self.to_out = nn.Linear(inner, dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        angle: Float[Tensor, "n half"] | None,
        mask: Bool[Tensor, "b n"] | None,
        context: Float[Tensor, "b m e"] | None = None,
        context_mask: Bool[Tensor, "b m"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """Attends to itself, rotated by `angle`, or to `context`, where positions have no part."""
        key_mask = mask if context is None else context_mask
        context = x if context is None else context
        q, k, v = (
            rearrange(part, "b n (h d) -> b h n d", h=self.heads)
            for part in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        if angle is not None:
            q, k = rotate(q, angle), rotate(k, angle)
        logits = q @ k.mT * q.shape[-1] ** -0.5
        logits = LOGIT_LIMIT * torch.tanh(logits / LOGIT_LIMIT)
        if key_mask is not None:
            lowest = torch.finfo(logits.dtype).min  # finite: a row without keys stays a number
            logits = logits.masked_fill(~key_mask[:, None, None, :], lowest)
        weights = self.dropout(logits.float().softmax(dim=-1).to(v.dtype))
        gate = rearrange(self.to_v_head_gate(x).sigmoid(), "b n h -> b h n 1")
        out = rearrange(weights @ v * gate, "b h n d -> b n (h d)")
        return zero_invalid(self.to_out(out), mask)


class GatedLinear(nn.Module):
    """One linear split in two: a * gelu(b)."""

    def __init__(self, dim: int, inner: int):
        super().__init__()
        self.proj = nn.Linear(dim, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class GatedFeedForward(nn.Module):
    """GEGLU feed-forward; keys `ff.0.proj` and `ff.2`."""

    def __init__(self, dim: int, mult: int, dropout: float):
        super().__init__()
        inner = dim * mult
        self.ff = nn.Sequential(GatedLinear(dim, inner), nn.Dropout(dropout), nn.Linear(inner, dim))

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.ff(x)


class CrossCondition(nn.Module):
    """Audio and visual frames add to each other from their concatenation; zero at first."""

    def __init__(self, dim: int, dim_visual: int, both_ways: bool):
        super().__init__()
        self.text_to_audio = nn.Linear(dim + dim_visual, dim, bias=False)
        nn.init.zeros_(self.text_to_audio.weight)
        self.audio_to_text = None
        if both_ways:
            self.audio_to_text = nn.Linear(dim + dim_visual, dim_visual, bias=False)
            nn.init.zeros_(self.audio_to_text.weight)

    def forward(
        self, audio: Float[Tensor, "b n d"], visual: Float[Tensor, "b n e"]
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b n e"]]:
        both = torch.cat((audio, visual), dim=-1)
        if self.audio_to_text is not None:
            visual = visual + self.audio_to_text(both)
        return audio + self.text_to_audio(both), visual


class FourierTime(nn.Module):
    """t, then sin and cos of t at random fixed frequencies."""

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("weights", torch.randn(dim // 2))

    def forward(self, t: Float[Tensor, " b"]) -> Float[Tensor, "b d"]:
        t = t.float()[:, None]
        angle = t * self.weights * 2 * torch.pi
        return torch.cat((t, angle.sin(), angle.cos()), dim=-1).to(self.weights.dtype)
