"""Synchformer's visual encoder: video frames at 25 fps to features that know when things happen.

Iashin et al. 2024, arXiv 2401.16423, section 3: a Motionformer ViT-B/16 with divided space-time attention, then one
transformer layer that pools the patches of each time step. 16 frames give 8 features.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.nn.attention import attend, dot_product

_LAYER_EPS = 1e-6


@dataclass(frozen=True)
class Config:
    """Sizes. `segment_frames` frames make a segment, a new one every `segment_hop`."""

    dim: int = 768
    depth: int = 12
    heads: int = 12
    image_size: int = 224
    patch: int = 16
    tubelet: int = 2
    segment_frames: int = 16
    segment_hop: int = 8
    frame_rate: float = 25.0

    def __post_init__(self) -> None:
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}")
        if self.image_size % self.patch:
            raise ValueError(f"image_size {self.image_size} is not a multiple of {self.patch}")
        if self.segment_frames % self.tubelet:
            raise ValueError(
                f"segment_frames {self.segment_frames} is not a multiple of {self.tubelet}"
            )

    @classmethod
    def tiny(cls) -> "Config":
        return cls(dim=48, depth=2, heads=4)

    @property
    def steps(self) -> int:
        """Features per segment."""
        return self.segment_frames // self.tubelet

    @property
    def patches(self) -> int:
        return (self.image_size // self.patch) ** 2


class DividedAttention(nn.Module):
    """Attention inside groups of tokens; the class token is seen by every group and sees all of them."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, groups: str, steps: int) -> Tensor:
        """`groups` is "time" (same patch over time) or "space" (patches of one time step)."""
        q, k, v = rearrange(self.qkv(x), "b n (three h d) -> three b h n d", three=3, h=self.heads)
        summary = dot_product(q[:, :, :1], k, v)
        pattern = "b h (t p) d -> (b p) h t d" if groups == "time" else "b h (t p) d -> (b t) h p d"
        q, inner_k, inner_v = (rearrange(a[:, :, 1:], pattern, t=steps) for a in (q, k, v))
        n_groups = len(q) // len(x)
        k = torch.cat([k[:, :, :1].repeat_interleave(n_groups, 0), inner_k], dim=2)
        v = torch.cat([v[:, :, :1].repeat_interleave(n_groups, 0), inner_v], dim=2)
        out = dot_product(q, k, v)
        back = (
            "(b p) h t d -> b (t p) (h d)" if groups == "time" else "(b t) h p d -> b (t p) (h d)"
        )
        out = rearrange(out, back, b=len(x))
        return self.proj(torch.cat([rearrange(summary, "b h 1 d -> b 1 (h d)"), out], dim=1))


class FeedForward(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention over time, then over space, then the feed-forward; each pre-normed with a residual."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=_LAYER_EPS)
        self.attn = DividedAttention(dim, heads)
        self.timeattn = DividedAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=_LAYER_EPS)
        self.mlp = FeedForward(dim)
        self.norm3 = nn.LayerNorm(dim, eps=_LAYER_EPS)

    def forward(self, x: Tensor, steps: int) -> Tensor:
        x = x + self.timeattn(self.norm3(x), "time", steps)
        x = x + self.attn(self.norm1(x), "space", steps)
        return x + self.mlp(self.norm2(x))


class SpatialPooling(nn.Module):
    """One pre-norm transformer layer whose class token stands for the patches of a time step."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.self_attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.linear1 = nn.Linear(dim, 4 * dim)
        self.linear2 = nn.Linear(4 * dim, dim)
        self.norm1 = nn.LayerNorm(dim, eps=_LAYER_EPS)
        self.norm2 = nn.LayerNorm(dim, eps=_LAYER_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        first = x[:, :1] + self._attended(self.norm1(x))
        return (first + self.linear2(F.gelu(self.linear1(self.norm2(first))))).squeeze(1)

    def _attended(self, h: Float[Tensor, "b n d"]) -> Float[Tensor, "b 1 d"]:
        """What the first token takes from all; torch's own layer multiplies each token apart where a batch comes first."""
        own, heads = self.self_attn, self.self_attn.num_heads
        d = h.shape[-1]
        q = F.linear(h[:, :1], own.in_proj_weight[:d], own.in_proj_bias[:d])
        kv = F.linear(h, own.in_proj_weight[d:], own.in_proj_bias[d:])
        q = rearrange(q, "b n (h d) -> b h n d", h=heads)
        k, v = rearrange(kv, "b n (two h d) -> two b h n d", two=2, h=heads)
        return own.out_proj(attend(q, k, v))


