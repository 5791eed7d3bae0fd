"""A trained model folder as part of a preset: the same folder in half precision, perhaps mixed with older weights.

    python -m deepaudio.training.export RUN/model deepaudio/presets/mini/mof
    python -m deepaudio.training.export RUN/model OUT --old deepaudio/presets/mini/v2a --share 0.85

A model tuned from older weights may be mixed with them: what was learned anew stays, and less is forgotten.
"""

import argparse
from pathlib import Path

import torch

from deepaudio import checkpoint
from deepaudio.errors import WeightsError


def export(source: Path, target: Path, old: Path | None = None, share: float = 1.0) -> Path:
    """Copy a model folder with its weights as float16; with `old`, `share` of them and the rest of the old ones.

    WeightsError when a value does not fit or the two models are not of one shape.
    """
    config, state = checkpoint.load(source)
    if old is not None:
        before, earlier = checkpoint.load(old)
        if before != config or set(earlier) != set(state):
            raise WeightsError("export.mix", f"{old} and {source} are not the same network")
        state = {k: torch.lerp(earlier[k].float(), v.float(), share) for k, v in state.items()}
    identity = checkpoint.identity_of(source)
    return checkpoint.save(target, state, config, torch.float16, identity)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--old", type=Path, help="the weights that training started from")
    parser.add_argument("--share", type=float, default=1.0, help="of the new weights, 0 to 1")
    given = parser.parse_args()
    export(given.source, given.target, given.old, given.share)
