"""Which weights a preset is: the SHA-256 of each file."""

from pathlib import Path

from deepaudio.presets import official, store

WEIGHT_SUFFIXES = {".safetensors", ".tflite", ".onnx"}


def weights_of(preset: Path) -> dict[str, str]:
    """SHA-256 of every weight file of a preset, by part."""
    if str(preset) in official.PRESETS:
        return store.recorded_sums(official.PRESETS[str(preset)])
    found = sorted(p for p in preset.rglob("*") if p.suffix in WEIGHT_SUFFIXES)
    return {p.relative_to(preset).as_posix(): store.sha256_of(p) for p in found}
