"""Shards as WebDataset reads them: NAME.tar with `KEY.json` (the row) and `KEY.mel.npy`, `KEY.text.npy` ... of each item.

Tensors that all items share are `_shared.NAME.npy`. A dot in a key is written as %2E, because WebDataset ends a key at the first dot.
"""

import io
import json
import math
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from deepaudio.errors import InputError

TAR, SHARED, ROW, ARRAY = ".tar", "_shared", ".json", ".npy"
ENDS = 1024  # zeros at the end of a tar


def write_tar(path: Path, rows: Sequence[Mapping[str, Any]], tensors: Mapping[str, Tensor]) -> None:
    """Write a shard; the members of an item lie side by side."""
    partial = path.with_name(path.name + ".part")
    by_key: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        key, _, what = name.rpartition(".")
        by_key.setdefault(key, {})[what] = value
    with tarfile.open(partial, "w") as tar:
        for what, value in by_key.get("", {}).items():
            _add(tar, f"{SHARED}.{what}{ARRAY}", _array(value))
        for row in rows:
            key = quote(row["key"]).replace(".", "%2E")
            _add(tar, f"{key}{ROW}", json.dumps(row, ensure_ascii=False).encode())
            for what, value in by_key[row["key"]].items():
                _add(tar, f"{key}.{what}{ARRAY}", _array(value))
    partial.replace(path)


def rows_in(path: Path) -> list[dict[str, Any]]:
    """The rows; an item without one has its key alone."""
    found: dict[str, dict[str, Any]] = {}
    with _opened(path) as tar:
        for member, key, what in _members(tar):
            if key != SHARED:
                row = json.load(tar.extractfile(member)) if what == ROW else {}
                found.setdefault(key, {"key": unquote(key)}).update(row)
    return list(found.values())


def arrays_in(path: Path) -> Iterator[tuple[str, np.dtype, tuple[int, ...], int]]:
    """Of each array its name (KEY.mel), kind and shape, and where in the file its numbers begin."""
    with _opened(path) as tar, path.open("rb") as stream:
        for member, key, what in _members(tar):
            if not what.endswith(ARRAY):
                continue
            stream.seek(member.offset_data)
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, by_columns, kind = read(stream)
            if by_columns and len(shape) > 1:
                raise InputError("data.order", f"{path}: {member.name} is in Fortran order")
            end = stream.tell() + math.prod(shape) * kind.itemsize
            if (
                kind.hasobject
                or min(shape, default=0) < 0
                or end > member.offset_data + member.size
            ):
                raise ValueError(f"{member.name} is no array of numbers, or larger than its place")
            name = what.removeprefix(".").removesuffix(ARRAY)
            whole = name if key == SHARED else f"{unquote(key)}.{name}"
            yield whole, kind, shape, stream.tell()


def tensors_of_tar(path: Path, only: str | None = None) -> dict[str, Tensor]:
    """The tensors of a shard, by KEY.mel and so on, or the only one of a name."""
    found = {}
    for name, kind, shape, at in arrays_in(path):
        if only not in (None, name):
            continue
        numbers = np.fromfile(path, kind, int(np.prod(shape)), offset=at)
        found[name] = torch.from_numpy(numbers.reshape(shape))
    return found


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """An open tar; InputError where it is damaged."""
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError, ValueError) as error:
        hint = "bring back a copy of it, or make it again"
        raise InputError("data.damaged", f"{path} is damaged: {error}", hint) from error


def _members(tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, str, str]]:
    """Each file with its key and what follows it, from the first dot of the name on."""
    for member in tar:
        if member.isfile():
            folder, _, name = member.name.rpartition("/")
            stem, dot, rest = name.partition(".")
            yield member, f"{folder}/{stem}" if folder else stem, dot + rest
    tar.fileobj.seek(tar.offset)
    rest = tar.fileobj.read()
    if len(rest) < ENDS or any(rest):  # tarfile takes a broken header for the end
        raise tarfile.ReadError(f"it breaks off at byte {tar.offset}")


def _array(value: Tensor) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value.contiguous().numpy())
    return stream.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
