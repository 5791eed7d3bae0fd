"""What of a recipe may change when a run is resumed, and a note of what did."""

import hashlib
import json
import logging
from pathlib import Path

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
}
NOTES = "changes.jsonl"


def fingerprint(recipe: Recipe) -> str:
    """What must agree between the run in a folder and its resume."""
    return hashlib.sha256(recipe.model_dump_json(exclude=FREE).encode()).hexdigest()


def note_change(folder: Path, recipe: Recipe, step: int) -> None:
    """Add a line to `folder`/changes.jsonl: the step, and each changed part of the recipe as it was and as it is now."""
    place = folder / "recipe.json"
    before = json.loads(place.read_text()) if place.is_file() else {}
    now = recipe.model_dump(mode="json", exclude=FREE)
    parts = {name: [before.get(name), new] for name, new in now.items() if before.get(name) != new}
    log.warning("going on from step %d with another recipe: %s", step, ", ".join(parts))
    with (folder / NOTES).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"step": step, "changed": parts}) + "\n")
