"""Shards on disk: NAME.json with one row an item and NAME.safetensors with `KEY.what` for each, or both in NAME.tar (WebDataset).

`*` in a name as in a shell.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepaudio.data.webdataset import TAR, arrays_in, rows_in, tensors_of_tar, write_tar
from deepaudio.errors import InputError
from deepaudio.options import ShardForm

T = TypeVar("T")
INDEX, TENSORS = ".json", ".safetensors"


class Place(NamedTuple):
    """Where the numbers of a tensor begin in its file; their kind by its name in safetensors headers."""

    kind: str
    shape: tuple[int, ...]
    at: int


def shards_at(name: str, hint: str) -> list[Path]:
    """The shards a recipe names, without their suffixes. InputError with the hint when there is none."""
    place = Path(name)
    given = [place] if "*" not in place.name else []
    for suffix in (INDEX, TAR) if not given else ():
        given += (p.with_suffix("") for p in place.parent.glob(place.name + suffix))
    found = sorted({p for p in given if is_whole(p)})
    if not found:
        raise InputError("data.missing", f"no shard at {name}", hint)
    return found


def file_of(shard: Path) -> Path:
    """The file in which the tensors of a shard lie."""
    tensors = Path(f"{shard}{TENSORS}")
    return tensors if tensors.is_file() else Path(f"{shard}{TAR}")


def changed_at(shard: Path) -> int:
    """When a shard was written, in nanoseconds."""
    files = [file_of(shard), Path(f"{shard}{INDEX}")]
    return max(path.stat().st_mtime_ns for path in files if path.is_file())


def rows_of(shard: Path) -> list[dict[str, Any]]:
    """The rows of a shard. InputError for a damaged list."""
    if file_of(shard).suffix == TAR:
        return rows_in(file_of(shard))
    return listed_in(Path(f"{shard}{INDEX}"))


def listed_in(path: Path) -> list[dict[str, Any]]:
    """The rows in the list of a shard, each with its key. InputError, naming the file, for a damaged one."""

    def read(path: Path) -> list[dict[str, Any]]:
        rows = json.loads(path.read_bytes())
        if isinstance(rows, list) and all(isinstance(r, dict) and "key" in r for r in rows):
            return rows
        raise ValueError("no list of rows")

    return whole(path, read)


def places_in(shard: Path) -> dict[str, Place]:
    """Where each tensor of a shard lies. InputError for a damaged file."""
    path = file_of(shard)
    if path.suffix == TAR:
        kinds = {"float16": "F16", "float32": "F32", "int32": "I32", "int64": "I64"}
        return {
            name: Place(kinds.get(str(kind), str(kind)), shape, at)
            for name, kind, shape, at in arrays_in(path)
        }
    header, start = _header(path)
    return {
        name: Place(entry["dtype"], tuple(entry["shape"]), start + entry["data_offsets"][0])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def shared_in(shard: Path, name: str) -> Tensor | None:
    """A tensor that belongs to no item; None where there is none."""
    if name not in places_in(shard):
        return None
    file = file_of(shard)
    if file.suffix == TAR:
        return tensors_of_tar(file, name)[name]
    with safe_open(file, "pt") as tensors:
        return tensors.get_tensor(name)


def tensors_in(path: Path, what: str, hint: str) -> dict[str, Tensor]:
    """All tensors of a safetensors file. InputError with the hint when it is missing, naming it when it is damaged."""
    if not path.is_file():
        raise InputError("data.missing", f"no {what} at {path}", hint)
    return whole(path, load_file)


def whole(path: Path, read: Callable[[Path], T]) -> T:
    """What `read` makes of a file. InputError, naming it, where it is damaged."""
    try:
        return read(path)
    except (SafetensorError, ValueError, TypeError, KeyError, EOFError, RecursionError) as error:
        hint = "bring back a copy of it, or make it again"
        raise InputError("data.damaged", f"{path} is damaged: {error}", hint) from error


def read_shard(path: Path, what: str) -> tuple[list[dict], dict[str, Tensor]]:
    """Its list and tensors; InputError naming `what` is missing."""
    if not is_whole(path):
        raise InputError(
            "data.missing", f"no {what} at {path}", hint="docs/training.md says how to make it"
        )
    file = file_of(path)
    tensors = whole(file, load_file) if file.suffix == TENSORS else tensors_of_tar(file)
    return rows_of(path), tensors


def write_shard(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    tensors: Mapping[str, Tensor],
    form: ShardForm = "safetensors",
) -> int:
    """Write a shard, the rows last: one with rows is whole. The number of rows; InputError when there is none."""
    if not rows:
        raise InputError("manifest.empty", f"nothing to write to {path}", "is the manifest right?")
    path.parent.mkdir(parents=True, exist_ok=True)
    index, weights = Path(f"{path}{INDEX}"), Path(f"{path}{TENSORS}")
    index.unlink(missing_ok=True)
    if form == "webdataset":
        write_tar(Path(f"{path}{TAR}"), rows, tensors)
        weights.unlink(missing_ok=True)
        return len(rows)
    partial = weights.with_name(weights.name + ".part")
    save_file(dict(tensors), partial)
    partial.replace(weights)
    partial = index.with_name(index.name + ".part")
    partial.write_text(json.dumps(list(rows), ensure_ascii=False), encoding="utf-8")
    partial.replace(index)
    Path(f"{path}{TAR}").unlink(missing_ok=True)  # of another form before
    return len(rows)


def is_whole(path: Path) -> bool:
    """Whether a shard was written to its end."""
    pair = (Path(f"{path}{INDEX}"), Path(f"{path}{TENSORS}"))
    return all(file.is_file() for file in pair) or Path(f"{path}{TAR}").is_file()


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a safetensors file and where its tensors begin."""
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if not 0 < size <= path.stat().st_size:
                raise ValueError("its header is longer than the file")
            return json.loads(stream.read(size)), 8 + size
    except ValueError as error:
        hint = "bring back a copy of it, or make it again"
        raise InputError("data.damaged", f"{path} is damaged: {error}", hint) from error
