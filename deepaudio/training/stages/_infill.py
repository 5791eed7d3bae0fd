"""Stages 2 and 4 at full size: F5-TTS infilling of a random span from text, with or without energy (eq. 7, 9-12)."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from deepaudio.data.infill import InfillBatch, InfillData, InfillShards
from deepaudio.discover import name_of_network
from deepaudio.flow import time
from deepaudio.flow.objective import flow_matching_loss
from deepaudio.flow.path import interpolate
from deepaudio.training.fit import Loss


def style(
    batch: Any, config: Any, objective: Any, drop_all: Tensor, rng: torch.Generator
) -> dict[str, Tensor]:
    """Emotion and prosody of a batch as the network takes them, zeros where dropped; empty, and nothing drawn, for one without."""
    given = {}
    if config.emotions:
        dropped = drop_all | (torch.rand(len(drop_all), generator=rng) < objective.drop_emotion)
        given["emotion"] = batch.emotion * ~dropped
    if config.prosody:
        dropped = drop_all | (torch.rand(len(drop_all), generator=rng) < objective.drop_prosody)
        given["prosody"] = batch.prosody * ~dropped[:, None]
    return given


class InfillStage:
    """The mel as it is, the text as token ids; the loss counts the hidden span alone."""

    def __init__(self, model: nn.Module, config: Any, data: InfillData, objective: Any, seed: int):
        self.seed, self.epoch, self.place = seed, 0, 0
        self.model, self.config, self.data, self.objective = model, config, data, objective
        self.network = name_of_network(self.model)

    def batches(self, rng: torch.Generator) -> Iterator[InfillBatch]:
        """Epoch after epoch, each utterance once in each; `state` keeps the place."""
        shards = InfillShards(self.data, self.config.emotions, self.config.prosody)
        while True:
            rest = shards.epoch(self.seed, self.epoch)
            for rows in rest[self.place :]:
                self.place += 1
                yield shards.batch(rows, rng)
            self.epoch, self.place = self.epoch + 1, 0

    def state(self) -> dict[str, int]:
        return {"epoch": self.epoch, "place": self.place}

    def restore(self, state: dict[str, int]) -> None:
        self.epoch, self.place = state["epoch"], state["place"]

    def loss(self, batch: InfillBatch, rng: torch.Generator) -> Loss:
        o, device, n_items = self.objective, next(self.model.parameters()).device, len(batch.mel)
        drop_all = torch.rand(n_items, generator=rng) < o.drop_all
        drop_audio = drop_all | (torch.rand(n_items, generator=rng) < o.drop_audio)
        drop_text = drop_all | (torch.rand(n_items, generator=rng) < o.drop_text)
        keep_energy = torch.rand(n_items, generator=rng) >= o.drop_energy
        given = style(batch, self.config, o, drop_all, rng)
        t = getattr(time, o.time)(n_items, rng).to(device)
        x0 = torch.randn(batch.mel.shape, generator=rng).to(device)
        batch = InfillBatch(*(value.to(device) for value in batch))
        cond = self.model.encode(
            cond=batch.mel * ~batch.target[..., None],
            text=batch.text,
            cond_mask=batch.mask & ~batch.target,
            energy=(batch.energy * keep_energy.to(device)[:, None])[..., None]
            if self.config.energy
            else None,
            **{name: value.to(device) for name, value in given.items()},
            mask=batch.mask,
            drop_audio=drop_audio.to(device),
            drop_text=drop_text.to(device),
        )
        sample = interpolate(x0, batch.mel, t)
        summed = flow_matching_loss(self.model(sample.x_t, t, cond), sample.v, batch.target)
        return Loss(summed.sum, float(summed.weight))
