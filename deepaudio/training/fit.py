"""The one training loop: batches and losses come from a stage, everything else is here.

A run folder holds `last/` (weights, optimiser, step, RNG: what a resume needs) and `model/` (config.json +
model.safetensors of the EMA or the raw weights: what `deepaudio.load` and `init_from` read). `progress.json` holds the step and the hours of all
calls together, on a CPU those of its cores.
"""

import dataclasses
import json
import logging
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deepaudio import checkpoint
from deepaudio.devices import autocast, device_of
from deepaudio.errors import InputError, ResourceError, UsageError
from deepaudio.training import optim as optimisers
from deepaudio.training.changes import fingerprint, note_change
from deepaudio.training.compiled import compiled
from deepaudio.training.ema import Ema
from deepaudio.training.recipe import Recipe
from deepaudio.training.recompute import recompute

log = logging.getLogger(__name__)
Batch = Any
PROGRESS = "progress.json"
SKIPS_AT_MOST = 10  # updates in a row without a finite gradient


class Loss(NamedTuple):
    """Summed loss of a batch, the weight it was summed over (frames or items), and named parts for the log."""

    value: Tensor
    weight: float
    parts: Mapping[str, float] = MappingProxyType({})


class Stage(Protocol):
    """All that the loop knows of a stage.

    `batches` yields for ever and draws each batch from `rng` alone, so that a resumed run sees the same ones: a place in
    an epoch kept inside the iterator would be lost. A stage with several optimisers (the vocoder's discriminators) has, in addition,
    `step(batch, rng, lr) -> dict[str, float]` that does one whole update, and `state()` / `restore(state)`.
    """

    model: nn.Module
    config: Any  # frozen dataclass of the model, written to config.json
    network: str  # its name for `find_network`, written to config.json

    def batches(self, rng: torch.Generator) -> Iterator[Batch]: ...

    def loss(self, batch: Batch, rng: torch.Generator) -> Loss: ...


class Progress(NamedTuple):
    step: int
    steps: int
    loss: float
    lr: float
    seconds: float
    parts: dict[str, float]


def fit(
    stage: Stage,
    recipe: Recipe,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
    change: bool = False,
) -> Path:
    """Train until `recipe.steps`, `recipe.minutes` or `stop()`; resumes from the run folder. Returns the model folder.

    With `change` a run goes on although its recipe is another one now (more data, another learning rate); the run folder
    keeps what was changed when.

    Raises InputError when the run folder belongs to another recipe, UsageError while another run trains into it,
    ToolError for a device that is not there,
    ResourceError when loss or gradients are not finite or a save fails.
    """
    device = device_of(recipe.device)
    folder = Path(recipe.output)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            return _fit(stage, recipe, folder, device, progress, stop, change)
    except Timeout as error:
        raise UsageError(
            "train.locked", f"another run trains into {folder}", "wait, or choose another output="
        ) from error


def _fit(stage, recipe, folder, device, progress, stop, change) -> Path:
    stage.model.to(device).train()
    if recipe.checkpoint_activations:
        recompute(stage.model)
    if recipe.compile:
        compiled(stage.model)
    rng = torch.Generator().manual_seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    own_step = getattr(stage, "step", None)
    optimiser = None if own_step else optimisers.build(stage.model.parameters(), recipe.optim)
    ema = Ema(stage.model, recipe.ema) if recipe.ema else None
    step = _restore(folder, recipe, stage, optimiser, ema, rng, change)
    before = _hours(folder) if step else 0.0
    started, amp = time.monotonic(), autocast(device, recipe.dtype)
    # a shared processor gives less than an hour in an hour
    busy = time.process_time if device.type == "cpu" else time.monotonic
    began = busy()
    batches = stage.batches(rng)
    skipped = 0
    while step < recipe.steps:
        lr = optimisers.learning_rate(step, recipe.steps, recipe.optim)
        if own_step:
            parts = own_step(next(batches), rng, lr)
            mean, taken = parts.get("loss", 0.0), True
        else:
            mean, parts, taken = _update(stage, recipe, optimiser, batches, rng, lr, amp)
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
        if progress and (step % recipe.log_every == 0 or step == recipe.steps or over):
            progress(Progress(step, recipe.steps, mean, lr, time.monotonic() - started, parts))
        if step % recipe.save_every == 0 or step == recipe.steps or over:
            try:
                _save(folder, recipe, stage, optimiser, ema, rng, step)
                hours = before + (busy() - began) / 3600
                (folder / PROGRESS).write_text(json.dumps({"step": step, "hours": hours}))
            except (OSError, SafetensorError) as error:
                raise ResourceError(
                    "train.not_saved", f"step {step} could not be saved: {error}", path=str(folder)
                ) from error
        if over:
            log.info("stopped at step %d of %d; run again to go on", step, recipe.steps)
            break
    return folder / "model"


