"""Which weights a preset is: the SHA-256 of each file."""

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
            sums |= {f"{role}/{path.name}": store.sha256_of(path) for path in _weights(folder)}
        return sums
    return {p.relative_to(preset).as_posix(): store.sha256_of(p) for p in _weights(preset)}


def _weights(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in WEIGHT_SUFFIXES)
