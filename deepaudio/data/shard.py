"""A shard of training material: NAME.safetensors beside NAME.json, a list with one entry an item."""

import json
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from deepaudio.errors import InputError


def read_shard(path: Path, what: str) -> tuple[list[dict], dict[str, Tensor]]:
    """Its list and tensors; InputError naming `what` is missing."""
    index, tensors = path.with_suffix(".json"), path.with_suffix(".safetensors")
    if not (index.is_file() and tensors.is_file()):
        raise InputError(
            "data.missing", f"no {what} at {path}", hint="docs/training.md says how to make it"
        )
    return json.loads(index.read_text()), load_file(tensors)
