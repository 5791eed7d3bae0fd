"""The record beside an output, `OUT.deepaudio.json`: what was asked, with which weights, and what came of it."""

import dataclasses
import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import deepaudio
from deepaudio.media.output import fitting_name, write_bytes

SCHEMA = 1
SUFFIX = ".deepaudio.json"
VERSIONED = ("torch", "torchaudio", "numpy", "onnxruntime", "hibari-tts", "av")


def record_path(output: Path) -> Path:
    """`clip.dub.mp4` is recorded in `clip.dub.mp4.deepaudio.json`, shortened with a hash if that is too long."""
    return output.with_name(fitting_name(output.name + SUFFIX))


def complete(output: Path, fields: dict[str, Any]) -> dict[str, Any]:
    """The whole record in JSON's own types."""
    head = {"schema": SCHEMA, "output": output.name}
    words = {
        key: [without_home(text) for text in fields[key]]
        for key in ("warnings", "notes")
        if key in fields
    }
    return plain(head | fields | words | {"versions": versions()})


def write_record(output: Path, fields: dict[str, Any]) -> Path:
    """Write a record atomically beside the output; returns its path."""
    text = json.dumps(fields, indent=2, ensure_ascii=True, allow_nan=False)
    return write_bytes(record_path(output), (text + "\n").encode())


def versions() -> dict[str, str]:
    """Of deepaudio, Python and what shapes the sound."""
    found = {"deepaudio": deepaudio.__version__, "python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def plain(value: Any) -> Any:
    """The value in JSON's own types: paths with the home folder as `~`, numbers finite or null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return shown(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value


def shown(path: os.PathLike[str]) -> str:
    """A path without the user's home."""
    text = os.fspath(path)
    return without_home(text) if text.startswith(os.path.expanduser("~") + os.sep) else text


def without_home(text: str) -> str:
    """Words in which `~` stands for the user's home."""
    home = os.path.expanduser("~")
    return text if home in ("~", "/") else text.replace(home + os.sep, "~" + os.sep)


class Clock:
    """Seconds spent in each part of a job, on a monotonic clock."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """Add the time since the last lap to `name`."""
        now = time.monotonic()
        self.seconds[name] = round(self.seconds.get(name, 0.0) + now - self._last, 3)
        self._last = now
