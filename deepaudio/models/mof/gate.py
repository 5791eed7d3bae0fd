"""The gate G of M_mof: p = softmax(MLP(TextEncoder(instruction))) over K = 3 directions (eq. 8-9).

The text encoder stands outside (`encoders/ngrams.py` in `mini`, `encoders/flan_t5.py` in the full
sizes), so one gate serves both: it sees token features and which of them are real.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from deepaudio.errors import UsageError

Direction = Literal["v2a", "v2s", "tts"]
DIRECTIONS: tuple[Direction, ...] = (
    "v2a",
    "v2s",
    "tts",
)  # audio from video, speech from video, speech from text
V2A, V2S, TTS = range(3)


@dataclass(frozen=True)
class Config:
    """Sizes: width of the text features, and of the MLP's inner layers."""

    text_dim: int = 1024  # FLAN-T5 large
    hidden_dim: int = 512
    hidden_layers: int = 1
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("text_dim", "hidden_dim", "hidden_layers"):
            if getattr(self, name) < 1:
                raise UsageError(
                    "config.size", f"{name} must be at least 1, got {getattr(self, name)}"
                )

    @classmethod
    def tiny(cls) -> "Config":
        """The smallest useful gate, for tests and smoke recipes."""
        return cls(text_dim=16, hidden_dim=16)


class Model(nn.Module):
    """Masked mean of the token features, then an MLP to one logit for each direction."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        widths = [config.text_dim, *[config.hidden_dim] * config.hidden_layers]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.GELU(), nn.Dropout(config.dropout)]
        self.mlp = nn.Sequential(*layers, nn.Linear(widths[-1], len(DIRECTIONS)))

    def forward(
        self, features: Float[Tensor, "b l d"], mask: Bool[Tensor, "b l"]
    ) -> Float[Tensor, "b k"]:
        """Logits; softmax over them are the gate's weights G."""
        weights = mask.unsqueeze(-1).to(features.dtype)
        pooled = (features * weights).sum(1) / weights.sum(1).clamp(min=1)
        return self.mlp(pooled)


def gate_loss(logits: Float[Tensor, "b k"], directions: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """Summed cross-entropy of the gate; divide by the number of instructions."""
    return F.cross_entropy(logits.float(), directions, reduction="sum")
