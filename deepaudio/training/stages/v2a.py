"""Stage 1: M_v2a learns the velocity of audio latents given video and prompt (eq. 3-5, section 4.1)."""

import dataclasses
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Generator, nn

from deepaudio import checkpoint
from deepaudio.codecs import mel_linear
from deepaudio.config import build as build_config
from deepaudio.data.stored import StoredData, StoredShards
from deepaudio.data.synthetic.clips import scenes
from deepaudio.data.v2a import Layout, V2ABatch, V2AData, V2AShards, read_v2a_shard
from deepaudio.discover import find, name_of_network
from deepaudio.encoders.motion import CLIP_RATE, FACE_FIELDS, SYNC_RATE, MotionEncoder
from deepaudio.encoders.words import encode_words
from deepaudio.errors import InputError
from deepaudio.flow.draws import Rng
from deepaudio.flow.objective import flow_matching_loss
from deepaudio.flow.path import interpolate
from deepaudio.prepare import mini_v2a as features
from deepaudio.training.contrastive import with_contrast
from deepaudio.training.fit import Loss
from deepaudio.training.recipe import Recipe
from deepaudio.training.stages._stored import Drawn, StoredStage, drawn
from deepaudio.training.start import initialise, with_sizes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Objective:
    """How t is drawn and how often conditions are dropped.

    `at_noise`: share of items with t = 0, where the velocity is the expected sound minus the noise; the
    energy contour is read from it in a single step.
    """

    time: Literal["uniform", "logit_normal"] = "logit_normal"
    drop: float = 0.1  # of the video, and independently of the prompt
    at_noise: float = 0.0
    contrastive: float = 0.0  # weight of InfoNCE between audio and video beside the flow loss

    def __post_init__(self) -> None:
        if self.time not in ("uniform", "logit_normal"):
            raise ValueError(f"time: '{self.time}' is neither uniform nor logit_normal")
        if self.contrastive < 0:
            raise ValueError(f"contrastive: a weight is not negative, got {self.contrastive}")


class Stage:
    """V2A over shards of features; `mini` folds mel frames with a linear codec kept beside the weights."""

    def __init__(self, model: nn.Module, config: Any, shards: V2AShards, objective: Objective):
        self.model, self.config = model, config
        self.network = name_of_network(self.model)
        self.shards, self.objective = shards, objective

    def batches(self, rng: Generator) -> Iterator[V2ABatch]:
        return self.shards.batches(rng)

    def draw(self, batch: V2ABatch, rng: Rng) -> Drawn:
        """All that the loss of a batch leaves to chance."""
        return drawn(batch.latent, self.objective, rng)

    def loss(self, batch: V2ABatch, rng: Rng | Drawn) -> Loss:
        device, o = next(self.model.parameters()).device, self.objective
        chance = rng if isinstance(rng, Drawn) else self.draw(batch, rng)
        t, drop_video, drop_text, x0 = (value.to(device) for value in chance)
        sync, clip, text, latent = (part.to(device) for part in batch)
        x1 = self.model.normalize(latent)
        sample = interpolate(x0, x1, t)
        cond = self.model.encode(clip, sync, text, drop_video=drop_video, drop_text=drop_text)
        summed = flow_matching_loss(self.model(sample.x_t, t, cond), sample.v)
        return with_contrast(self.model, summed, o.contrastive, x1, cond, ~drop_video)


