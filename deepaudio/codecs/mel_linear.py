"""A linear codec between mel frames and the latents of `mini`: principal components of a few frames together."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.errors import UsageError


@dataclass(frozen=True)
class Config:
    """`fold` mel frames become one latent of `dim` values; quieter than `floor` counts as silence."""

    n_mels: int = 100
    fold: int = 4
    dim: int = 64
    floor: float = -7.0
    frame_rate: float = 93.75  # of the mel

    def __post_init__(self) -> None:
        if not 0 < self.dim <= self.n_mels * self.fold:
            raise UsageError(
                "config.size", f"dim must lie in 1..{self.n_mels * self.fold}, got {self.dim}"
            )

    @classmethod
    def tiny(cls) -> "Config":
        return cls(dim=6)


class Model(nn.Module):
    """Encode clamps to the floor; decode gives mel frames. Latents have unit variance or less, the first largest."""

    def __init__(self, config: Config = Config()):
        super().__init__()
        self.config = config
        width = config.n_mels * config.fold
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("basis", torch.eye(width)[:, : config.dim].contiguous())
        self.register_buffer("scale", torch.ones(config.dim))

    def fit(self, mel: Float[Tensor, "n c"]) -> None:
        """Take mean, directions and scales from mel frames; variance falls with the root of the component's own."""
        c = self.config
        n = mel.shape[0] // c.fold * c.fold
        rows = mel[:n].clamp(min=c.floor).reshape(-1, c.n_mels * c.fold).double()
        mean = rows.mean(0)
        values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
        basis = vectors.flip(1)[:, : c.dim]
        deviation = values.flip(0)[: c.dim].clamp(min=1e-6).sqrt()
        self.mean.copy_(mean)
        self.basis.copy_(basis)
        self.scale.copy_((deviation * deviation[0]).sqrt())

    def encode(self, mel: Float[Tensor, "b n c"]) -> Float[Tensor, "b m d"]:
        """Mel frames to latents; the last group is filled up with its last frame."""
        c = self.config
        missing = -mel.shape[1] % c.fold
        if missing:
            mel = torch.cat([mel, mel[:, -1:].expand(-1, missing, -1)], dim=1)
        rows = rearrange(mel.clamp(min=c.floor), "b (m k) c -> b m (k c)", k=c.fold)
        return (rows - self.mean) @ self.basis / self.scale

    def decode(self, latent: Float[Tensor, "b m d"]) -> Float[Tensor, "b n c"]:
        """Latents to `fold` times as many mel frames."""
        rows = (latent * self.scale) @ self.basis.T + self.mean
        return rearrange(rows, "b m (k c) -> b (m k) c", k=self.config.fold)
