"""M_v2a in the style of YingSound: audio and visual streams side by side, text by cross-attention.

No weights of the paper's Ours-YS-24k are public. This is the network family its authors
published for video-to-audio (e2-tts with cross-attention); keys of `transformer` are theirs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepaudio.errors import InputError, UsageError
from deepaudio.models.v2a import _cross as blocks
from deepaudio.nn.masks import zero_invalid
from deepaudio.nn.rope import RotaryEmbedding


@dataclass(frozen=True)
class Config:
    """Sizes; the defaults are the published ones: EnCodec latents, CLIP bigG frames, FLAN-T5."""

    latent_dim: int = 128
    dim: int = 1024
    visual_dim: int = 1280
    depth: int = 12
    heads: int = 16
    dim_head: int = 64
    ff_mult: int = 4
    kernel: int = 31
    max_len: int = 8192
    registers: int = 32
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("latent_dim", "dim", "visual_dim", "heads", "dim_head", "max_len"):
            if getattr(self, name) < 1:
                raise UsageError(
                    "config.size", f"{name} must be at least 1, got {getattr(self, name)}"
                )
        if self.depth < 2 or self.depth % 2:
            raise UsageError(
                "config.depth", f"depth = {self.depth} must be even: each later layer has a skip"
            )
        for name in ("dim", "dim_head"):
            if getattr(self, name) % 2:
                raise UsageError("config.size", f"{name} = {getattr(self, name)} must be even")
        if not self.kernel % 2:
            raise UsageError("config.kernel", f"kernel = {self.kernel} must be odd")

    def inputs(self) -> dict[str, tuple[int, int | None]]:
        """Width and full length of each condition that `encode` takes, in its order, text last; None: that of the latents."""
        return {"visual": (self.visual_dim, None), "text": (self.dim, 1)}

    @classmethod
    def tiny(cls) -> "Config":
        """The smallest useful network, for tests and smoke recipes."""
        return cls(
            latent_dim=6,
            dim=32,
            visual_dim=24,
            depth=2,
            heads=2,
            dim_head=16,
            ff_mult=2,
            max_len=256,
            registers=4,
            dropout=0.0,
        )


class Conditions(NamedTuple):
    """What a clip is about; nothing depends on t."""

    visual: Tensor  # (b n visual_dim), one frame per latent
    text: Tensor  # (b l dim)
    text_mask: Tensor | None  # (b l)
    mask: Tensor | None  # (b n) valid latents


def nearest_frames(
    n_latents: int, n_frames: int, duration: float, sample_rate: int = 24_000, hop_length: int = 320
) -> Int[Tensor, " n"]:
    """Index of the video frame nearest to the middle of each latent; frames span the duration."""
    if n_frames < 2:
        return torch.zeros(n_latents, dtype=torch.long)
    middle = (torch.arange(n_latents, dtype=torch.float64) + 0.5) * hop_length / sample_rate
    return (middle * (n_frames - 1) / duration).round().long().clamp(max=n_frames - 1)


class Model(nn.Module):
    """Velocity of an EnCodec latent given frame-aligned visual features, text tokens and time."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.proj_in = nn.Linear(config.latent_dim, config.dim)
        self.transformer = Transformer(config)
        self.to_pred = nn.Linear(config.dim, config.latent_dim)

    def blocks(self) -> list[nn.Module]:
        """What `checkpoint_activations` recomputes: the layers that hold the most, which are no modules of their own."""
        kinds = (blocks.GatedAttention, blocks.GatedFeedForward)
        return [module for module in self.modules() if isinstance(module, kinds)]

    def encode(
        self,
        visual: Float[Tensor, "b n e"],
        text: Float[Tensor, "b l d"],
        *,
        text_mask: Bool[Tensor, "b l"] | None = None,
        mask: Bool[Tensor, "b n"] | None = None,
        drop_video: Bool[Tensor, " b"] | None = None,
        drop_text: Bool[Tensor, " b"] | None = None,
    ) -> Conditions:
        """Conditions with zeros for whatever is dropped; text tokens keep their mask."""
        if drop_video is not None:
            visual = visual.masked_fill(drop_video[:, None, None], 0.0)
        if drop_text is not None:
            text = text.masked_fill(drop_text[:, None, None], 0.0)
        return Conditions(zero_invalid(visual, mask), text, text_mask, mask)

    def null(self, cond: Conditions) -> Conditions:
        """No video and no text."""
        return cond._replace(visual=torch.zeros_like(cond.visual), text=torch.zeros_like(cond.text))

    def forward(
        self, x_t: Float[Tensor, "b n c"], t: Float[Tensor, "..."], cond: Conditions
    ) -> Float[Tensor, "b n c"]:
        """Velocity at time `t`, one value or one per item; zero on latents that are not valid."""
        t = t.expand(x_t.shape[0])
        x = self.transformer(
            self.proj_in(x_t), t, cond.visual, cond.text, cond.mask, cond.text_mask
        )
        return zero_invalid(self.to_pred(x), cond.mask)


