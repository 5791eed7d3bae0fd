"""Vocos vocoder: ConvNeXt backbone and inverse-STFT head of the `vocos` package (Siuzdak 2023, arXiv 2306.00814)."""

from dataclasses import dataclass

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.libraries import lean

with lean("vocos"):  # its `__init__` imports what fetches published weights
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone


@dataclass(frozen=True)
class Config:
    """Sizes of `charactr/vocos-mel-24khz`; the state dict has its keys without the feature extractor."""

    n_mels: int = 100
    dim: int = 512
    intermediate_dim: int = 1536
    n_layers: int = 8
    sample_rate: int = 24_000
    n_fft: int = 1024
    hop_length: int = 256

    def __post_init__(self) -> None:
        if self.n_fft % self.hop_length or self.n_fft < 2 * self.hop_length:
            raise ValueError(
                f"hop_length {self.hop_length} must divide n_fft {self.n_fft} at least twice"
            )

    @classmethod
    def tiny(cls) -> "Config":
        return cls(dim=32, intermediate_dim=64, n_layers=2)


class Vocos(nn.Module):
    """Log-mel to waveform; n frames give (n - 1) * hop_length samples."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.backbone = VocosBackbone(
            config.n_mels, config.dim, config.intermediate_dim, config.n_layers
        )
        self.head = ISTFTHead(config.dim, config.n_fft, config.hop_length, padding="center")

    @property
    def sample_rate(self) -> int:
        return self.config.sample_rate

    def decode(self, mel: Float[Tensor, "b n c"]) -> Float[Tensor, "b s"]:
        """(b n n_mels) natural-log mel -> (b, (n - 1) * hop_length) at `sample_rate`."""
        return self.head(self.backbone(rearrange(mel, "b n c -> b c n")))

    def forward(self, mel: Float[Tensor, "b n c"]) -> Float[Tensor, "b s"]:
        return self.decode(mel)
