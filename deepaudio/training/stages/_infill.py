"""Stages 2 and 4 at full size: F5-TTS infilling of a random span from text, with or without energy (eq. 7, 9-12)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepaudio.data.infill import InfillBatch, InfillData, InfillShards
from deepaudio.discover import name_of_network
from deepaudio.flow import time
from deepaudio.flow.draws import Rng, rand, randn
from deepaudio.flow.objective import flow_matching_loss
from deepaudio.flow.path import interpolate
from deepaudio.training.distributed.feed import ALL, Part, share_of
from deepaudio.training.fit import Loss


class Drawn(NamedTuple):
    """For each item of a batch: what is dropped or kept, its emotion and prosody after that, time and noise."""

    drop_audio: Tensor
    drop_text: Tensor
    keep_energy: Tensor
    keep_pitch: Tensor | None
    style: dict[str, Tensor]
    t: Tensor
    x0: Tensor


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


class InfillStage:
    """The mel as it is, the text as token ids; the loss counts the hidden span alone."""

    def __init__(self, model: nn.Module, config: Any, data: InfillData, objective: Any, seed: int):
        self.seed, self.epoch, self.place, self.share = seed, 0, 0, ALL
        self.model, self.config, self.data, self.objective = model, config, data, objective
        self.network = name_of_network(self.model)

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
        return Drawn(drop_audio, drop_text, keep_energy, None, given, t, x0)

    def loss(self, batch: InfillBatch, rng: Rng | Drawn) -> Loss:
        device = next(self.model.parameters()).device
        chance = rng if isinstance(rng, Drawn) else self.draw(batch, rng)
        t, x0 = chance.t.to(device), chance.x0.to(device)
        batch = InfillBatch(*(value.to(device) for value in batch))
        cond = self.model.encode(
            cond=batch.mel * ~batch.target[..., None],
            text=batch.text,
            cond_mask=batch.mask & ~batch.target,
            energy=(batch.energy * chance.keep_energy.to(device)[:, None])[..., None]
            if self.config.energy
            else None,
            **{name: value.to(device) for name, value in chance.style.items()},
            mask=batch.mask,
            drop_audio=chance.drop_audio.to(device),
            drop_text=chance.drop_text.to(device),
        )
        sample = interpolate(x0, batch.mel, t)
        summed = flow_matching_loss(self.model(sample.x_t, t, cond), sample.v, batch.target)
        return Loss(summed.sum, float(summed.weight))
