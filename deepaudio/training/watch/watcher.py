"""Watches one call of `fit`: counts losses, writes the figures, and at saves validates, keeps models and makes samples."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from deepaudio.errors import DeepAudioError
from deepaudio.training.distributed.ranks import Alone
from deepaudio.training.ema import Ema, averaged
from deepaudio.training.recipe import Recipe
from deepaudio.training.watch import metrics
from deepaudio.training.watch.held_out import HeldOut
from deepaudio.training.watch.keeping import BEST, keep, keep_last
from deepaudio.training.watch.losses import Losses
from deepaudio.training.watch.samples import Samples

log = logging.getLogger(__name__)


class Update(NamedTuple):
    """A line about a run: means since the last line, the newest validation at this step, speed and what is left."""

    step: int
    steps: int
    loss: float
    lr: float
    seconds: float  # of this call
    parts: Mapping[str, float]
    validation: float | None = None
    is_best: bool = False
    seconds_per_step: float = 0.0
    waiting: float = 0.0  # share of the time in which no batch was there
    left: float = 0.0  # seconds to the last step, at the mean speed of this call


class Watcher:
    """Of the first process of a run; the others take part in the validation and write nothing."""

    def __init__(self, folder: Path, recipe: Recipe, stage: Any, ranks: Alone, step: int):
        watch = recipe.watch
        self.folder, self.recipe, self.stage, self.ranks = folder, recipe, stage, ranks
        self.losses = Losses()
        self.samples = Samples(recipe) if watch.samples else None
        self.held_out = None
        if watch.validation:
            with ranks.first_goes_ahead(), torch.random.fork_rng():
                self.held_out = HeldOut(recipe, stage)
        seen = [row for row in metrics.rows(folder) if row["step"] <= step]
        self.validated = {row["step"] for row in seen if "validation" in row}
        validations = [row["validation"] for row in seen if "validation" in row]
        self.best = min(filter(math.isfinite, validations), default=math.inf)
        self.last_validation = validations[-1] if validations else None
        self.last_loss = next((row["loss"] for row in reversed(seen) if "loss" in row), None)
        self.validation: float | None = None  # since the last line
        self.is_best = False
        self.writers = metrics.writers(folder, recipe, step) if ranks.first else []
        self.first_step = self.last_step = step
        self.began = self.last = time.perf_counter()
        self.waited = 0.0

    def count(self, step: int, loss: float, parts: Mapping[str, float]) -> None:
        """An update; a loss that stands out is named."""
        if usual := self.losses.add(loss, parts):
            log.warning("step %d: loss %.4g stands out (%.4g +- %.2g before)", step, loss, *usual)
            self._write(step, {"spike": loss, "usual": usual.mean, "deviation": usual.deviation})

    def is_due(self, step: int) -> bool:
        """Whether something is to be done at this step that needs a save."""
        return any(
            self._due(step, part)
            for part in (self.recipe.watch.validation, self.recipe.watch.samples)
        )

    def resumed(self, step: int, losses: Callable, amp: Any, ema: Ema | None) -> None:
        """The validation of the save from which a run goes on, where the call before ended in between."""
        if step and self._due(step, self.recipe.watch.validation) and step not in self.validated:
            self._validate(step, losses, amp, ema)
            self.validation, self.is_best = None, False  # no line of its own

    def saved(self, step: int, losses: Callable, amp: Any, ema: Ema | None) -> None:
        """What follows a save: the model is kept, validated, heard."""
        watch = self.recipe.watch
        if self.ranks.first:
            keep_last(self.folder, step, watch.keep_last)
        if self._due(step, watch.validation):
            self._validate(step, losses, amp, ema)
        if self._due(step, watch.samples):
            if self.ranks.first:
                self._sample(step)
            self.ranks.wait()

    def line(self, step: int, lr: float, waited: float) -> Update:
        """The line since the last one, written to all that keep figures."""
        now, means = time.perf_counter(), self.losses.taken()
        count, taken = step - self.last_step, now - self.last
        speed = (now - self.began) / max(step - self.first_step, 1)
        update = Update(
            step=step,
            steps=self.recipe.steps,
            loss=means.pop("loss"),
            lr=lr,
            seconds=now - self.began,
            parts=means,
            validation=self.validation,
            is_best=self.is_best,
            seconds_per_step=taken / count,
            waiting=min(1.0, (waited - self.waited) / max(taken, 1e-9)),
            left=speed * (self.recipe.steps - step),
        )
        figures = ("loss", "lr", "seconds_per_step", "waiting")
        self._write(step, {name: getattr(update, name) for name in figures} | means)
        self.last, self.last_step, self.waited, self.last_loss = now, step, waited, update.loss
        self.validation, self.is_best = None, False
        return update

    def close(self) -> None:
        for writer in self.writers:
            writer.close()

    def _due(self, step: int, part: Any) -> bool:
        return bool(part) and (step % part.every == 0 or step == self.recipe.steps)

    def _write(self, step: int, values: Mapping[str, float]) -> None:
        for writer in self.writers:
            writer.row(step, values)

    def _validate(self, step: int, losses: Callable, amp: Any, ema: Ema | None) -> None:
        model = self.stage.model
        with averaged(model, ema):
            model.eval()
            values = self.held_out.loss(losses, self.ranks, amp)
            model.train()
        self.validation = self.last_validation = values["validation"]
        self.is_best = self.validation < self.best
        if self.is_best:
            self.best = self.validation
        if not self.ranks.first:
            return
        if self.is_best and self.recipe.watch.keep_best:
            keep(self.folder / "model", self.folder / BEST)
        self._write(step, values)  # last: it says that this was done

    def _sample(self, step: int) -> None:
        """A failure does not end the run: it is said."""
        try:
            for made in self.samples.make(self.folder, step):
                for writer in self.writers:
                    writer.sample(step, *made)
        except (DeepAudioError, OSError) as error:
            log.warning("step %d: no samples: %s", step, error)