class Patches(nn.Module):
    """Holds a patch projection under its checkpoint name."""

    def __init__(self, projection: nn.Module) -> None:
        super().__init__()
        self.proj = projection


class MotionFormer(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        dim, patch = config.dim, config.patch
        self.steps = config.steps
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, config.patches + 1, dim))
        self.temp_embed = nn.Parameter(torch.zeros(1, config.steps, dim))
        # the image projection is never used, but official files carry it
        self.patch_embed = Patches(nn.Conv2d(3, dim, patch, patch))
        size = (config.tubelet, patch, patch)
        self.patch_embed_3d = Patches(nn.Conv3d(3, dim, size, size))
        self.blocks = nn.ModuleList(Block(dim, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(dim, eps=_LAYER_EPS)
        self.spatial_attn_agg = SpatialPooling(dim, config.heads)

    def forward(self, frames: Float[Tensor, "b t 3 h w"]) -> Float[Tensor, "b n d"]:
        x = self.patch_embed_3d.proj(frames.transpose(1, 2))
        x = rearrange(x, "b d t h w -> b t (h w) d")
        x = x + self.pos_embed[:, None, 1:] + self.temp_embed[:, :, None]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(x.shape[0], -1, -1)
        x = torch.cat([first, rearrange(x, "b t p d -> b (t p) d")], dim=1)
        for block in self.blocks:
            x = block(x, self.steps)
        x = rearrange(self.norm(x[:, 1:]), "b (t p) d -> (b t) p d", t=self.steps)
        return rearrange(self.spatial_attn_agg(x), "(b t) d -> b t d", t=self.steps)


def n_segments(n_frames: int, segment_frames: int = 16, segment_hop: int = 8) -> int:
    """How many whole segments fit; 0 when the clip is shorter than one."""
    return max(0, (n_frames - segment_frames) // segment_hop + 1)


class Synchformer(nn.Module):
    """Frames normalised to [-1, 1] (mean and deviation 0.5) at 25 fps, 224 x 224, to features."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.vfeat_extractor = MotionFormer(config)

    @property
    def dim(self) -> int:
        return self.config.dim

    def segments(self, frames: Float[Tensor, "b g t 3 h w"]) -> Float[Tensor, "b g n d"]:
        """Features of separate 16-frame segments: a batch on a GPU, one by one on a CPU, where that is faster."""
        segments = rearrange(frames, "b g t c h w -> (b g) t c h w")
        parts = segments.split(len(segments) if frames.is_cuda else 1)
        features = torch.cat([self.vfeat_extractor(part) for part in parts])
        return rearrange(features, "(b g) n d -> b g n d", b=frames.shape[0])

    def forward(self, frames: Float[Tensor, "b f 3 h w"]) -> Float[Tensor, "b n d"]:
        """Features of a clip: overlapping segments, 8 features each, in order.

        Segments run one after the other, so memory does not grow with the clip. Raises ValueError below one segment.
        """
        size, hop = self.config.segment_frames, self.config.segment_hop
        count = n_segments(frames.shape[1], size, hop)
        if count == 0:
            raise ValueError(f"{frames.shape[1]} frames are fewer than a segment of {size}")
        starts = range(0, count * hop, hop)
        return torch.cat([self.vfeat_extractor(frames[:, s : s + size]) for s in starts], dim=1)
