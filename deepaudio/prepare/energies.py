"""Energy contours that a preset's M_v2a predicts for the clips of a manifest: what V2S tuning is conditioned on."""

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from deepaudio.data.manifest import Item, usable
from deepaudio.errors import InputError
from deepaudio.inference.protocols import SoundModel
from deepaudio.options import SampleOptions


@torch.inference_mode()
def write_energies(
    out: Path, items: Iterable[Item], v2a: SoundModel, options: SampleOptions = SampleOptions()
) -> int:
    """Write contours [n] at 93.75 Hz by item id into a safetensors file; returns how many.

    Items without video, or whose video cannot be read, are named in the log and left out. InputError when nothing is left.
    """

    def contour(item: Item) -> Tensor:
        if item.video is None:
            raise InputError("manifest.empty", f"{item.id}: no video", "is the manifest right?")
        return v2a.energy(v2a.features(item.video), options).cpu().contiguous()

    contours = {item.id: made for item, made in usable(items, contour)}
    if not contours:
        raise InputError("manifest.empty", "the manifest has no items")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".part")
    save_file(contours, partial)
    partial.replace(out)
    return len(contours)
