"""Stages 2 and 4 at full size: F5-TTS infilling of a random span from text, with or without energy (eq. 7, 9-12)."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.data.infill import InfillBatch, InfillData, InfillShards
from deepaudio.discover import name_of_network
from deepaudio.flow import time
from deepaudio.flow.draws import Rng, rand, randn
from deepaudio.flow.objective import flow_matching_loss
from deepaudio.flow.path import PathSample, interpolate
from deepaudio.training.distributed.feed import ALL, Part, share_of
from deepaudio.training.fit import Loss


class Drawn(NamedTuple):
    """For each item of a batch: what is dropped or kept, its emotion and prosody after that, time, noise and scale of guidance."""

    drop_audio: Tensor
    drop_text: Tensor
    keep_energy: Tensor
    keep_pitch: Tensor | None
    style: dict[str, Tensor]
    t: Tensor
    x0: Tensor
    scale: Tensor | None = None


def style(batch: Any, config: Any, objective: Any, drop_all: Tensor, rng: Rng) -> dict[str, Tensor]:
    """Emotion and prosody of a batch as the network takes them, zeros where dropped; empty, and nothing drawn, for one without."""
    given = {}
    if config.emotions:
        dropped = drop_all | (rand(len(drop_all), rng) < objective.drop_emotion)
        given["emotion"] = batch.emotion * ~dropped
    if config.prosody:
        dropped = drop_all | (rand(len(drop_all), rng) < objective.drop_prosody)
        given["prosody"] = batch.prosody * ~dropped[:, None]
    return given


def scales(config: Any, drop_all: Tensor, rng: Rng) -> Tensor | None:
    """Scales of guidance for the items of a batch, uniform from 1 to the network's largest, 0 where all is dropped; None for one without."""
    if config.guidance is None:
        return None
    return (1 + (config.guidance - 1) * rand(len(drop_all), rng)) * ~drop_all


class Guide:
    """The network that a run began with, frozen: what guidance adds to a velocity is learned from it.

    A network that gave its own targets would be in a loop that grows while it cannot yet tell the scales apart.
    """

    def __init__(self, model: nn.Module):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def added(
        self, sample: PathSample, t: Tensor, scale: Tensor, given: Mapping[str, Any]
    ) -> Float[Tensor, "b n c"]:
        """(scale - 1) (v_cond - v_null) for conditions `given` as `encode` takes them; 0 for items of scale 0.

        With the velocity of the path it is, in the mean over the data, what guidance gives in two evaluations (model
        guidance, Tang et al. 2025, arXiv 2502.12154, whose difference is that of the network itself; Meng et al. 2023, arXiv
        2210.03142, section 3.1, have a frozen network and no data).
        """
        model = self.model.to(t.device)
        cond = model.encode(**given)
        plain = model.at_scale(cond, torch.ones_like(scale))
        more = model(sample.x_t, t, plain) - model(sample.x_t, t, model.null(cond))
        return (scale - 1).clamp(min=0)[:, None, None] * more


def guide_of(model: nn.Module, config: Any, objective: Any) -> Guide | None:
    """The frozen copy by which guidance is learned; None where the network has no scale of it, or its targets are the data alone."""
    return Guide(model) if config.guidance and objective.learn_guidance else None


def at_scales(model: nn.Module, cond: Any, scale: Tensor) -> Any:
    """Conditions with the scale of each item; those of scale 0, whose conditions are all dropped, have none, as `null` has none."""
    given = model.at_scale(cond, scale)
    return given._replace(guidance=given.guidance * (scale > 0)[:, None])


class InfillStage:
    """The mel as it is, the text as token ids; the loss counts the hidden span alone."""

    def __init__(self, model: nn.Module, config: Any, data: InfillData, objective: Any, seed: int):
        self.seed, self.epoch, self.place, self.share = seed, 0, 0, ALL
        self.model, self.config, self.data, self.objective = model, config, data, objective
        self.network = name_of_network(self.model)
        self.guide = guide_of(model, config, objective)

    def batches(self, rng: torch.Generator) -> Iterator[InfillBatch | Part]:
        """Epoch after epoch, each utterance once in each; `state` keeps the place. With a `share`, its part of each batch."""
        shards = InfillShards(self.data, self.config.emotions, self.config.prosody)
        while True:
            rest = shards.epoch(self.seed, self.epoch)
            for rows in (rest[place] for place in range(self.place, len(rest))):
                self.place += 1
                if self.share == ALL:
                    yield shards.batch(rows, rng)
                else:
                    first, last, counts = share_of(len(rows), *self.share)
                    own = shards.batch(rows, rng, slice(first, last))
                    yield Part(own, first, len(rows), counts)
            self.epoch, self.place = self.epoch + 1, 0

    def state(self) -> dict[str, int]:
        return {"epoch": self.epoch, "place": self.place}

    def restore(self, state: dict[str, int]) -> None:
        self.epoch, self.place = state["epoch"], state["place"]

    def draw(self, batch: InfillBatch, rng: Rng) -> Drawn:
        """All that the loss of a batch leaves to chance, in a fixed order."""
        o, b = self.objective, len(batch.mel)
        drop_all = rand(b, rng) < o.drop_all
        drop_audio = drop_all | (rand(b, rng) < o.drop_audio)
        drop_text = drop_all | (rand(b, rng) < o.drop_text)
        keep_energy = rand(b, rng) >= o.drop_energy
        given = style(batch, self.config, o, drop_all, rng)
        t = getattr(time, o.time)(b, rng)
        x0 = randn(batch.mel.shape, rng)
        scale = scales(self.config, drop_all, rng)
        return Drawn(drop_audio, drop_text, keep_energy, None, given, t, x0, scale)

    def loss(self, batch: InfillBatch, rng: Rng | Drawn) -> Loss:
        device = next(self.model.parameters()).device
        chance = rng if isinstance(rng, Drawn) else self.draw(batch, rng)
        t, x0 = chance.t.to(device), chance.x0.to(device)
        batch = InfillBatch(*(value.to(device) for value in batch))
        given = {name: value.to(device) for name, value in chance.style.items()} | {
            "cond": batch.mel * ~batch.target[..., None],
            "text": batch.text,
            "cond_mask": batch.mask & ~batch.target,
            "energy": (batch.energy * chance.keep_energy.to(device)[:, None])[..., None]
            if self.config.energy
            else None,
            "mask": batch.mask,
            "drop_audio": chance.drop_audio.to(device),
            "drop_text": chance.drop_text.to(device),
        }
        cond = self.model.encode(**given)
        sample = interpolate(x0, batch.mel, t)
        wanted = sample.v
        if self.config.guidance:
            scale = chance.scale.to(device)
            cond = at_scales(self.model, cond, scale)
            if self.guide is not None:
                wanted = wanted + self.guide.added(sample, t, scale, given)
        summed = flow_matching_loss(self.model(sample.x_t, t, cond), wanted, batch.target)
        return Loss(summed.sum, float(summed.weight))
