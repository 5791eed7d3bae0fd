"""A trained model folder as part of a preset: the same folder in half precision.

python -m deepaudio.training.export RUN/model deepaudio/presets/mini/mof
"""

import argparse
from pathlib import Path

import torch

from deepaudio import checkpoint


def export(source: Path, target: Path) -> Path:
    """Copy a model folder with its weights as float16; WeightsError when a value does not fit."""
    config, state = checkpoint.load(source)
    return checkpoint.save(target, state, config, dtype=torch.float16)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Copy a model folder with float16 weights.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    export(given.source, given.target)
