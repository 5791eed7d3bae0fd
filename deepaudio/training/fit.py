"""The one training loop: batches and losses come from a stage, everything else is here.

A run folder holds `last/` (weights, optimiser, step, RNG: what a resume needs) and `model/` (config.json +
model.safetensors of the EMA or the raw weights: what `deepaudio.load` and `init_from` read). `progress.json` holds the step and the hours of all
calls together, on a CPU those of its cores; `calls.jsonl` one row for each call. What `recipe.watch` adds is in `watch`.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from torch import Tensor, nn

from deepaudio.devices import autocast
from deepaudio.errors import InputError, ResourceError, UsageError
from deepaudio.training import optim as optimisers
from deepaudio.training import saves
from deepaudio.training.compiled import compiled
from deepaudio.training.distributed.feed import Feed
from deepaudio.training.distributed.ranks import Alone, join, number_of, parameters_of
from deepaudio.training.ema import Ema
from deepaudio.training.lora import adapt
from deepaudio.training.recipe import Recipe
from deepaudio.training.recompute import recompute
from deepaudio.training.watch.watcher import Update, Watcher

log = logging.getLogger(__name__)
Batch = Any
SKIPS_AT_MOST = 10  # updates in a row without a finite gradient


class Loss(NamedTuple):
    """Summed loss of a batch, the weight it was summed over (frames or items), and named parts for the log."""

    value: Tensor
    weight: float
    parts: Mapping[str, float] = MappingProxyType({})


class Stage(Protocol):
    """All that the loop knows of a stage.

    `batches` yields for ever and draws each batch from `rng` alone, so that a resumed run sees the same ones: a place in
    an epoch kept inside the iterator would be lost. One with `draw(batch, rng)`, all that its loss leaves to chance, gets that in
    place of the generator, is fed ahead of time and may train in several processes (`feed`). A stage that has more to keep
    (a place in an epoch, further optimisers) has `state()` / `restore(state)`; one with several optimisers (the vocoder's discriminators) also
    `step(batch, rng, lr) -> dict[str, float]` that does one whole update. A frozen network that gives targets is `guide.model`.
    """

    model: nn.Module
    config: Any  # frozen dataclass of the model, written to config.json
    network: str  # its name for `find_network`, written to config.json

    def batches(self, rng: torch.Generator) -> Iterator[Batch]: ...

    def loss(self, batch: Batch, rng: torch.Generator) -> Loss: ...


class Trained(NamedTuple):
    """What a call of `fit` did: steps from `began` to `step`, the last mean loss and validation, seconds."""

    model: Path
    began: int
    step: int
    steps: int
    loss: float | None
    validation: float | None
    seconds: float


def fit(
    stage: Stage,
    recipe: Recipe,
    progress: Callable[[Update], None] | None = None,
    stop: Callable[[], bool] | None = None,
    force_resume: bool = False,
    ranks: Alone | None = None,
    called: Mapping[str, Any] = MappingProxyType({}),
) -> Trained:
    """Train until `recipe.steps`, `recipe.minutes` or `stop()`; resumes from the run folder.

    With `force_resume` a run goes on although its recipe is another one now (more data, another learning rate, batch or dtype);
    `changes.jsonl` in the run folder keeps what was changed when. More or fewer steps need no force: the decay goes on from the
    learning rate that the run has (`optim.Schedule.replanned`). `ranks` are the processes of the run if several were started; the first
    one writes. `progress` gets a line every `recipe.log_every` updates and at saves that were validated; `called` is written to calls.jsonl.

    Raises InputError when the run folder belongs to another recipe, UsageError while another run trains into it,
    ToolError for a device that is not there,
    ResourceError when loss or gradients are not finite or a save fails.
    """
    ranks = ranks or join(recipe.device, recipe.parallel)
    folder = Path(recipe.output)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0) if ranks.first else nullcontext():
            ranks.wait()
            return _fit(stage, recipe, folder, ranks, progress, stop, force_resume, called)
    except Timeout as error:
        raise UsageError(
            "train.locked", f"another run trains into {folder}", "wait, or choose another output="
        ) from error


def _fit(stage, recipe, folder, ranks, progress, stop, force_resume, called) -> Trained:
    device = ranks.device
    if recipe.lora:
        torch.manual_seed(recipe.seed)
        adapt(stage.model, recipe.lora)
    stage.model.to(device).train()
    if recipe.checkpoint_activations:
        recompute(stage.model)
    if recipe.compile:
        compiled(stage.model)
        guide = getattr(stage, "guide", None)
        if guide is not None:
            compiled(guide.model)
    rng = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed + ranks.rank)
    own_step = getattr(stage, "step", None)
    losses = ranks.losses(stage)
    optimiser = None if own_step else optimisers.build(stage.model.parameters(), recipe.optim)
    ema = Ema(stage.model, recipe.ema) if recipe.ema else None
    step, schedule = saves.restore(folder, recipe, stage, optimiser, ema, rng, force_resume, ranks)
    before, first_step = saves.written_progress(folder).hours if step else 0.0, step
    started, amp = time.monotonic(), autocast(device, recipe.dtype)
    # a shared processor gives less than an hour in an hour
    busy = time.process_time if device.type == "cpu" else time.monotonic
    began = busy()
    with (
        closing(Watcher(folder, recipe, stage, ranks, step)) as watch,
        closing(Feed(stage, rng, ranks.rank, ranks.world, device)) as feed,
    ):
        if ranks.first:
            saves.note_call(folder, step, recipe, ranks, called)
        watch.resumed(step, losses, amp, ema)
        skipped = 0
        while step < recipe.steps:
            lr = schedule.rate(step, recipe.optim)
            if own_step:
                parts = own_step(feed.next().batch, rng, lr)
                mean, taken = parts.get("loss", 0.0), True
            else:
                mean, parts, taken = _update(losses, recipe, optimiser, feed, lr, amp, ranks)
            if not math.isfinite(mean):
                raise ResourceError(
                    "train.not_finite",
                    f"loss is {mean} at step {step}",
                    hint="lower optim.lr and resume",
                )
            skipped = 0 if taken else skipped + 1
            if skipped:
                log.warning("step %d left out: its gradient is not finite", step)
            if skipped > SKIPS_AT_MOST:
                message = f"no finite gradient in {skipped} steps up to step {step}"
                raise ResourceError("train.not_finite", message, hint="lower optim.lr and resume")
            if ema:
                ema.update(stage.model, step)
            step += 1
            over = recipe.minutes is not None and time.monotonic() - started > recipe.minutes * 60
            over = over or (stop is not None and stop())
            over = ranks.summed(float(over))[0] > 0
            watch.count(step, mean, parts)
            last = step == recipe.steps or over
            if step % recipe.save_every == 0 or watch.is_due(step) or last:
                try:
                    states = feed.states()
                    saves.save(folder, recipe, stage, optimiser, ema, states, step, schedule, ranks)
                    hours = before + ranks.world * (busy() - began) / 3600
                    if ranks.first:
                        (folder / saves.PROGRESS).write_text(
                            json.dumps({"step": step, "hours": hours})
                        )
                except (OSError, SafetensorError) as error:
                    raise ResourceError(
                        "train.not_saved",
                        f"step {step} could not be saved: {error}",
                        path=str(folder),
                    ) from error
                watch.saved(step, losses, amp, ema)
            if step % recipe.log_every == 0 or watch.validation is not None or last:
                line = watch.line(step, lr, feed.waited)
                if progress and ranks.first:
                    progress(line)
            if over:
                log.info("stopped at step %d of %d; run again to go on", step, recipe.steps)
                break
    return Trained(
        model=folder / "model",
        began=first_step,
        step=step,
        steps=recipe.steps,
        loss=watch.last_loss,
        validation=watch.last_validation,
        seconds=time.monotonic() - started,
    )


def _update(
    losses, recipe, optimiser, feed, lr, amp, ranks
) -> tuple[float, dict[str, float], bool]:
    """One optimiser update over `accumulate` batches, divided once by their summed weight.

    Returns the mean loss, its parts, and whether the update was taken: not where the gradient is not finite.
    """
    optimiser.zero_grad(set_to_none=True)
    total, weight, parts = 0.0, 0.0, {}
    for number in range(recipe.accumulate):
        fed = feed.next()
        with ranks.local(losses, number == recipe.accumulate - 1):
            with amp():
                loss = losses(fed.batch, fed.chance)
            value, weighs = (loss.value, loss.weight) if fed.counts else (loss.value * 0.0, 0.0)
            value.backward()
        total += float(value.detach())
        weight += weighs
        parts = loss.parts
    total, weight = ranks.summed(total, weight)
    if weight <= 0:
        raise InputError(
            "train.no_weight",
            "a batch has no weight: nothing in it counts for the loss",
            hint="see data in the recipe",
        )
    for group in optimiser.param_groups:
        group["lr"] = lr
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad.div_(weight / ranks.world)  # they are means over the processes
    norm = number_of(nn.utils.clip_grad_norm_(parameters_of(optimiser), recipe.optim.clip_norm))
    taken = bool(torch.isfinite(norm))
    if taken:
        optimiser.step()
    return total / weight, {**parts, "norm": float(norm)}, taken
