"""Where in its shard each tensor of an item lies, in a memory-mapped table beside it: NAME.index.npy.

Millions of items then cost a few bytes each in a process, and one is read by its place in the file, without the list of
keys and the header of the shard. The table is made when a shard is first opened and again when the shard is newer.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepaudio.data.shards import changed_at, file_of, places_in, rows_of
from deepaudio.errors import InputError

TABLE = ".index.npy"
LABEL_BYTES = 32
OPEN_AT_MOST = 64  # shards
# of numpy and of torch, by the names in safetensors headers; half floats of 16 bits are read as such
KINDS = {"F16": np.float16, "F32": np.float32, "I32": np.int32, "I64": np.int64}
OF_ITEM = [("frames", "<i4"), ("emotion", f"S{LABEL_BYTES}")]
# of a tensor: where it begins, how many numbers it has (-1: there is none), how many in a row (0: one axis), their kind
OF_TENSOR = [("at", "<i8"), ("count", "<i8"), ("columns", "<i4"), ("kind", "S3")]


def row_of(names: Iterable[str]) -> np.dtype:
    """The row of a table of shards whose items have tensors of these names."""
    return np.dtype(OF_ITEM + [(f"{name}_{of}", kind) for name in names for of, kind in OF_TENSOR])


class Shard(NamedTuple):
    """A shard of which one item after another is read."""

    path: Path
    table: np.ndarray
    stream: int


def table_of(shard: Path) -> np.ndarray:
    """The table (rows of `row_of`, in the order of the keys), read from disk as it is needed. InputError for a damaged shard."""
    place = Path(f"{shard}{TABLE}")
    try:
        if place.stat().st_mtime_ns >= changed_at(shard):
            known = np.load(place, mmap_mode="r")
            if known.dtype == row_of(names_in(known)):
                return known
    except (OSError, ValueError):
        pass  # not there, or broken: it is made anew
    table = _made(shard)
    partial = place.with_name(f"{place.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as stream:
            np.save(stream, table)
        partial.replace(place)
    except OSError:  # a folder that cannot be written to
        partial.unlink(missing_ok=True)
        return table
    return np.load(place, mmap_mode="r")


def names_in(table: np.ndarray) -> list[str]:
    """What the items of a shard may have: mel, text, latent ..."""
    fields = table.dtype.names or ()
    return [name.removesuffix("_at") for name in fields if name.endswith("_at")]


def keys_of(shard: Path) -> list[str]:
    """The keys of a shard in the order of its table."""
    return sorted(row["key"] for row in rows_of(shard))


class Reader:
    """Tensors of items by shard and row; a few shards are open at a time."""

    def __init__(self, shards: list[Path]):
        self.shards, self.open = shards, OrderedDict[int, Shard]()

    def read(self, shard: int, row: int, name: str) -> Tensor | None:
        """A tensor of an item (n c) or (n), None where it has none."""
        _, table, stream = self._opened(shard)
        entry = table[row]
        if f"{name}_at" not in table.dtype.names:
            return None
        count = int(entry[f"{name}_count"])
        if count < 0:
            return None
        kind = np.dtype(KINDS[entry[f"{name}_kind"].decode()])
        content = os.pread(stream, count * kind.itemsize, int(entry[f"{name}_at"]))
        if len(content) != count * kind.itemsize:
            message = f"{file_of(self.shards[shard])} is damaged: it ends early"
            raise InputError("data.damaged", message)
        value = torch.from_numpy(np.frombuffer(content, kind).copy())
        columns = int(entry[f"{name}_columns"])
        return value.view(-1, columns) if columns else value

    def _opened(self, shard: int) -> Shard:
        found = self.open.pop(shard, None)
        if found is None:
            path = self.shards[shard]
            stream = os.open(file_of(path), os.O_RDONLY)
            found = Shard(path, table_of(path), stream)
            if len(self.open) >= OPEN_AT_MOST:
                os.close(self.open.popitem(last=False)[1].stream)
        self.open[shard] = found
        return found

    def __del__(self) -> None:
        for shard in self.open.values():
            os.close(shard.stream)


def _made(shard: Path) -> np.ndarray:
    places = places_in(shard)
    rows = sorted(rows_of(shard), key=lambda row: row["key"])
    names = sorted({what for key, _, what in (name.rpartition(".") for name in places) if key})
    table = np.zeros(len(rows), row_of(names))
    for entry, row in zip(table, rows, strict=True):
        mel = places.get(f"{row['key']}.mel")
        entry["frames"] = row.get("frames", mel.shape[0] if mel else 0)
        label = (row.get("emotion") or "").encode()
        if len(label) > LABEL_BYTES:
            raise InputError(
                "emotion.long", f"{shard}: {row['key']}: a label of {len(label)} bytes"
            )
        entry["emotion"] = label
        for name in names:
            known = places.get(f"{row['key']}.{name}")
            if known is None:
                entry[f"{name}_count"] = -1
                continue
            if known.kind not in KINDS:
                raise InputError("data.kind", f"{shard}: {row['key']}.{name} is {known.kind}")
            entry[f"{name}_kind"] = known.kind.encode()
            entry[f"{name}_at"] = known.at
            entry[f"{name}_count"] = int(np.prod(known.shape))
            entry[f"{name}_columns"] = known.shape[1] if len(known.shape) == 2 else 0
    return table
