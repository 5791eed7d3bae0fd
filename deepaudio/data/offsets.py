"""Where in its shard each utterance lies, in a memory-mapped table beside it: NAME.index.npy.

Millions of utterances then cost a few bytes each in a process, and one is read by its place in the file, without the list of
keys and the header of the shard. The table is made when a shard is first opened and again when the shard is newer.
"""

import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepaudio.data.shards import INDEX, TENSORS, rows_of
from deepaudio.errors import InputError

TABLE = ".index.npy"
NAMES = ("mel", "energy", "text", "prosody")
LABEL_BYTES = 32
OPEN_AT_MOST = 64  # shards
# of numpy and of torch, by the names in safetensors headers; half floats of 16 bits are read as such
KINDS = {"F16": np.float16, "F32": np.float32, "I32": np.int32, "I64": np.int64}
ROW = np.dtype(
    [("frames", "<i4"), ("columns", "<i4"), ("emotion", f"S{LABEL_BYTES}")]
    + [(f"{name}_{what}", "<i8") for name in NAMES for what in ("at", "count")]
    + [(f"{name}_kind", "S3") for name in NAMES]
)


class Shard(NamedTuple):
    """A shard of which one utterance after another is read."""

    path: Path
    table: np.ndarray
    stream: int


def table_of(shard: Path) -> np.ndarray:
    """The table (rows of ROW, in the order of the keys), read from disk as it is needed. InputError for a damaged shard."""
    place, tensors = Path(f"{shard}{TABLE}"), Path(f"{shard}{TENSORS}")
    newest = max(tensors.stat().st_mtime_ns, Path(f"{shard}{INDEX}").stat().st_mtime_ns)
    try:
        if place.stat().st_mtime_ns >= newest:
            known = np.load(place, mmap_mode="r")
            if known.dtype == ROW:
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


def keys_of(shard: Path) -> list[str]:
    """The keys of a shard in the order of its table."""
    return sorted(row["key"] for row in rows_of(shard))


class Reader:
    """Tensors of utterances by shard and row; a few shards are open at a time."""

    def __init__(self, shards: list[Path]):
        self.shards, self.open = shards, OrderedDict[int, Shard]()

    def read(self, shard: int, row: int, name: str) -> Tensor | None:
        """One of NAMES, None where the utterance has none."""
        _, table, stream = self._opened(shard)
        entry = table[row]
        count = int(entry[f"{name}_count"])
        if count < 0:
            return None
        kind = np.dtype(KINDS[entry[f"{name}_kind"].decode()])
        content = os.pread(stream, count * kind.itemsize, int(entry[f"{name}_at"]))
        if len(content) != count * kind.itemsize:
            raise InputError(
                "data.damaged", f"{self.shards[shard]}{TENSORS} is damaged: it ends early"
            )
        value = torch.from_numpy(np.frombuffer(content, kind).copy())
        return value.view(-1, int(entry["columns"])) if name == "mel" else value

    def _opened(self, shard: int) -> Shard:
        found = self.open.pop(shard, None)
        if found is None:
            path = self.shards[shard]
            stream = os.open(f"{path}{TENSORS}", os.O_RDONLY)
            found = Shard(path, table_of(path), stream)
            if len(self.open) >= OPEN_AT_MOST:
                os.close(self.open.popitem(last=False)[1].stream)
        self.open[shard] = found
        return found

    def __del__(self) -> None:
        for shard in self.open.values():
            os.close(shard.stream)


def _made(shard: Path) -> np.ndarray:
    header, start = _header(Path(f"{shard}{TENSORS}"))
    rows = sorted(rows_of(shard), key=lambda row: row["key"])
    table = np.zeros(len(rows), ROW)
    for entry, row in zip(table, rows, strict=True):
        entry["frames"] = row["frames"]
        label = (row.get("emotion") or "").encode()
        if len(label) > LABEL_BYTES:
            raise InputError(
                "emotion.long", f"{shard}: {row['key']}: a label of {len(label)} bytes"
            )
        entry["emotion"] = label
        for name in NAMES:
            known = header.get(f"{row['key']}.{name}")
            if known is None:
                entry[f"{name}_count"] = -1
                continue
            if known["dtype"] not in KINDS:
                raise InputError("data.kind", f"{shard}: {row['key']}.{name} is {known['dtype']}")
            entry[f"{name}_kind"] = known["dtype"].encode()
            entry[f"{name}_at"] = start + known["data_offsets"][0]
            entry[f"{name}_count"] = int(np.prod(known["shape"]))
            if name == "mel":
                entry["columns"] = known["shape"][1]
    return table


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
