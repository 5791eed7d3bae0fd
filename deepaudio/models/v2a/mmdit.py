"""M_v2a: the MMAudio network (Cheng et al., 2024), v1 and v2, as eq. 3's encoder and decoder.

`encode` is time-independent and runs once per clip; keys of the state dict are those of the
published MMAudio weights. Lengths are read from the tensors, so any duration works as it is.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from deepaudio.errors import InputError, UsageError
from deepaudio.models.v2a._joint import FinalBlock, JointBlock, StreamBlock
from deepaudio.nn.feedforward import ChannelLastConv, SwiGLU
from deepaudio.nn.rope import angles, frequencies

# steps of eight seconds: frames at 8 per second, 24 segments of 8 sync features
CLIP_STEPS, SYNC_STEPS = 64, 192


@dataclass(frozen=True)
class Config:
    """Sizes; the defaults are MMAudio small 16 kHz. `depth` counts joint and fused blocks.

    `sync_segment` frames of sync features share a learned position code; None leaves it out.
    """

    latent_dim: int = 20
    clip_dim: int = 1024
    sync_dim: int = 768
    text_dim: int = 1024
    text_len: int = 77
    hidden_dim: int = 448
    heads: int = 7
    depth: int = 12
    fused_depth: int = 8
    mlp_ratio: int = 4
    mlp_multiple: int = 256
    sync_segment: int | None = 8
    v2: bool = False

    def __post_init__(self) -> None:
        for name in (
            "latent_dim",
            "clip_dim",
            "sync_dim",
            "text_dim",
            "text_len",
            "heads",
            "mlp_ratio",
            "mlp_multiple",
        ):
            if getattr(self, name) < 1:
                raise UsageError(
                    "config.size", f"{name} must be at least 1, got {getattr(self, name)}"
                )
        if self.hidden_dim % (2 * self.heads):
            raise UsageError(
                "config.heads",
                f"hidden_dim = {self.hidden_dim} does not divide into {self.heads} heads of even size",
            )
        if not 0 <= self.fused_depth < self.depth:
            raise UsageError(
                "config.depth",
                f"fused_depth = {self.fused_depth} must be below depth = {self.depth}",
            )
        if self.sync_segment is not None and self.sync_segment < 1:
            raise UsageError(
                "config.size", f"sync_segment must be at least 1, got {self.sync_segment}"
            )

    def inputs(self) -> dict[str, tuple[int, int | None]]:
        """Width and full length of each condition that `encode` takes, in its order, text last."""
        return {
            "clip": (self.clip_dim, CLIP_STEPS),
            "sync": (self.sync_dim, SYNC_STEPS),
            "text": (self.text_dim, self.text_len),
        }

    @classmethod
    def tiny(cls) -> "Config":
        """The smallest useful network, for tests and smoke recipes."""
        return cls(
            latent_dim=6,
            clip_dim=16,
            sync_dim=12,
            text_dim=16,
            text_len=5,
            hidden_dim=64,
            heads=2,
            depth=3,
            fused_depth=1,
        )


class Conditions(NamedTuple):
    """Projected conditions; none depends on t or on the length of the latent."""

    clip: Tensor  # (b f d)
    sync: Tensor  # (b m d) at its own rate
    text: Tensor  # (b l d)
    overall: Tensor  # (b 1 d) global condition


class Model(nn.Module):
    """Velocity of an audio latent given clip, sync and text features and time."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        dim, inner, multiple = c.hidden_dim, c.mlp_ratio * c.hidden_dim, c.mlp_multiple
        act = nn.SiLU if c.v2 else nn.SELU
        between = [nn.SiLU()] if c.v2 else []
        self.audio_input_proj = nn.Sequential(
            ChannelLastConv(c.latent_dim, dim, 7, padding=3), act(), SwiGLU(dim, inner, 7, multiple)
        )
        self.clip_input_proj = nn.Sequential(
            nn.Linear(c.clip_dim, dim), *between, SwiGLU(dim, inner, 3, multiple)
        )
        self.sync_input_proj = nn.Sequential(
            ChannelLastConv(c.sync_dim, dim, 7, padding=3), act(), SwiGLU(dim, inner, 3, multiple)
        )
        self.text_input_proj = nn.Sequential(
            nn.Linear(c.text_dim, dim), *between, SwiGLU(dim, inner, 1, multiple)
        )
        self.clip_cond_proj = nn.Linear(dim, dim)
        self.text_cond_proj = nn.Linear(dim, dim)
        self.global_cond_mlp = SwiGLU(dim, inner, 1, multiple)
        self.t_embed = TimeEmbedding(dim, dim if c.v2 else 256, 10_000.0 if c.v2 else 1.0)
        joint_depth = c.depth - c.fused_depth
        self.joint_blocks = nn.ModuleList(
            JointBlock(dim, c.heads, inner, i == joint_depth - 1, multiple)
            for i in range(joint_depth)
        )
        self.fused_blocks = nn.ModuleList(
            StreamBlock(dim, c.heads, inner, 3, multiple=multiple) for _ in range(c.fused_depth)
        )
        self.final_layer = FinalBlock(dim, c.latent_dim)
        segment = c.sync_segment
        self.sync_pos_emb = (
            nn.Parameter(torch.zeros(1, 1, segment, c.sync_dim)) if segment else None
        )
        self.empty_clip_feat = nn.Parameter(torch.zeros(1, c.clip_dim))
        self.empty_sync_feat = nn.Parameter(torch.zeros(1, c.sync_dim))
        # statistics, not trained, but parameters in the published weights
        self.latent_mean = nn.Parameter(torch.zeros(1, 1, c.latent_dim), requires_grad=False)
        self.latent_std = nn.Parameter(torch.ones(1, 1, c.latent_dim), requires_grad=False)
        empty_text = torch.zeros(c.text_len, c.text_dim)
        self.empty_string_feat = nn.Parameter(empty_text, requires_grad=False)
        self._initialise()

    def _initialise(self) -> None:
        """Xavier for linears; those that start at zero or small keep their own start."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear) and "adaLN" not in name:
                if name.startswith("t_embed"):
                    nn.init.normal_(module.weight, std=0.02)
                else:
                    nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def blocks(self) -> list[nn.Module]:
        """What `checkpoint_activations` recomputes."""
        return [*self.joint_blocks, *self.fused_blocks]

    def normalize(self, latent: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """Codec latents to the space of the flow."""
        return (latent - self.latent_mean) / self.latent_std

    def unnormalize(self, latent: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """The space of the flow to codec latents."""
        return latent * self.latent_std + self.latent_mean

    def encode(
        self,
        clip: Float[Tensor, "b f dc"],
        sync: Float[Tensor, "b m ds"],
        text: Float[Tensor, "b l dt"],
        *,
        drop_video: Bool[Tensor, " b"] | None = None,
        drop_text: Bool[Tensor, " b"] | None = None,
    ) -> Conditions:
        """Project the features of a clip; dropped items get the learned or stored empty features."""
        if drop_video is not None:
            clip = torch.where(drop_video[:, None, None], self.empty_clip_feat, clip)
            sync = torch.where(drop_video[:, None, None], self.empty_sync_feat, sync)
        if drop_text is not None:
            text = torch.where(drop_text[:, None, None], self._empty_text(text.shape[1]), text)
        segment = self.config.sync_segment
        if self.sync_pos_emb is not None:
            if sync.shape[1] % segment:
                raise InputError(
                    "condition.sync",
                    f"{sync.shape[1]} sync frames are not whole segments of {segment}",
                )
            segments = rearrange(sync, "b (s k) d -> b s k d", k=segment) + self.sync_pos_emb
            sync = rearrange(segments, "b s k d -> b (s k) d")
        clip = self.clip_input_proj(clip)
        sync = self.sync_input_proj(sync)
        text = self.text_input_proj(text)
        overall = self.clip_cond_proj(clip.mean(dim=1)) + self.text_cond_proj(text.mean(dim=1))
        return Conditions(clip, sync, text, self.global_cond_mlp(overall)[:, None])

    def null(self, cond: Conditions, negative: Float[Tensor, "b l dt"] | None = None) -> Conditions:
        """Learned empty video, and the empty or a negative prompt."""
        b = cond.clip.shape[0]
        clip = self.empty_clip_feat.expand(b, cond.clip.shape[1], -1)
        sync = self.empty_sync_feat.expand(b, cond.sync.shape[1], -1)
        if negative is None:
            negative = self._empty_text(cond.text.shape[1]).expand(b, -1, -1)
        return self.encode(clip, sync, negative)

    def pooled(
        self, x1: Float[Tensor, "b n c"], cond: Conditions
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        """Audio and video as the network projects them before they meet, means over time: for a contrastive loss."""
        return self.audio_input_proj(x1).mean(1), cond.sync.mean(1) + cond.clip.mean(1)

    def forward(
        self, x_t: Float[Tensor, "b n c"], t: Float[Tensor, "..."], cond: Conditions
    ) -> Float[Tensor, "b n c"]:
        """Velocity at time `t`, one value or one per item."""
        n, n_clip = x_t.shape[1], cond.clip.shape[1]
        x = self.audio_input_proj(x_t)
        overall = self.t_embed(t.expand(x.shape[0]))[:, None] + cond.overall
        sync = F.interpolate(cond.sync.mT, size=n, mode="nearest-exact").mT
        per_frame = overall + sync
        turn = frequencies(self.config.hidden_dim // self.config.heads).to(x.device)
        frames = torch.arange(n, device=x.device)
        latent_angle = angles(frames, turn)
        # clip frames stand where they are on the time axis of the latent
        clip_angle = angles(torch.arange(n_clip, device=x.device), turn * (n / n_clip))
        clip, text = cond.clip, cond.text
        for block in self.joint_blocks:
            x, clip, text = block(x, clip, text, per_frame, overall, latent_angle, clip_angle)
        for block in self.fused_blocks:
            x = block(x, per_frame, latent_angle)
        # the published weights condition the last layer by the global vector alone
        return self.final_layer(x, overall)

    def _empty_text(self, length: int) -> Tensor:
        if length != self.config.text_len:
            raise InputError(
                "condition.text",
                f"{length} text tokens, but the empty prompt has {self.config.text_len}",
            )
        return self.empty_string_feat[None]


class TimeEmbedding(nn.Module):
    """Sinusoids of t, cos first, then a two-layer network; `scale` 1 for v1, 10000 for v2."""

    def __init__(self, dim: int, n_sinusoids: int, scale: float):
        super().__init__()
        self.n_sinusoids = n_sinusoids
        self.scale = scale
        self.mlp = nn.Sequential(nn.Linear(n_sinusoids, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t: Float[Tensor, " b"]) -> Float[Tensor, "b d"]:
        step = self.scale * frequencies(self.n_sinusoids).to(
            t.device
        )  # before t: at 10000 the rounding shows
        angle = t.float()[:, None] * step
        sinusoids = torch.cat((angle.cos(), angle.sin()), dim=-1)
        return self.mlp(sinusoids.to(self.mlp[0].weight.dtype))