def build(recipe: Recipe) -> Stage | StoredStage:
    """The stage of a recipe: `model` {name, preset | sizes}, `data` {V2AData, codec, drawn}, `objective` {Objective}.

    With `data.features: stored` (StoredData) the network learns from shards of precomputed features.

    `data.drawn` scenes are drawn into the run folder at the first start: something to train on without any data.
    """
    values = dict(recipe.data)
    if "features" in values:
        return _stored(recipe, build_config(StoredData, values, "data"))
    drawn = values.pop("drawn", 0)
    if drawn:
        values["shards"] = [*values.get("shards", []), _drawn(recipe, drawn)]
    codec = _codec(recipe, dict(values.pop("codec", {})), values.get("shards", []))
    data = build_config(V2AData, values, "data")
    objective = build_config(Objective, recipe.objective, "objective")
    model, config = network(recipe)
    _check_latents(config, codec.config)
    rate = codec.config.frame_rate / codec.config.fold
    torch.manual_seed(recipe.seed)

    def words(prompt: str) -> torch.Tensor:
        return encode_words(prompt, config.text_len, config.text_dim)

    layout = Layout(SYNC_RATE, CLIP_RATE, rate, FACE_FIELDS)
    nothing = torch.full((1, codec.config.fold, codec.config.n_mels), codec.config.floor)
    shards = V2AShards(data, layout, codec.encode, words, codec.encode(nothing)[0, 0])
    with torch.no_grad():
        everything = torch.cat([c.latent for shard in shards.shards for c in shard])
        model.latent_mean.copy_(everything.mean(0))
        root = everything.std(0).sqrt()  # halfway between equal variances and the codec's own
        model.latent_std.copy_(root * root.mean())
    initialise(model, recipe)
    return Stage(model, config, shards, objective)


def checked(recipe: Recipe) -> nn.Module:
    """The network; every key of the recipe is looked at, no data are read."""
    model, config = network(recipe)
    values = dict(recipe.data)
    if "features" in values:
        build_config(StoredData, values, "data")
    else:
        values["shards"] = values.get("shards", []) + ["drawn"] * bool(values.pop("drawn", 0))
        sizes = dict(values.pop("codec", {}))
        stored = sizes.pop("folder", None)  # says its own sizes
        codec = build_config(mel_linear.Config, sizes, "data.codec")
        build_config(V2AData, values, "data")
        if stored is None:
            _check_latents(config, codec)
    build_config(Objective, recipe.objective, "objective")
    return model


def _check_latents(config: Any, codec: mel_linear.Config) -> None:
    """InputError for a network whose latents are not as wide as those of the codec."""
    if config.latent_dim != codec.dim:
        message = (
            f"model.latent_dim = {config.latent_dim}, but latents of the codec have {codec.dim}"
        )
        raise InputError("config.latent_dim", message, "data.codec.dim", key="model.latent_dim")


def _stored(recipe: Recipe, data: StoredData) -> StoredStage:
    objective = build_config(Objective, recipe.objective, "objective")
    model, config = network(recipe)
    stage = StoredStage(model, config, StoredShards(data), objective)
    initialise(model, recipe)
    return stage


def _drawn(recipe: Recipe, count: int) -> str:
    """A shard of drawn scenes in the run folder."""
    place = Path(recipe.output) / f"drawn-{recipe.seed}-{count}"
    if not place.with_suffix(".json").is_file():
        features.write(scenes(count, recipe.seed), MotionEncoder(features.FACES), place)
    return str(place)


def network(recipe: Recipe) -> tuple[nn.Module, Any]:
    """The network of a recipe and its config; reads no data."""
    values = dict(with_sizes(recipe).model)
    module = find("deepaudio.models.v2a", values.pop("name", "mmdit"))
    if values == {"preset": "tiny"}:
        config = module.Config.tiny()
    else:
        config = build_config(module.Config, values, "model")
    torch.manual_seed(recipe.seed)
    return module.Model(config), config


def _codec(recipe: Recipe, values: dict[str, Any], shards: list[str]) -> mel_linear.Model:
    """The codec in the run folder; on the first start it is fitted to the shards and written there."""
    folder = Path(values.pop("folder", Path(recipe.output) / "codec"))
    if (folder / checkpoint.CONFIG).is_file():
        stored, state = checkpoint.load(folder)
        codec = mel_linear.Model(build_config(mel_linear.Config, stored, "codec"))
        checkpoint.load_into(codec, state, str(folder))
        return codec
    codec = mel_linear.Model(build_config(mel_linear.Config, values, "data.codec"))
    mels = []
    for path in shards:
        rows, tensors = read_v2a_shard(path)
        mels += [tensors[f"{row['key']}.mel"].float() for row in rows]
    codec.fit(torch.cat(mels))
    identity = checkpoint.Identity("codecs/mel_linear")
    checkpoint.save(folder, codec.state_dict(), dataclasses.asdict(codec.config), identity=identity)
    return codec
