"""The eigenvoices of `mini`: each item is a regression episode, fit on support frames, scored on query frames, with and without text."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from deepaudio import checkpoint
from deepaudio.config import build as build_config
from deepaudio.data.voice import Task, VoiceData, VoiceShards
from deepaudio.discover import name_of_network
from deepaudio.models.eigenvoice import Config, Model, windows
from deepaudio.training.fit import Loss
from deepaudio.training.recipe import Recipe

TEXT, GUESS, ALIKE = 1.0, 0.2, 0.1  # weights beside the loss of what was solved by ear
STATISTICS = 200_000  # frames


class Batch(NamedTuple):
    """(b s ...) what is heard, (b s+q ...) what the teacher says there and at the asked frames."""

    said: Tensor  # windows of the teacher at heard and asked frames
    heard: Tensor  # windows of the recording at heard frames
    own: Tensor  # codes of the teacher at heard and asked frames
    recording: Tensor  # codes heard
    clean: Tensor  # codes at heard and asked frames
    loudness: Tensor  # (b q) weight of the asked frames


class VoiceStage:
    """Episodes of few-shot regression."""

    def __init__(self, recipe: Recipe):
        sizes = {key: value for key, value in recipe.model.items() if key != "name"}
        self.config = build_config(Config, sizes, "model")
        self.data = build_config(VoiceData, dict(recipe.data), "data")
        torch.manual_seed(recipe.seed)
        self.model = Model(self.config)
        self.network = name_of_network(self.model)
        if recipe.init_from:
            checkpoint.load_into(self.model, checkpoint.load(recipe.init_from)[1], recipe.init_from)
        self.shards: VoiceShards | None = None
        self.fresh = recipe.init_from is None

    def batches(self, rng: torch.Generator) -> Iterator[list[Task]]:
        shards = VoiceShards(self.data)
        if self.fresh:
            self._measure(shards)
        while True:
            yield shards.batch(rng)

    def loss(self, batch: list[Task], rng: torch.Generator) -> Loss:
        m, c = self.model, self.config
        device = m.bases.device
        b = Batch(*(torch.stack(v).to(device) for v in zip(*map(self._inputs, batch), strict=True)))
        count = b.heard.shape[1]
        said, heard = m.said(b.said), m.heard(b.heard)
        change = (b.clean - b.own)[..., : c.n_moved] / m.scale
        with_text = m.solve(said.features[:, :count], said.trust[:, :count], change[:, :count])
        guess = m.guessed(heard.inner)
        by_ear = m.solve(
            heard.features, heard.trust, (b.recording[..., : c.n_moved] - guess) / m.scale
        )
        asked, wanted = said.features[:, count:], change[:, count:]
        own = (b.own[:, :count, : c.n_moved] - m.own_mean) / m.own_spread
        parts = {
            "ear": self._distance(by_ear(asked), wanted, b.loudness),
            "text": self._distance(with_text(asked), wanted, b.loudness),
            "guess": F.mse_loss(m.own(heard.inner), own),
            "alike": F.mse_loss(heard.features, said.features[:, :count].detach()),
        }
        value = (
            parts["ear"] + TEXT * parts["text"] + GUESS * parts["guess"] + ALIKE * parts["alike"]
        )
        n = len(batch)
        return Loss(value * n, n, {name: float(part.detach()) for name, part in parts.items()})

    def _distance(self, given: Tensor, wanted: Tensor, loudness: Tensor) -> Tensor:
        """Mean distance of codes in units of their deviations, linear where they are far apart: alignments err."""
        scale = self.model.scale / self.model.scale.mean()
        each = F.smooth_l1_loss(given, wanted, reduction="none") * scale * loudness[..., None]
        return each.mean() / loudness.mean()

    def _inputs(self, task: Task) -> Batch:
        """Of one item, without its first axis."""
        c, pair = self.config, task.pair
        rows = torch.cat([task.heard, task.asked])
        shape = task.recording - task.recording[task.support].mean(0)
        level = pair.said[pair.spoken, 0]
        loudness = torch.sigmoid((pair.said[task.asked, 0] - level.mean()) / level.std() + 1)
        return Batch(
            windows(pair.said[:, : c.n_read], pair.said_voiced, rows, c.said_offsets),
            windows(shape[:, : c.n_read], pair.heard_voiced, task.heard, c.heard_offsets),
            pair.said[rows],
            task.recording[task.heard],
            task.clean[rows],
            loudness,
        )

    def _measure(self, shards: VoiceShards) -> None:
        """Means and deviations of everything that the networks read and foretell."""
        m, c = self.model, self.config
        said, heard, own, change, total = [], [], [], [], 0
        for pair in shards.pairs:
            rows = pair.spoken[::4]
            shape = pair.heard - pair.heard[pair.spoken].mean(0)
            said.append(windows(pair.said[:, : c.n_read], pair.said_voiced, rows, c.said_offsets))
            heard.append(windows(shape[:, : c.n_read], pair.heard_voiced, rows, c.heard_offsets))
            own.append(pair.said[rows, : c.n_moved])
            change.append((pair.heard - pair.said)[rows, : c.n_moved])
            total += len(rows)
            if total > STATISTICS:
                break
        for reader, seen in ((m.said, torch.cat(said)), (m.heard, torch.cat(heard))):
            reader.mean.copy_(seen.mean(0))
            reader.spread.copy_(seen.std(0) + 1e-3)
        m.own_mean.copy_(torch.cat(own).mean(0))
        m.own_spread.copy_(torch.cat(own).std(0) + 1e-3)
        scale = torch.cat(change).std(0)
        scale[1:] = (
            0.35 + 0.3 * scale[1:]
        )  # between equal weights of all codes and of all deviations
        m.scale.copy_(scale)


def build(recipe: Recipe) -> VoiceStage:
    """The stage of a recipe."""
    return VoiceStage(recipe)
