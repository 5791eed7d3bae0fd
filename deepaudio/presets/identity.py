"""Which weights a preset is: the SHA-256 of each file."""

import functools
from pathlib import Path

from deepaudio.presets import official, store, trained

WEIGHT_SUFFIXES = {".safetensors", ".tflite", ".onnx"}


def weights_of(preset: Path) -> dict[str, str]:
    """SHA-256 of every weight file of a preset, by part; of a run those it trained in place of its preset's."""
    if str(preset) in official.PRESETS:
        return store.recorded_sums(official.PRESETS[str(preset)])
    run = trained.read(preset)
    if run:
        sums = weights_of(trained.preset_folder(run.preset))
        for role, folder in run.parts.items():
            sums = {k: v for k, v in sums.items() if Path(k).parent.as_posix() != role}
            sums |= {f"{role}/{path.name}": _sum(path) for path in _weights(folder)}
        return sums
    return {p.relative_to(preset).as_posix(): _sum(p) for p in _weights(preset)}


def _sum(path: Path) -> str:
    state = path.stat()
    return _sum_of(path, state.st_size, state.st_mtime_ns, state.st_ino)


@functools.lru_cache(maxsize=256)
def _sum_of(path: Path, *state: int) -> str:
    """Read once while a file stays as it is: a batch asks for every clip."""
    return store.sha256_of(path)


def _weights(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in WEIGHT_SUFFIXES)
