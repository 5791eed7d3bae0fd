"""Stage mof: the gate learns which direction an instruction asks for (cross-entropy, eq. 8-9)."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from deepaudio import checkpoint
from deepaudio.config import build as build_config
from deepaudio.data import mof as data
from deepaudio.discover import suggest
from deepaudio.encoders import ngrams, word_vectors
from deepaudio.errors import InputError, WeightsError
from deepaudio.flow.draws import Rng, rand
from deepaudio.models.mof import gate
from deepaudio.presets.trained import part_folder
from deepaudio.training.fit import Loss
from deepaudio.training.recipe import Recipe
from deepaudio.training.start import initialise

TEXT_ENCODERS = ("flan_t5", "ngrams")


@dataclass(frozen=True)
class Frozen:
    """FLAN-T5 from a local folder with config.json, model.safetensors and its tokenizer."""

    folder: str = "weights/flan-t5-large"


@dataclass(frozen=True)
class Config:
    """What config.json of a gate says: the text encoder by name, its config, the gate's."""

    text_encoder: str
    encoder: ngrams.Config | Frozen
    gate: gate.Config


@dataclass(frozen=True)
class Data:
    """`noise` scales how carelessly the instructions are typed; `written` is the share that was written one by one.

    `vectors` names the word vectors of an encoder that has them: a file of `deepaudio prepare word-vectors`, or a preset, run or
    model folder whose gate has them. With `init_from` they come from there.
    """

    batch_items: PositiveInt = 32
    noise: NonNegativeFloat = 1.0
    written: Annotated[float, Field(ge=0, le=1)] = 0.0
    vectors: str = "mini"


@dataclass(frozen=True)
class Objective:
    """`word_drop`: share of words hidden from a trained text encoder, so that no word decides alone."""

    word_drop: float = 0.0


class GateBatch(NamedTuple):
    texts: list[str]
    directions: Tensor  # (b), places in gate.DIRECTIONS


class Drawn(NamedTuple):
    """Token ids of the trained text encoder, and which words are hidden; None where there is nothing to it."""

    ids: Tensor | None
    hidden: Tensor | None


class GateStage:
    """The gate and, where it is small enough to be trained with it, the text encoder."""

    def __init__(self, recipe: Recipe):
        self.config = _config(recipe.model)
        self.network = "mof/gate"
        self.data = build_config(Data, recipe.data, "data")
        self.objective = build_config(Objective, recipe.objective, "objective")
        torch.manual_seed(recipe.seed)
        self.model = nn.ModuleDict({"gate": gate.Model(self.config.gate)})
        if isinstance(self.config.encoder, ngrams.Config):
            self.model["text_encoder"] = ngrams.Model(self.config.encoder)
            if self.config.encoder.vectors and recipe.init_from is None:
                found = _word_vectors(self.data.vectors)
                self.model["text_encoder"].vectors.fill(found, self.data.vectors)
        self.frozen: nn.Module | None = None
        initialise(self.model, recipe)

    def batches(self, rng: torch.Generator) -> Iterator[GateBatch]:
        """Generated instructions for ever, each batch drawn from `rng` alone."""
        noise = data.scaled(self.data.noise)
        while True:
            draw = random.Random(int(torch.randint(2**62, (), generator=rng)))
            items = [
                data.sample(draw, noise, share_written=self.data.written)
                for _ in range(self.data.batch_items)
            ]
            places = [gate.DIRECTIONS.index(item.direction) for item in items]
            yield GateBatch([item.text for item in items], torch.tensor(places))

    def draw(self, batch: GateBatch, rng: Rng) -> Drawn:
        """Which words are hidden from a trained text encoder."""
        encoder = self.config.encoder
        if isinstance(encoder, Frozen):
            return Drawn(None, None)
        ids = self.model["text_encoder"].tokenize(batch.texts)
        hidden = None
        if self.objective.word_drop:
            hidden = rand(ids.shape[:2], rng) < self.objective.word_drop
        return Drawn(ids, hidden)

    def loss(self, batch: GateBatch, rng: Rng | Drawn) -> Loss:
        """Summed cross-entropy; the share routed right beside it."""
        chance = rng if isinstance(rng, Drawn) else self.draw(batch, rng)
        device = next(self.model.parameters()).device
        features, mask = self._features(batch.texts, chance, device)
        logits = self.model["gate"](features, mask)
        directions = batch.directions.to(device)
        right = (logits.argmax(-1) == directions).float().mean()
        return Loss(gate.gate_loss(logits, directions), len(directions), {"accuracy": float(right)})

    def _features(
        self, texts: list[str], chance: Drawn, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        if isinstance(self.config.encoder, Frozen):
            if self.frozen is None:
                from deepaudio.encoders.flan_t5 import FlanT5  # transformers is slow to import

                self.frozen = FlanT5.load(self.config.encoder.folder).to(device)
                if self.frozen.dim != self.config.gate.text_dim:
                    message = f"text_dim is {self.config.gate.text_dim}, {self.config.encoder.folder} has {self.frozen.dim}"
                    raise InputError(
                        "recipe.text_dim", message, hint=f"model.gate.text_dim={self.frozen.dim}"
                    )
            return self.frozen(texts)
        encoder = self.model["text_encoder"]
        ids = chance.ids if chance.hidden is None else encoder.hide(chance.ids, chance.hidden)
        return encoder(ids.to(device))


def build(recipe: Recipe) -> GateStage:
    """The stage of a recipe."""
    return GateStage(recipe)


def _word_vectors(name: str) -> dict[str, Tensor]:
    """Of a file, or of the gate of a preset, run or folder."""
    if name.endswith(".safetensors"):
        return word_vectors.read(Path(name))
    _, state = checkpoint.load(part_folder(name, "mof"))
    prefix = "text_encoder.vectors."
    found = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    if not found:
        message = f"the gate of {name} has no word vectors"
        hint = "deepaudio prepare word-vectors makes them"
        raise WeightsError("weights.kind", message, hint)
    return found


def _config(model: dict) -> Config:
    values = dict(model)
    name = values.pop("text_encoder", "ngrams")
    if name not in TEXT_ENCODERS:
        raise InputError(
            "recipe.text_encoder",
            f"no text encoder '{name}'",
            suggest(str(name), list(TEXT_ENCODERS)),
        )
    kind = ngrams.Config if name == "ngrams" else Frozen
    encoder = build_config(
        kind, _mapping(values.pop("encoder", {}), "model.encoder"), "model.encoder"
    )
    head = {"text_dim": encoder.dim} if isinstance(encoder, ngrams.Config) else {}
    head |= _mapping(values.pop("gate", {}), "model.gate")
    if values:
        key = min(values)
        hint = suggest(key, ["text_encoder", "encoder", "gate"])
        raise InputError("config.unknown_key", f"model.{key}: unknown key", hint)
    return Config(name, encoder, build_config(gate.Config, head, "model.gate"))


def _mapping(value: object, where: str) -> dict:
    if not isinstance(value, dict):
        raise InputError("config.wrong_type", f"{where}: expected `key: value`, got {value!r}")
    return value