def _update(
    stage, recipe, optimiser, batches, rng, lr, amp
) -> tuple[float, dict[str, float], bool]:
    """One optimiser update over `accumulate` batches, divided once by their summed weight.

    Returns the mean loss, its parts, and whether the update was taken: not where the gradient is not finite.
    """
    optimiser.zero_grad(set_to_none=True)
    total, weight, parts = 0.0, 0.0, {}
    for _ in range(recipe.accumulate):
        batch = next(batches)
        with amp():
            loss = stage.loss(batch, rng)
        loss.value.backward()
        total += float(loss.value.detach())
        weight += loss.weight
        parts = loss.parts
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
                parameter.grad.div_(weight)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, recipe.optim.clip_norm)
    taken = bool(torch.isfinite(norm))
    if taken:
        optimiser.step()
    return total / weight, {**parts, "norm": float(norm)}, taken


def _restore(folder: Path, recipe, stage, optimiser, ema, rng, change) -> int:
    """Step to go on from; 0 for a fresh run. Left-over partial saves are removed."""
    if (folder / "last.partial").is_dir():
        log.warning("a save that was broken off is removed: %s", folder / "last.partial")
        shutil.rmtree(folder / "last.partial", ignore_errors=True)
    if not (folder / "last" / "state.pt").is_file() and (folder / "last.old").is_dir():
        shutil.rmtree(folder / "last", ignore_errors=True)
        os.replace(folder / "last.old", folder / "last")
    last = folder / "last"
    if not last.is_dir():
        return 0
    state, weights, shadow = _read(last, bool(ema))
    if state["recipe"] != fingerprint(recipe):
        if not change:
            raise InputError(
                "train.recipe_changed",
                f"{folder} holds a run of another recipe",
                hint="choose another output=, or delete the folder, or go on with --change",
            )
        note_change(folder, recipe, state["step"])
    stage.model.load_state_dict(weights)
    rng.set_state(state["rng"])
    torch.set_rng_state(state["torch_rng"])
    if torch.cuda.is_available() and "cuda_rng" in state:
        torch.cuda.set_rng_state_all(state["cuda_rng"])
    if optimiser:
        optimiser.load_state_dict(state["optimiser"])
    if ema:
        ema.shadow = {name: value.to(ema.shadow[name].device) for name, value in shadow.items()}
    if "stage" in state:
        stage.restore(state["stage"])
    return state["step"]


def _hours(folder: Path) -> float:
    """Of the calls before this one; 0 where nothing readable says so."""
    try:
        return float(json.loads((folder / PROGRESS).read_text())["hours"])
    except (OSError, ValueError, KeyError):
        return 0.0


def _read(
    last: Path, averaged: bool
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """State, weights and averages of a save; InputError when a file of it is damaged or missing."""
    try:
        state = torch.load(last / "state.pt", weights_only=True, map_location="cpu")
        weights = load_file(last / "model.safetensors")
        return state, weights, load_file(last / "ema.safetensors") if averaged else {}
    except (OSError, EOFError, RuntimeError, UnpicklingError, SafetensorError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        hint = "bring back a copy of it, or delete it to begin again"
        raise InputError("train.damaged", f"the save {last} is damaged: {reason}", hint) from error


def _save(folder: Path, recipe, stage, optimiser, ema, rng, step: int) -> None:
    """Write `model/`, and `last/` whole or not at all."""
    partial, last, old = folder / "last.partial", folder / "last", folder / "last.old"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights = {
        name: value.detach().cpu().contiguous() for name, value in stage.model.state_dict().items()
    }
    save_file(weights, partial / "model.safetensors")
    state = {
        "step": step,
        "rng": rng.get_state(),
        "torch_rng": torch.get_rng_state(),
        "recipe": fingerprint(recipe),
    }
    if torch.cuda.is_available():
        state["cuda_rng"] = torch.cuda.get_rng_state_all()
    if optimiser:
        state["optimiser"] = optimiser.state_dict()
    if hasattr(stage, "state"):
        state["stage"] = stage.state()
    if ema:
        weights = {name: value.cpu().contiguous() for name, value in ema.shadow.items()}
        save_file(weights, partial / "ema.safetensors")
    torch.save(state, partial / "state.pt")
    # before `last` moves on: a run killed here is trained again from the older save, and never lacks its model
    identity = checkpoint.Identity(stage.network, recipe.preset)
    checkpoint.save(folder / "model", weights, dataclasses.asdict(stage.config), identity=identity)
    (folder / "recipe.json").write_text(recipe.model_dump_json(indent=1))
    shutil.rmtree(old, ignore_errors=True)
    if last.is_dir():
        os.replace(last, old)
    os.replace(partial, last)
    shutil.rmtree(old, ignore_errors=True)
