"""Features of clips for stage 1 at full size: shards OUT-000, OUT-001, ... that `deepaudio.data.stored` reads.

The first eight seconds of a clip, ten for ys-24k, and up to five such windows of sound without a video. It needs the encoders and the codec of a preset, not its V2A network.
"""

import logging
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from deepaudio.data.manifest import Item, usable
from deepaudio.data.shards import is_whole, write_shard
from deepaudio.data.stored import EMPTY_PROMPT
from deepaudio.devices import device_of, dtype_of
from deepaudio.errors import InputError
from deepaudio.inference import full_size
from deepaudio.options import ShardForm
from deepaudio.prepare import training_window as window
from deepaudio.prepare.parallel import WithModel, on_cluster
from deepaudio.prepare.training_window import Model
from deepaudio.presets import official
from deepaudio.progress import Progress

log = logging.getLogger(__name__)

ITEMS_PER_SHARD = 1000


def write_v2a_shards(
    out: Path,
    items: Iterable[Item],
    model: Model,
    per_shard: int = ITEMS_PER_SHARD,
    form: ShardForm = "safetensors",
) -> list[Path]:
    """Shards of the features of `per_shard` items each; those that are whole already are kept as they are.

    Items that are too short or cannot be read are named in the log. InputError when nothing is left.
    """
    shards = []
    for shard, part in v2a_parts(out, items, per_shard):
        if is_whole(shard):
            log.info("%s is whole", shard)
        elif not _write(part, shard, model, form):
            continue
        shards.append(shard)
    return _some(shards, window.seconds_of(model))


def write_v2a_on_cluster(
    out: Path,
    items: Iterable[Item],
    preset: str,
    per_shard: int = ITEMS_PER_SHARD,
    form: ShardForm = "safetensors",
    device: str = "auto",
    dtype: str = "auto",
    address: str | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """The same shards by the machines of a Ray cluster that share the folders, each with the encoders of `preset` in memory."""
    write = WithModel(partial(feature_model, preset, device, dtype), partial(_write, form=form))
    parts = dict(v2a_parts(out, items, per_shard))
    todo = {shard: part for shard, part in parts.items() if not is_whole(shard)}
    on_cluster(write, todo, address, device, progress)
    return _some([shard for shard in parts if is_whole(shard)], None)


@torch.inference_mode()
def _write(items: Iterable[Item], shard: Path, model: Model, form: ShardForm) -> int:
    """One shard, and how many rows it has; none where no item can be used."""
    group = list(_rows(items, model))
    if not group:
        return 0
    nothing = window.empty_prompt(model)
    tensors = {f"{key}.{name}": t for key, row in group for name, t in row.items()}
    if nothing is not None:
        tensors[EMPTY_PROMPT] = nothing
    return write_shard(shard, [{"key": key} for key, _ in group], tensors, form)


def _some(shards: list[Path], seconds: float | None) -> list[Path]:
    if not shards:
        long = "is long enough" if seconds is None else f"lasts {seconds} s"
        raise InputError("manifest.empty", f"no item can be read and {long}")
    return shards


def _rows(items: Iterable[Item], model: Model) -> Iterator[tuple[str, dict[str, Tensor]]]:
    for item, rows in usable(items, partial(window.features, model), some=False):
        if not rows:
            log.warning("left out %s: shorter than %d s", item.id, window.seconds_of(model))
        for number, row in enumerate(rows):
            yield item.id if len(rows) == 1 else f"{item.id}_{number}", row


def v2a_parts(
    out: Path, items: Iterable[Item], per_shard: int
) -> Iterator[tuple[Path, list[Item]]]:
    """Each shard with its items."""
    items, number = iter(items), 0
    while group := list(islice(items, per_shard)):
        yield out.with_name(f"{out.name}-{number:03d}"), group
        number += 1


def feature_model(preset: str, device: str = "auto", dtype: str = "auto") -> Model:
    """The encoders and the codec of a full-size preset, without its V2A network. UsageError for another preset."""
    known = official.preset(preset).parts
    roles = [role for role in ("codec", "clip", "sync", "text") if role in known]
    place = device_of(device)
    return full_size.load(preset, place, dtype_of(dtype, place), roles=roles).v2a
