"""What of a recipe may change when a run is resumed, and a note of what did."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepaudio.errors import InputError
from deepaudio.training.recipe import Recipe

log = logging.getLogger(__name__)
# where, how long, how often and how: not what
FREE = {
    "output",
    "preset",
    "minutes",
    "save_every",
    "log_every",
    "device",
    "steps",
    "checkpoint_activations",
    "compile",
    "parallel",
    "watch",
}
NOTES = "changes.jsonl"
Changes = dict[str, tuple[Any, Any]]


def settings(recipe: Recipe) -> dict[str, Any]:
    """What must agree between the run in a folder and its resume, for the save."""
    return recipe.model_dump(mode="json", exclude=FREE)


def fingerprint(recipe: Recipe) -> str:
    """The same as a short text: all that older saves know of it beside recipe.json."""
    return hashlib.sha256(recipe.model_dump_json(exclude=FREE).encode()).hexdigest()


def written_recipe(folder: Path) -> Recipe | None:
    """The recipe of the last save as recipe.json has it, with this version's defaults for what it lacks; None if it cannot be read."""
    try:
        return Recipe.model_validate_json((folder / "recipe.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def changes(folder: Path, state: dict[str, Any], recipe: Recipe) -> Changes:
    """By dotted key, the value of the run in `folder` and the one now; empty for the same recipe."""
    if state["recipe"] == fingerprint(recipe):
        return {}
    before = state.get("settings")
    if before is None:
        written = written_recipe(folder)
        if written is None:
            return {"recipe": ("another, which recipe.json does not tell", "this one")}
        before = settings(written)
    return differing(before, settings(recipe))


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> Changes:
    """By dotted key, the values of two mappings where they are not the same."""
    old, new = _flat(one), _flat(other)
    keys = sorted(set(old) | set(new))
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def said(changed: Changes) -> str:
    """For messages: each key with both values."""
    return "; ".join(f"{key} was {old!r} and is {new!r}" for key, (old, new) in changed.items())


def refuse(folder: Path, changed: Changes, force: bool) -> None:
    """InputError naming what is another, unless the change is meant."""
    if changed and ("stage" in changed or not force):
        go_on = "" if "stage" in changed else ", or go on with --force-resume"
        raise InputError(
            "train.recipe_changed",
            f"{folder} holds a run of another recipe: {said(changed)}",
            hint=f"choose another output=, or delete the folder{go_on}",
            changed=list(changed),
        )


def note(folder: Path, changed: Changes, step: int) -> None:
    """A line in `folder`/changes.jsonl keeps what is another from `step` on."""
    if not changed:
        return
    log.warning("going on from step %d with another recipe: %s", step, said(changed))
    row = {"step": step, "changed": {key: list(values) for key, values in changed.items()}}
    with (folder / NOTES).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{above}{key}.")
        elif value != {}:
            found[f"{above}{key}"] = value
    return found
