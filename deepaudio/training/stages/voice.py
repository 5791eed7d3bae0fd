"""The eigenvoices of `mini`: each item is a regression episode, fit on support frames, scored on query frames, with and without text."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from deepaudio.config import build as build_config
from deepaudio.data.voice import Task, VoiceData, VoiceShards
from deepaudio.discover import name_of_network
from deepaudio.models.eigenvoice import Config, Model, windows
from deepaudio.training.fit import Loss
from deepaudio.training.recipe import Recipe
from deepaudio.training.start import initialise

CHECKED_ON = "cpu"  # the meta device has no WORLD
WITH_TEXT, SOURCE_HAT, MATCHING = (
    1.0,
    0.2,
    0.1,
)  # weights beside the loss of what was fitted without text
STATISTICS = 200_000  # frames


class EpisodeBatch(NamedTuple):
    """(b s ...) at the support frames, (b s+q ...) at support and query frames."""

    source: Tensor  # windows of the base TTS at support and query frames
    target: Tensor  # windows of the recording at support frames
    source_codes: Tensor  # at support and query frames
    recording: Tensor  # codes of the recording at support frames, perhaps noisy
    clean: Tensor  # codes of the recording at support and query frames
    loudness: Tensor  # (b q) weight of the query frames


class VoiceStage:
    """Episodes of few-shot regression."""

    def __init__(self, recipe: Recipe):
        sizes = {key: value for key, value in recipe.model.items() if key != "name"}
        self.config = build_config(Config, sizes, "model")
        self.data = build_config(VoiceData, dict(recipe.data), "data")
        torch.manual_seed(recipe.seed)
        self.model = Model(self.config)
        self.network = name_of_network(self.model)
        initialise(self.model, recipe)
        self.shards: VoiceShards | None = None
        self.fresh = recipe.init_from is None

    def batches(self, rng: torch.Generator) -> Iterator[list[Task]]:
        shards = VoiceShards(self.data)
        if self.fresh and bool((self.model.scale == 1).all()):  # not measured yet
            self._measure(shards)
        while True:
            yield shards.batch(rng)

    def draw(self, batch: list[Task], rng: torch.Generator) -> tuple:
        """Nothing: the tasks are all the chance there is."""
        return ()

    def loss(self, batch: list[Task], rng: Any) -> Loss:
        m, c = self.model, self.config
        device = m.bases.device
        b = EpisodeBatch(
            *(torch.stack(v).to(device) for v in zip(*map(self._inputs, batch), strict=True))
        )
        count = b.target.shape[1]
        source, target = m.source(b.source), m.target(b.target)
        change = (b.clean - b.source_codes)[..., : c.n_moved] / m.scale
        with_text = m.solve(source.features[:, :count], source.trust[:, :count], change[:, :count])
        estimated = m.estimate_source(target.inner)
        without_text = m.solve(
            target.features, target.trust, (b.recording[..., : c.n_moved] - estimated) / m.scale
        )
        query, wanted = source.features[:, count:], change[:, count:]
        source_hat = (
            b.source_codes[:, :count, : c.n_moved] - m.source_hat_mean
        ) / m.source_hat_spread
        parts = {
            "without_text": self._distance(without_text(query), wanted, b.loudness),
            "with_text": self._distance(with_text(query), wanted, b.loudness),
            "source_hat": F.mse_loss(m.source_hat(target.inner), source_hat),
            "matching": F.mse_loss(target.features, source.features[:, :count].detach()),
        }
        value = (
            parts["without_text"]
            + WITH_TEXT * parts["with_text"]
            + SOURCE_HAT * parts["source_hat"]
            + MATCHING * parts["matching"]
        )
        n = len(batch)
        return Loss(value * n, n, {name: float(part.detach()) for name, part in parts.items()})

    def _distance(self, given: Tensor, wanted: Tensor, loudness: Tensor) -> Tensor:
        """Mean distance of codes in units of their deviations, linear where they are far apart: alignments err."""
        scale = self.model.scale / self.model.scale.mean()
        each = F.smooth_l1_loss(given, wanted, reduction="none") * scale * loudness[..., None]
        return (each.mean((1, 2)) / loudness.mean(1)).mean()

    def _inputs(self, task: Task) -> EpisodeBatch:
        """Of one item, without its first axis."""
        c, pair = self.config, task.pair
        rows = torch.cat([task.support, task.query])
        shape = task.recording - task.recording[task.part].mean(0)
        level = pair.source[pair.spoken, 0]
        loudness = torch.sigmoid((pair.source[task.query, 0] - level.mean()) / level.std() + 1)
        return EpisodeBatch(
            windows(pair.source[:, : c.n_read], pair.source_voiced, rows, c.source_offsets),
            windows(shape[:, : c.n_read], pair.target_voiced, task.support, c.target_offsets),
            pair.source[rows],
            task.recording[task.support],
            task.clean[rows],
            loudness,
        )

    def _measure(self, shards: VoiceShards) -> None:
        """Means and deviations of all inputs and outputs of the networks."""
        m, c = self.model, self.config
        source, target, codes, change, total = [], [], [], [], 0
        for pair in shards.pairs:
            rows = pair.spoken[::4]
            shape = pair.target - pair.target[pair.spoken].mean(0)
            source.append(
                windows(pair.source[:, : c.n_read], pair.source_voiced, rows, c.source_offsets)
            )
            target.append(windows(shape[:, : c.n_read], pair.target_voiced, rows, c.target_offsets))
            codes.append(pair.source[rows, : c.n_moved])
            change.append((pair.target - pair.source)[rows, : c.n_moved])
            total += len(rows)
            if total > STATISTICS:
                break
        for reader, seen in ((m.source, torch.cat(source)), (m.target, torch.cat(target))):
            reader.mean.copy_(seen.mean(0))
            reader.spread.copy_(seen.std(0) + 1e-3)
        m.source_hat_mean.copy_(torch.cat(codes).mean(0))
        m.source_hat_spread.copy_(torch.cat(codes).std(0) + 1e-3)
        scale = torch.cat(change).std(0)
        scale[1:] = (
            0.35 + 0.3 * scale[1:]
        )  # between equal weights of all codes and of all deviations
        m.scale.copy_(scale)


def build(recipe: Recipe) -> VoiceStage:
    """The stage of a recipe."""
    return VoiceStage(recipe)