class Transformer(nn.Module):
    """Two streams with registers, U-shaped skips in the audio stream, time by adaptive norms."""

    def __init__(self, config: Config):
        super().__init__()
        c = config
        self.registers = nn.Parameter(torch.randn(c.registers, c.dim) * 0.02)
        self.text_registers = nn.Parameter(torch.randn(c.registers, c.visual_dim) * 0.02)
        self.abs_pos_emb = nn.Embedding(c.max_len, c.dim)
        self.rotary_emb = RotaryEmbedding(c.dim_head)
        self.text_rotary_emb = RotaryEmbedding(c.dim_head)
        self.time_cond_mlp = nn.Sequential(
            blocks.FourierTime(c.dim), nn.Linear(c.dim + 1, c.dim), nn.SiLU()
        )
        self.layers = nn.ModuleList(
            nn.ModuleList(
                (_audio_layer(c, later=i >= c.depth // 2), _visual_layer(c, i == c.depth - 1))
            )
            for i in range(c.depth)
        )
        self.final_norm = blocks.ScaleNorm(c.dim)

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        t: Float[Tensor, " b"],
        visual: Float[Tensor, "b n e"],
        text: Float[Tensor, "b l d"],
        mask: Bool[Tensor, "b n"] | None = None,
        text_mask: Bool[Tensor, "b l"] | None = None,
    ) -> Float[Tensor, "b n d"]:
        b, n, _ = x.shape
        n_registers = self.registers.shape[0]
        if n > self.abs_pos_emb.num_embeddings:
            raise InputError(
                "clip.too_long",
                f"{n} latents, but there are {self.abs_pos_emb.num_embeddings} positions",
            )
        emb = self.time_cond_mlp(t)
        x = x + self.abs_pos_emb.weight[:n]
        x = torch.cat((self.registers.expand(b, -1, -1), x), dim=1)
        visual = torch.cat((self.text_registers.expand(b, -1, -1), visual), dim=1)
        if mask is not None:
            mask = nn.functional.pad(mask, (n_registers, 0), value=True)
        angle, visual_angle = self.rotary_emb(x.shape[1]), self.text_rotary_emb(x.shape[1])
        skips = []
        for audio_layer, visual_layer in self.layers:
            x, visual = _visual_step(visual_layer, x, visual, visual_angle, mask)
            skip, conv, norm, attn, gate, cross_norm, cross, cross_gate, ff_norm, ff, ff_gate = (
                audio_layer
            )
            if isinstance(skip, nn.Linear):
                x = skip(torch.cat((x, skips.pop()), dim=-1))
            else:
                skips.append(x)
            x = x + conv(x, mask)
            x = x + gate(attn(norm(x, emb), angle, mask), emb)
            x = x + cross_gate(cross(cross_norm(x, emb), None, mask, text, text_mask), emb)
            x = x + ff_gate(ff(ff_norm(x, emb)), emb)
        return self.final_norm(x[:, n_registers:])


def _audio_layer(c: Config, later: bool) -> nn.ModuleList:
    """The modules of one audio layer, in the order that gives them their published indices."""

    def attention() -> list[nn.Module]:
        attn = blocks.GatedAttention(c.dim, c.heads, c.dim_head, c.dropout, c.dim)
        return [blocks.AdaptiveScaleNorm(c.dim), attn, blocks.Gate(c.dim)]

    return nn.ModuleList(
        [
            nn.Linear(2 * c.dim, c.dim, bias=False) if later else nn.Identity(),
            blocks.DepthwiseConv(c.dim, c.kernel),
            *attention(),
            *attention(),
            blocks.AdaptiveScaleNorm(c.dim),
            blocks.GatedFeedForward(c.dim, c.ff_mult, c.dropout),
            blocks.Gate(c.dim),
        ]
    )


def _visual_layer(c: Config, last: bool) -> nn.ModuleList:
    dim = c.visual_dim
    return nn.ModuleList(
        [
            blocks.DepthwiseConv(dim, c.kernel),
            blocks.ScaleNorm(dim),
            blocks.GatedAttention(dim, c.heads, c.dim_head, c.dropout, dim),
            blocks.ScaleNorm(dim),
            blocks.GatedFeedForward(dim, c.ff_mult, c.dropout),
            blocks.CrossCondition(c.dim, dim, both_ways=not last),
        ]
    )


def _visual_step(
    layer: nn.ModuleList, x: Tensor, visual: Tensor, angle: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    conv, norm, attn, ff_norm, ff, exchange = layer
    visual = visual + conv(visual, mask)
    visual = visual + attn(norm(visual), angle, mask)
    visual = visual + ff(ff_norm(visual))
    return exchange(x, visual)
