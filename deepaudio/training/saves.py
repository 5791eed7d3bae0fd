"""The save of a training run: written whole or not at all, read back for a resume."""

import dataclasses
import json
import logging
import os
import shutil
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepaudio import checkpoint
from deepaudio.errors import InputError
from deepaudio.training import optim as optimisers
from deepaudio.training.changes import (
    changes,
    fingerprint,
    refuse_or_note,
    settings,
    written_recipe,
)

log = logging.getLogger(__name__)
PROGRESS = "progress.json"


def restore(
    folder: Path, recipe, stage, optimiser, ema, rng, force
) -> tuple[int, optimisers.Schedule]:
    """Step to go on from, 0 for a fresh run, and the schedule. Left-over partial saves are removed."""
    if (folder / "last.partial").is_dir():
        log.warning("a save that was broken off is removed: %s", folder / "last.partial")
        shutil.rmtree(folder / "last.partial", ignore_errors=True)
    if not (folder / "last" / "state.pt").is_file() and (folder / "last.old").is_dir():
        shutil.rmtree(folder / "last", ignore_errors=True)
        os.replace(folder / "last.old", folder / "last")
    last = folder / "last"
    if not last.is_dir():
        return 0, optimisers.Schedule.whole(recipe.steps, recipe.optim)
    state, weights, shadow = _read(last, bool(ema))
    changed = changes(folder, state, recipe)
    refuse_or_note(folder, changed, state["step"], force)
    try:
        stage.model.load_state_dict(weights)
    except RuntimeError as error:
        reason = f"the weights in {last} are of another network than model={recipe.model}"
        raise InputError("train.recipe_changed", reason, "choose another output=") from error
    rng.set_state(state["rng"])
    torch.set_rng_state(state["torch_rng"])
    if torch.cuda.is_available() and "cuda_rng" in state:
        torch.cuda.set_rng_state_all(state["cuda_rng"])
    if optimiser:
        optimisers.rebuilt(optimiser, state["optimiser"])
    if ema:
        found = shadow or weights  # of a run without an average, whose average begins here
        ema.shadow = {
            name: value.to(ema.shadow[name].device, copy=True) for name, value in found.items()
        }
    if "stage" in state:
        stage.restore(state["stage"])
    return state["step"], _schedule(folder, state, recipe, changed)


def _schedule(folder: Path, state, recipe, changed) -> optimisers.Schedule:
    """The schedule of the save; planned anew, and said, where the optimiser or the number of steps is another."""
    step, optim = state["step"], recipe.optim
    whole = optimisers.Schedule.whole(recipe.steps, optim)
    if any(key.startswith("optim.") for key in changed):
        log.warning(
            "the learning rate follows the new optim from step %d on: %.3g",
            step,
            whole.rate(step, optim),
        )
        return whole
    if "schedule" in state:
        kept = optimisers.Schedule(*state["schedule"])
    else:
        written = written_recipe(folder)
        kept = whole if written is None else whole._replace(steps=written.steps)
    if kept.steps == recipe.steps:
        return kept
    now = kept.replanned(step, recipe.steps, optim)
    log.warning(
        "%d steps instead of %d: the learning rate goes on from %.3g at step %d and ends at %.3g",
        *(recipe.steps, kept.steps, now.rate(step, optim), step, now.rate(recipe.steps, optim)),
    )
    return now


def hours(folder: Path) -> float:
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
        had_average = (state.get("settings") or {"ema": True})["ema"]
        averages = load_file(last / "ema.safetensors") if averaged and had_average else {}
        return state, weights, averages
    except (OSError, EOFError, RuntimeError, UnpicklingError, SafetensorError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        hint = "bring back a copy of it, or delete it to begin again"
        raise InputError("train.damaged", f"the save {last} is damaged: {reason}", hint) from error


def save(folder: Path, recipe, stage, optimiser, ema, rng, step: int, schedule) -> None:
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
        "settings": settings(recipe),
        "schedule": list(schedule),
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
