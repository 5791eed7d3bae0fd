"""Energy contours that a preset's M_v2a predicts for the clips of a manifest: what V2S tuning is conditioned on."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from deepaudio.data.manifest import Item, usable
from deepaudio.errors import InputError, UsageError
from deepaudio.inference.model import load
from deepaudio.inference.protocols import SoundModel
from deepaudio.options import PRESET, Engine, SampleOptions
from deepaudio.prepare.parallel import WithModel, write_parts
from deepaudio.presets.trained import is_full_size, preset_folder
from deepaudio.progress import Progress

SUFFIX = ".safetensors"


def write_files_of_energies(
    out: Path,
    items: Sequence[Item],
    preset: str = PRESET,
    options: SampleOptions = SampleOptions(),
    jobs: int = 1,
    engine: Engine = "processes",
    address: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, int | None]:
    """The contours as OUT.safetensors, or with several `jobs` as OUT-0.safetensors, ... (`write_parts`), each by a process with the preset in memory.

    The contours of each file by its name; None for one that was there and is kept, unless `force`. WeightsError for an unknown preset,
    UsageError for steps of one that takes none.
    """
    given, folder = Path(preset), preset_folder(preset)
    if options.steps is not None and not is_full_size(folder):
        message = f"--steps belongs to full sizes, and {preset} is none"
        raise UsageError("prepare.steps", message, "leave it out")
    if folder == given and given.is_dir():
        preset = str(given.absolute())  # workers may stand elsewhere
    model = partial(_sound_model, preset, device, dtype)
    write = WithModel(model, partial(_write, options=options))
    where = {"engine": engine, "address": address, "device": device, "whole": _is_there}
    found = write_parts(write, items, out, jobs, progress, force, **where)
    return {str(file_of(Path(place))): count for place, count in found.items()}


def file_of(place: Path) -> Path:
    """The file of contours at a place that is named without its suffix."""
    return Path(f"{place}{SUFFIX}")


def _is_there(place: Path) -> bool:
    return file_of(place).is_file()


def _sound_model(preset: str, device: str, dtype: str) -> SoundModel:
    return load(preset, device, dtype=dtype).v2a


def _write(items: Iterable[Item], place: Path, v2a: SoundModel, options: SampleOptions) -> int:
    return write_energies(file_of(place), items, v2a, options)


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
    unfinished = out.with_name(out.name + ".part")
    save_file(contours, unfinished)
    unfinished.replace(out)
    return len(contours)
