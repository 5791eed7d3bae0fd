"""Low-rank tuning (LoRA, arXiv 2106.09685): each linear layer of the network's blocks learns W + (alpha / rank) B A, and nothing else moves.

`model/` of a run holds W with the change added, under its usual names: whatever reads a model reads this one.
"""

import math
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize

from deepaudio.errors import InputError
from deepaudio.training.recipe import Lora

WEIGHT = ".parametrizations.weight."


class LowRank(nn.Module):
    """A weight with its change; zero at first."""

    def __init__(self, weight: Tensor, settings: Lora):
        super().__init__()
        rows, columns = weight.shape
        self.a = nn.Parameter(weight.new_empty(settings.rank, columns))
        self.b = nn.Parameter(weight.new_zeros(rows, settings.rank))
        self.register_buffer("scale", weight.new_tensor(settings.alpha / settings.rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))  # as nn.Linear

    def forward(self, weight: Float[Tensor, "o i"]) -> Float[Tensor, "o i"]:
        return weight + self.scale * (self.b @ self.a)


def adapt(model: nn.Module, settings: Lora) -> None:
    """Freeze the network and give the linear layers of `model.blocks()` their changes. InputError without such blocks."""
    if not hasattr(model, "blocks"):
        message = f"lora: {type(model).__name__} has no blocks of layers"
        raise InputError("recipe.lora", message, "leave the key out: all weights are trained")
    model.requires_grad_(False)
    for block in model.blocks():
        for layer in [part for part in block.modules() if isinstance(part, nn.Linear)]:
            parametrize.register_parametrization(layer, "weight", LowRank(layer.weight, settings))


def rescaled(state: Mapping[str, Tensor], settings: Lora | None) -> Mapping[str, Tensor]:
    """A saved state dict with the scale of `settings`, which is said by a recipe and not learned."""
    if settings is None:
        return state
    return {
        name: value.new_tensor(settings.alpha / settings.rank)
        if name.endswith(f"{WEIGHT}0.scale")
        else value
        for name, value in state.items()
    }


def merged(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict under the names of the network without LoRA; one without it stays as it is."""
    found = {}
    for name, value in state.items():
        layer, low_rank, part = name.partition(WEIGHT)
        if not low_rank:
            found[name] = value
        elif part == "original":
            a, b, scale = (state[f"{layer}{WEIGHT}0.{what}"] for what in ("a", "b", "scale"))
            found[f"{layer}.weight"] = value + scale * (b @ a)
    return found
