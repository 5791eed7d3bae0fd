"""The gate in use: an instruction in, a direction and its probabilities out (eq. 8-9)."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from deepaudio import checkpoint, discover
from deepaudio.config import build
from deepaudio.errors import UsageError, WeightsError
from deepaudio.models.mof import gate
from deepaudio.models.mof.gate import DIRECTIONS, Direction

__all__ = ["DIRECTIONS", "Direction", "Gate", "Route"]

MAX_CHARACTERS = 10_000


@dataclass(frozen=True)
class Route:
    """The direction of highest probability, and all probabilities by direction."""

    direction: Direction
    probabilities: dict[str, float]


class Gate:
    """Text encoder and gate network of a preset."""

    def __init__(self, model: nn.ModuleDict, device: torch.device):
        self.model = model.to(device).eval()
        self.device = device

    @classmethod
    def load(cls, preset: Path, device: torch.device) -> "Gate":
        """From the part `mof` of a preset; WeightsError when it is absent or does not fit."""
        config, state = checkpoint.load(preset / "mof")
        if set(config) != {"text_encoder", "encoder", "gate"}:
            message = f"{preset / 'mof'}: not a gate (keys {', '.join(sorted(config))})"
            raise WeightsError("weights.config", message)
        encoder = discover.find("deepaudio.encoders", config["text_encoder"])
        sizes = build(encoder.Config, config["encoder"], "mof.encoder")
        head = build(gate.Config, config["gate"], "mof.gate")
        model = nn.ModuleDict({"text_encoder": encoder.Model(sizes), "gate": gate.Model(head)})
        checkpoint.load_into(model, state, str(preset / "mof"))
        return cls(model, device)

    def route(self, instruction: str) -> Route:
        """Probabilities of the three directions; UsageError for an empty or endless instruction."""
        if not instruction.strip():
            hint = "e.g. dub the speaker"
            raise UsageError("instruction.empty", "the instruction is empty", hint)
        if len(instruction) > MAX_CHARACTERS:
            message = f"the instruction has {len(instruction)} characters; at most {MAX_CHARACTERS}"
            raise UsageError("instruction.too_long", message)
        with torch.inference_mode():
            ids = self.model["text_encoder"].tokenize([instruction])
            logits = self.model["gate"](*self.model["text_encoder"](ids.to(self.device)))
        shares = logits.float().softmax(-1)[0].tolist()
        named = dict(zip(DIRECTIONS, shares, strict=True))
        return Route(max(named, key=named.__getitem__), named)
