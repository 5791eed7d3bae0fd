"""Read an official weights file into tensors: safetensors with a checked header, pickles with `weights_only=True`."""

import codecs
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from deepaudio.errors import WeightsError

Format = Literal["safetensors", "pickle"]

_MAX_HEADER_BYTES = 100 * 1024 * 1024
_PICKLE_SUFFIXES = frozenset({".pt", ".pth", ".bin", ".ckpt"})
_REBUILD = np.empty(0).__reduce__()[0]
ARRAYS = (  # what a pickle of float arrays is made of, under the names of NumPy 1 and 2
    *((_REBUILD, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    np.ndarray,
    np.dtype,
    type(np.dtype(np.float32)),
    codecs.encode,
)
_ZIP, _PROTOCOL = b"PK\x03\x04", b"\x80"


def read(source: str | Path | Mapping[str, Any], arrays: bool = False) -> Mapping[str, Any]:
    """The content of a weights file (possibly nested), or the mapping itself.

    Raises WeightsError when the file is absent, empty, cut, not what its name says, or a pickle that holds anything but
    tensors and plain containers, and with `arrays` NumPy's arrays of numbers.
    """
    if isinstance(source, Mapping):
        return source
    path = Path(source)
    if file_format(path) == "safetensors":
        check_safetensors(path)
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise WeightsError(
                "weights.corrupt", f"{path.name}: {error}", path=str(path)
            ) from error
    return _read_pickle(path, ARRAYS if arrays else [])


def file_format(path: Path) -> Format:
    """What the first bytes say; an extension that says otherwise is refused."""
    if not path.is_file():
        raise WeightsError("weights.missing", f"no weights file at {path}", path=str(path))
    with path.open("rb") as file:
        head = file.read(9)
    if not head:
        raise WeightsError("weights.empty", f"{path.name} is an empty file", path=str(path))
    suffix = path.suffix.lower()
    if head.startswith(_ZIP) or head.startswith(_PROTOCOL):
        if suffix == ".safetensors":
            raise WeightsError(
                "weights.renamed",
                f"{path.name} is a pickle with a safetensors name",
                hint="give it back its own extension if you trust where it came from",
                path=str(path),
            )
        return "pickle"
    if len(head) == 9 and head[8:9] == b"{":
        if suffix in _PICKLE_SUFFIXES:
            raise WeightsError(
                "weights.renamed",
                f"{path.name} holds safetensors, not a pickle",
                hint=f"rename it to {path.stem}.safetensors",
                path=str(path),
            )
        return "safetensors"
    page = head.lstrip().lower().startswith((b"<!", b"<html", b"<?xml"))
    looks = "a web page, not weights" if page else "neither safetensors nor a torch file"
    raise WeightsError("weights.not_weights", f"{path.name} is {looks}", path=str(path))


def check_safetensors(path: Path) -> None:
    """Refuse headers with duplicate names, overlapping or missing bytes, or a file that was cut."""

    def refuse(reason: str) -> WeightsError:
        return WeightsError("weights.corrupt", f"{path.name}: {reason}", path=str(path))

    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(_MAX_HEADER_BYTES, size - 8):
            raise refuse(f"header of {length} bytes in a file of {size}: the file is incomplete")
        text = file.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise refuse(f"unreadable header ({error})") from error
    header.pop("__metadata__", None)
    try:
        spans = sorted(tuple(entry["data_offsets"]) for entry in header.values())
    except (TypeError, KeyError) as error:
        raise refuse("header entries lack offsets") from error
    end = 0
    for start, stop in spans:
        if start != end or stop < start:
            raise refuse(f"tensor bytes overlap or leave a gap at {end}")
        end = stop
    if 8 + length + end != size:
        raise refuse(f"expected {8 + length + end} bytes, found {size}: the file is incomplete")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    repeated = (
        sorted({name for name in names if names.count(name) > 1})
        if len(set(names)) < len(names)
        else []
    )
    if repeated:
        raise ValueError(f"duplicate name {repeated[0]!r}")
    return dict(pairs)


def _read_pickle(path: Path, allowed: Sequence[Any]) -> Mapping[str, Any]:
    mapped = zipfile.is_zipfile(path)  # the old torch format cannot be mapped
    with path.open("rb") as file:
        if file.read(len(_ZIP)) == _ZIP and not mapped:
            message = f"{path.name}: its end is missing: the file is incomplete"
            raise WeightsError("weights.corrupt", message, "fetch it again", path=str(path))
    try:
        with torch.serialization.safe_globals([*allowed]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "weights.unsafe_pickle",
            f"{path.name} holds more than tensors and was not opened",
            hint="convert it to safetensors where you trust it; pickles can run code",
            path=str(path),
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError("weights.corrupt", f"{path.name}: {reason}", path=str(path)) from error
    if not isinstance(content, Mapping):
        raise WeightsError(
            "weights.not_weights",
            f"{path.name} holds a {type(content).__name__}, not named tensors",
            path=str(path),
        )
    return content
