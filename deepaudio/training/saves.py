"""The save of a training run: written whole or not at all, read back for a resume."""

import dataclasses
import json
import logging
import math
import os
import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepaudio import __version__, checkpoint
from deepaudio.errors import InputError
from deepaudio.training import optim as optimisers
from deepaudio.training.changes import (
    changes,
    fingerprint,
    note,
    refuse,
    settings,
    written_recipe,
)
from deepaudio.training.lora import merged, rescaled

log = logging.getLogger(__name__)
PROGRESS, CALLS = "progress.json", "calls.jsonl"


def restore(
    folder: Path, recipe, stage, optimiser, ema, rng, force, ranks
) -> tuple[int, optimisers.Schedule]:
    """Step to go on from, 0 for a fresh run, and the schedule. Left-over partial saves are removed."""
    with ranks.first_goes_ahead():
        if ranks.first:
            _mend(folder)
    last = folder / "last"
    if not last.is_dir():
        return 0, optimisers.Schedule.whole(recipe.steps, recipe.optim)
    state, weights, shadow = _read(last, bool(ema))
    changed = changes(folder, state, recipe)
    with ranks.first_goes_ahead():  # the first refuses a change for all
        if ranks.first:
            refuse(folder, changed, force)
    weights, shadow = (s and rescaled(s, recipe.lora) for s in (weights, shadow))
    try:
        own = stage.model.state_dict()
        stage.model.load_state_dict(ranks.spread(weights, own))
    except RuntimeError as error:
        reason = f"the weights in {last} are of another network than model={recipe.model}"
        reason += f" with lora={recipe.lora and recipe.lora.model_dump()}"
        raise InputError("train.recipe_changed", reason, "choose another output=") from error
    if ranks.first:
        note(folder, changed, state["step"])
    rng.set_state(state["rng"])
    _dropout_of(state, recipe.seed, ranks)
    if optimiser:
        optimisers.rebuilt(optimiser, state["optimiser"], ranks.spread)
    if ema:
        found = shadow or weights  # of a run without an average, whose average begins here
        found = {
            name: value.to(ema.shadow[name].device, copy=True) for name, value in found.items()
        }
        ema.shadow = ranks.spread(found, ema.shadow)
    if "stage" in state:
        stage.restore(state["stage"])
    return state["step"], _schedule(folder, state, recipe, changed)


def _mend(folder: Path) -> None:
    """Left-over partial saves are removed, and the older save takes its place again where the newer one was broken off."""
    if (folder / "last.partial").is_dir():
        log.warning("a save that was broken off is removed: %s", folder / "last.partial")
        shutil.rmtree(folder / "last.partial", ignore_errors=True)
    if not (folder / "last" / "state.pt").is_file() and (folder / "last.old").is_dir():
        shutil.rmtree(folder / "last", ignore_errors=True)
        os.replace(folder / "last.old", folder / "last")


def _dropout_of(state: dict[str, Any], seed: int, ranks) -> None:
    """The generators that dropout uses, as this process had them; a process that the save does not know begins its own."""
    known = state.get("rank_rngs", [state["torch_rng"]])
    if ranks.rank < len(known):
        torch.set_rng_state(known[ranks.rank])
    else:
        torch.manual_seed(seed + ranks.rank + 1_000_003 * state["step"])
    if ranks.device.type == "cuda" and "cuda_rng" in state and ranks.rank < len(state["cuda_rng"]):
        torch.cuda.set_rng_state(state["cuda_rng"][ranks.rank], ranks.device)


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
    if step >= recipe.steps:
        return now
    log.warning(
        "%d steps instead of %d: the learning rate goes on from %.3g at step %d and ends at %.3g",
        *(recipe.steps, kept.steps, now.rate(step, optim), step, now.rate(recipe.steps, optim)),
    )
    return now


class Progress(NamedTuple):
    """How far a run has come, by its last save."""

    step: int = 0
    hours: float = 0.0  # of all calls


def written_progress(folder: Path) -> Progress:
    """Step and hours of the last save; 0 where nothing readable says so."""
    try:
        found = json.loads((folder / PROGRESS).read_bytes())
        step, hours = int(found["step"]), float(found.get("hours", 0.0))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return Progress()
    return Progress(step, hours if math.isfinite(hours) else 0.0)


def note_call(folder: Path, step: int, recipe, ranks, called: Mapping[str, Any]) -> None:
    """A row in calls.jsonl: when, from which step, by which version, where, and what the caller says of it."""
    row = {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "step": step,
        "steps": recipe.steps,
        "version": __version__,
        "device": str(ranks.device),
        "processes": ranks.world,
        **called,
    }
    with (folder / CALLS).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


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


def save(folder: Path, recipe, stage, optimiser, ema, states, step: int, schedule, ranks) -> None:
    """Write `model/`, and `last/` whole or not at all. All processes give what they have, the first one writes.

    `states` are those of the generator and of the stage (None without) after the last batch that was used.
    """
    network = ranks.whole(stage.model.state_dict())
    trained = ranks.whole(optimiser.state_dict()) if optimiser else None
    averages = ranks.whole(ema.shadow) if ema else None
    dropout = ranks.gathered(torch.get_rng_state())
    cuda = ranks.device.type == "cuda"
    on_gpu = ranks.gathered(torch.cuda.get_rng_state(ranks.device)) if cuda else None
    if not ranks.first:
        return
    rng_state, stage_state = states
    partial, last, old = folder / "last.partial", folder / "last", folder / "last.old"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in network.items()}
    save_file(weights, partial / "model.safetensors")
    state = {
        "step": step,
        "rng": rng_state,
        "torch_rng": dropout[0],
        "recipe": fingerprint(recipe),
        "settings": settings(recipe),
        "schedule": list(schedule),
    }
    if ranks.world > 1:
        state["rank_rngs"] = dropout
    if on_gpu:
        state["cuda_rng"] = on_gpu
    if trained:
        state["optimiser"] = trained
    if stage_state is not None:
        state["stage"] = stage_state
    if averages:
        weights = {name: value.cpu().contiguous() for name, value in averages.items()}
        save_file(weights, partial / "ema.safetensors")
    torch.save(state, partial / "state.pt")
    # before `last` moves on: a run killed here is trained again from the older save, and never lacks its model
    identity = checkpoint.Identity(stage.network, recipe.preset)
    config = dataclasses.asdict(stage.config)
    checkpoint.save(folder / "model", merged(weights), config, identity=identity)
    (folder / "recipe.json").write_text(recipe.model_dump_json(indent=1))
    shutil.rmtree(old, ignore_errors=True)
    if last.is_dir():
        os.replace(last, old)
    os.replace(partial, last)
    shutil.rmtree(old, ignore_errors=True)
