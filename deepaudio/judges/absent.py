"""Judges of the paper that this version cannot run: their columns say `n/a` and this reason."""

from pathlib import Path
from typing import NoReturn

from deepaudio.errors import WeightsError

JUDGES = {
    "wavlm-large-ecapa": ("speaker",),
    "wav2clip": ("clip",),
    "imagebind": ("imagebind",),
    "synchformer": ("offsets",),
}
REASONS = {
    "wavlm-large-ecapa": "its network (WavLM-large with ECAPA-TDNN) is not part of this version",
    "wav2clip": "its network is not part of this version",
    "imagebind": "its network is not part of this version (and its weights are CC BY-NC-SA)",
    "synchformer": "only the visual half of its network is part of this version",
}


def load(name: str, folder: Path | None = None, device: str = "cpu") -> NoReturn:
    """Always WeightsError with the reason."""
    raise WeightsError("judge.absent", f"judge '{name}': {REASONS[name]}", judge=name)
