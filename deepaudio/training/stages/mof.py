"""Stage mof: the gate learns which direction an instruction asks for (cross-entropy, eq. 8-9)."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepaudio import discover
from deepaudio.config import build as build_config
from deepaudio.data import mof as data
from deepaudio.models.mof import gate
from deepaudio.training.fit import Loss
from deepaudio.training.recipe import Recipe
from deepaudio.training.start import initialise


@dataclass(frozen=True)
class Config:
    """What config.json of a gate says: the text encoder by name, its config, the gate's."""

    text_encoder: str
    encoder: Any
    gate: gate.Config


@dataclass(frozen=True)
class Data:
    """`noise` scales how carelessly the instructions are typed."""

    batch_items: int = 32
    noise: float = 1.0


@dataclass(frozen=True)
class Objective:
    """`word_drop`: share of words hidden from the text encoder, so that no single word decides alone."""

    word_drop: float = 0.0


class Batch(NamedTuple):
    ids: Tensor  # what the text encoder's `tokenize` gives
    directions: Tensor  # (b)


class Mof:
    """Gate and, when it is trained with it, text encoder."""

    def __init__(self, recipe: Recipe):
        values = dict(recipe.model)
        name = values.pop("text_encoder", "ngrams")
        encoder = discover.find("deepaudio.encoders", name)
        sizes = build_config(encoder.Config, values.pop("encoder", {}), "model.encoder")
        head = {"text_dim": sizes.dim} | values.pop("gate", {})
        self.config = Config(name, sizes, build_config(gate.Config, head, "model.gate"))
        self.data = build_config(Data, recipe.data, "data")
        self.objective = build_config(Objective, recipe.objective, "objective")
        torch.manual_seed(recipe.seed)
        self.model = nn.ModuleDict({"text_encoder": encoder.Model(sizes), "gate": gate.Model(self.config.gate)})
        initialise(self.model, recipe)

    def batches(self, rng: torch.Generator) -> Iterator[Batch]:
        """Generated instructions for ever, each batch drawn from `rng` alone."""
        while True:
            draw = random.Random(int(torch.randint(2**62, (), generator=rng)))
            items = [data.sample(draw, data.scaled(self.data.noise)) for _ in range(self.data.batch_items)]
            ids = self.model["text_encoder"].tokenize([item.text for item in items])
            yield Batch(ids, torch.tensor([gate.DIRECTIONS.index(item.direction) for item in items]))

    def loss(self, batch: Batch, rng: torch.Generator) -> Loss:
        """Summed cross-entropy; the share routed right beside it."""
        device = next(self.model.parameters()).device
        ids = batch.ids
        if self.objective.word_drop:
            hidden = torch.rand(ids.shape[:2], generator=rng) < self.objective.word_drop
            ids = self.model["text_encoder"].hide(ids, hidden)
        features, mask = self.model["text_encoder"](ids.to(device))
        logits = self.model["gate"](features, mask)
        directions = batch.directions.to(device)
        right = (logits.argmax(-1) == directions).float().mean()
        return Loss(gate.gate_loss(logits, directions), len(directions), {"accuracy": float(right)})


def build(recipe: Recipe) -> Mof:
    """The stage of a recipe."""
    return Mof(recipe)
