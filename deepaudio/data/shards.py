"""Shards on disk: NAME.json with one row an item, NAME.safetensors with `KEY.what` for each; `*` in a name as in a shell."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepaudio.errors import InputError

T = TypeVar("T")
INDEX, TENSORS = ".json", ".safetensors"


def shards_at(name: str, hint: str) -> list[Path]:
    """The shards a recipe names, without their suffixes. InputError with the hint when there is none."""
    place = Path(name)
    if "*" in place.name:
        found = sorted(p.with_suffix("") for p in place.parent.glob(place.name + INDEX))
    else:
        found = [place] if Path(f"{place}{INDEX}").is_file() else []
    found = [p for p in found if Path(f"{p}{TENSORS}").is_file()]
    if not found:
        raise InputError("data.missing", f"no shard at {name}", hint)
    return found


def rows_of(shard: Path) -> list[dict[str, Any]]:
    """The rows of a shard."""
    return json.loads(Path(f"{shard}{INDEX}").read_text(encoding="utf-8"))


def reader_of(shard: Path) -> Any:
    """Its tensors, each read from disk when it is asked for: `get_tensor(name)`, `keys()`. InputError for a damaged file."""
    return _whole(Path(f"{shard}{TENSORS}"), lambda path: safe_open(path, "pt"))


def tensors_in(path: Path, what: str, hint: str) -> dict[str, Tensor]:
    """All tensors of a safetensors file. InputError with the hint when it is missing, naming it when it is damaged."""
    if not path.is_file():
        raise InputError("data.missing", f"no {what} at {path}", hint)
    return _whole(path, load_file)


def _whole(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except SafetensorError as error:
        hint = "bring back a copy of it, or make it again"
        raise InputError("data.damaged", f"{path} is damaged: {error}", hint) from error


def read_shard(path: Path, what: str) -> tuple[list[dict], dict[str, Tensor]]:
    """Its list and tensors; InputError naming `what` is missing."""
    index, tensors = path.with_suffix(".json"), path.with_suffix(".safetensors")
    if not (index.is_file() and tensors.is_file()):
        raise InputError(
            "data.missing", f"no {what} at {path}", hint="docs/training.md says how to make it"
        )
    return json.loads(index.read_text()), _whole(tensors, load_file)


def write_shard(
    path: Path, rows: Sequence[Mapping[str, Any]], tensors: Mapping[str, Tensor]
) -> int:
    """Write a shard, the rows last: one with rows is whole. The number of rows; InputError when there is none."""
    if not rows:
        raise InputError("manifest.empty", f"nothing to write to {path}", "is the manifest right?")
    path.parent.mkdir(parents=True, exist_ok=True)
    index, weights = Path(f"{path}{INDEX}"), Path(f"{path}{TENSORS}")
    index.unlink(missing_ok=True)
    partial = weights.with_name(weights.name + ".part")
    save_file(dict(tensors), partial)
    partial.replace(weights)
    partial = index.with_name(index.name + ".part")
    partial.write_text(json.dumps(list(rows), ensure_ascii=False), encoding="utf-8")
    partial.replace(index)
    return len(rows)


def is_whole(path: Path) -> bool:
    """Whether a shard was written to its end."""
    return Path(f"{path}{INDEX}").is_file() and Path(f"{path}{TENSORS}").is_file()
