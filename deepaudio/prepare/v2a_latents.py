"""Training material for the full sizes: V2A features of clips (stage 1), and the energies V2A predicts (stage 4).

    python -m deepaudio.prepare.v2a_latents v2a MANIFEST OUT --preset mm-s16k
    python -m deepaudio.prepare.v2a_latents energies MANIFEST OUT --preset mm-s16k

`v2a` writes shards OUT-000, OUT-001, ... that `deepaudio.data.stored` reads: the first eight seconds of a clip, ten for ys-24k, and up to
five such windows of sound without a picture.
It needs the encoders and the codec of a preset, not its V2A network. `energies` writes one OUT.safetensors of contours by id,
which `deepaudio.prepare.infill_shards --energies` takes.
"""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from deepaudio.data.manifest import Item, read_manifest
from deepaudio.data.stored import EMPTY_PROMPT
from deepaudio.devices import device_of, dtype_of
from deepaudio.errors import InputError
from deepaudio.inference import full_size
from deepaudio.options import SampleOptions
from deepaudio.prepare import training_window as window
from deepaudio.prepare.training_window import Model
from deepaudio.presets import official

log = logging.getLogger(__name__)

ITEMS_PER_SHARD = 1000
V2A_STEPS = 25


@torch.inference_mode()
def write_v2a_shards(
    out: Path, items: Iterable[Item], model: Model, per_shard: int = ITEMS_PER_SHARD
) -> list[Path]:
    """Shards of features; items too short are named in the log. InputError when nothing is left."""
    out.parent.mkdir(parents=True, exist_ok=True)
    shards, nothing = [], window.empty_prompt(model)
    for number, group in enumerate(_groups(_rows(items, model), per_shard)):
        shard = out.with_name(f"{out.name}-{number:03d}")
        tensors = {f"{key}.{name}": t for key, row in group for name, t in row.items()}
        if nothing is not None:
            tensors[EMPTY_PROMPT] = nothing.clone()
        save_file(tensors, shard.with_suffix(".safetensors"))
        index = json.dumps([{"key": key} for key, _ in group])
        shard.with_suffix(".json").write_text(index, encoding="utf-8")
        shards.append(shard)
    if not shards:
        raise InputError("manifest.empty", f"no item lasts {window.seconds_of(model)} s")
    return shards


def _rows(items: Iterable[Item], model: Model) -> Iterator[tuple[str, dict[str, Tensor]]]:
    for item in items:
        rows = window.features(model, item)
        if not rows:
            log.warning("left out %s: shorter than %d s", item.id, window.seconds_of(model))
        for number, row in enumerate(rows):
            yield item.id if len(rows) == 1 else f"{item.id}_{number}", row


def _groups(rows: Iterator[tuple[str, dict]], size: int) -> Iterator[list[tuple[str, dict]]]:
    group: list[tuple[str, dict]] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def write_energies(out: Path, items: Iterable[Item], model: Model, steps: int) -> int:
    """Contours by id as V2A predicts them from the picture alone; how many. InputError for an item without video."""
    options = SampleOptions(steps=steps)
    contours = {}
    for item in items:
        if not item.video:
            raise InputError("manifest.incomplete", f"{item.id}: an energy needs a video")
        contours[item.id] = model.energy(model.features(item.video), options).contiguous()
    if not contours:
        raise InputError("manifest.empty", "nothing to write")
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(contours, out.with_suffix(".safetensors"))
    return len(contours)


def main(arguments: list[str] | None = None) -> None:
    """The commands above."""
    parser = argparse.ArgumentParser(description="Features of clips for training the full sizes.")
    parser.add_argument("what", choices=("v2a", "energies"))
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", required=True, help="a full size, e.g. mm-s16k")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--steps", type=int, default=V2A_STEPS, help="of energies")
    parser.add_argument("--items-per-shard", type=int, default=ITEMS_PER_SHARD)
    given = parser.parse_args(arguments)
    device = device_of(given.device)
    roles = None
    if given.what == "v2a":
        known = official.preset(given.preset).parts
        roles = [role for role in ("codec", "clip", "sync", "text") if role in known]
    dtype = dtype_of(given.dtype, device)
    model = full_size.load(given.preset, device, dtype, roles=roles).v2a
    items = read_manifest(given.manifest)
    if given.what == "energies":
        log.info("%d contours", write_energies(given.out, items, model, given.steps))
    else:
        for shard in write_v2a_shards(given.out, items, model, given.items_per_shard):
            log.info("%s", shard)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
