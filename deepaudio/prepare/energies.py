"""Energy contours that a preset's M_v2a predicts for the clips of a manifest: what V2S tuning is conditioned on."""

import logging
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file

from deepaudio.data.manifest import Item
from deepaudio.errors import InputError
from deepaudio.inference.protocols import SoundModel
from deepaudio.options import SampleOptions

log = logging.getLogger(__name__)


@torch.inference_mode()
def write_energies(
    out: Path, items: Iterable[Item], v2a: SoundModel, options: SampleOptions = SampleOptions()
) -> int:
    """Write contours [n] at 93.75 Hz by item id into a safetensors file; returns how many.

    Items without video are named in the log and left out. InputError when nothing is left.
    """
    contours = {}
    for item in items:
        if item.video is None:
            log.warning("left out %s: no video", item.id)
            continue
        contours[item.id] = v2a.energy(v2a.features(item.video), options).cpu().contiguous()
    if not contours:
        raise InputError("manifest.empty", "no item has a video", "is the manifest right?")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".part")
    save_file(contours, partial)
    partial.replace(out)
    return len(contours)
