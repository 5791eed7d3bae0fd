"""Features that set metrics (FAD, FD, IS) need of every item, kept in one small file per item and system."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from deepaudio.media.output import write_bytes


@dataclass(frozen=True)
class SetFeatures:
    """Float32 tensors named COLUMN/FEATURE under FOLDER, so that items.jsonl stays readable."""

    folder: Path

    def write(self, system: str, item: str, tensors: Mapping[str, Tensor]) -> None:
        """Replace what is kept for an item; nothing is written where there is nothing to keep."""
        if tensors:
            place = self._place(system, item)
            place.parent.mkdir(parents=True, exist_ok=True)
            ready = {name: value.float().contiguous() for name, value in tensors.items()}
            write_bytes(place, save(ready))

    def read(self, system: str, item: str) -> dict[str, Tensor]:
        """What is kept; empty where the file is missing or damaged."""
        try:
            return load_file(self._place(system, item))
        except (OSError, SafetensorError):
            return {}

    def _place(self, system: str, item: str) -> Path:
        name = hashlib.sha256(system.encode()).hexdigest()[:12]
        return self.folder / name / f"{item}.safetensors"


def named(column: str, need: str) -> str:
    """Name of one tensor in a file."""
    return f"{column}/{need}"


def complete(row: Mapping[str, Any], kept: Mapping[str, Tensor]) -> bool:
    """Whether `kept` holds every tensor that the row says is there (null in its `set`)."""
    return all(
        value is not None or named(column, need) in kept
        for column, needs in row["set"].items()
        for need, value in needs.items()
    )
