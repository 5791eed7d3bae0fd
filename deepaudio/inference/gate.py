"""The gate in use: an instruction in, a direction and its probabilities out (eq. 8-9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from deepaudio import checkpoint
from deepaudio.config import build
from deepaudio.encoders import ngrams
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
    """The gate of a preset and the text encoder it reads with: `encode(texts) -> (features, mask)`."""

    def __init__(
        self, encode: Callable[[Sequence[str]], tuple[Tensor, Tensor]], network: gate.Model
    ):
        self.encode, self.network = encode, network

    @classmethod
    def load(
        cls,
        preset: Path | str,
        device: torch.device | str = "cpu",
        trained: Mapping[str, Path] = MappingProxyType({}),
    ) -> "Gate":
        """The gate in `preset`/mof, or in the folder that `trained` has under the name mof.

        config.json names the text encoder. The weights of `ngrams` lie in model.safetensors with the gate's, those of
        `flan_t5` in the folder `text_encoder` beside it, else in the folder that config.json names.
        """
        folder = trained.get("mof", Path(preset) / "mof")
        config, state = checkpoint.load(folder)
        missing = {"text_encoder", "encoder", "gate"} - config.keys()
        if missing:
            raise WeightsError("weights.config", f"{folder}/config.json: no '{min(missing)}'")
        with checkpoint.Unfilled():
            parts = nn.ModuleDict({"gate": gate.Model(build(gate.Config, config["gate"], "gate"))})
            if config["text_encoder"] == "ngrams":
                encoder = ngrams.Model(build(ngrams.Config, config["encoder"], "encoder"))
                parts["text_encoder"] = encoder
        checkpoint.load_into(parts, state, str(folder))
        parts.to(device).eval()
        if config["text_encoder"] == "ngrams":
            return cls(lambda texts: _read(parts["text_encoder"], texts, device), parts["gate"])
        from deepaudio.encoders.flan_t5 import FlanT5  # transformers is slow to import

        beside = folder / "text_encoder"
        encoder = FlanT5.load(beside if beside.is_dir() else config["encoder"]["folder"])
        return cls(encoder.to(device), parts["gate"])

    def route(self, instruction: str) -> Route:
        """Where one instruction goes."""
        return self.routes([instruction])[0]

    @torch.inference_mode()
    def routes(self, instructions: Sequence[str]) -> list[Route]:
        """Where each of several instructions goes; UsageError for an empty or endless one."""
        for instruction in instructions:
            if not instruction.strip():
                raise UsageError(
                    "instruction.empty", "the instruction is empty", "e.g. dub the speaker"
                )
            if len(instruction) > MAX_CHARACTERS:
                message = (
                    f"the instruction has {len(instruction)} characters; at most {MAX_CHARACTERS}"
                )
                raise UsageError("instruction.too_long", message)
        found = self.network(*self.encode(instructions)).float().softmax(-1).cpu()
        return [
            Route(DIRECTIONS[int(row.argmax())], dict(zip(DIRECTIONS, row.tolist(), strict=True)))
            for row in found
        ]


def _read(
    encoder: ngrams.Model, texts: Sequence[str], device: torch.device | str
) -> tuple[Tensor, Tensor]:
    return encoder(encoder.tokenize(texts).to(device))
