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
from deepaudio.prepare.training_window import Model
from deepaudio.presets import official

log = logging.getLogger(__name__)

ITEMS_PER_SHARD = 1000


@torch.inference_mode()
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
    shards, nothing = [], window.empty_prompt(model)
    for number, part in enumerate(_groups(items, per_shard)):
        shard = out.with_name(f"{out.name}-{number:03d}")
        if is_whole(shard):
            log.info("%s is whole", shard)
            shards.append(shard)
            continue
        group = list(_rows(part, model))
        if not group:
            continue
        tensors = {f"{key}.{name}": t for key, row in group for name, t in row.items()}
        if nothing is not None:
            tensors[EMPTY_PROMPT] = nothing
        write_shard(shard, [{"key": key} for key, _ in group], tensors, form)
        shards.append(shard)
    if not shards:
        raise InputError(
            "manifest.empty", f"no item can be read and lasts {window.seconds_of(model)} s"
        )
    return shards


def _rows(items: Iterable[Item], model: Model) -> Iterator[tuple[str, dict[str, Tensor]]]:
    for item, rows in usable(items, partial(window.features, model), some=False):
        if not rows:
            log.warning("left out %s: shorter than %d s", item.id, window.seconds_of(model))
        for number, row in enumerate(rows):
            yield item.id if len(rows) == 1 else f"{item.id}_{number}", row


def _groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    items = iter(items)
    while group := list(islice(items, size)):
        yield group


def feature_model(preset: str, device: str = "auto", dtype: str = "auto") -> Model:
    """The encoders and the codec of a full-size preset, without its V2A network. UsageError for another preset."""
    known = official.preset(preset).parts
    roles = [role for role in ("codec", "clip", "sync", "text") if role in known]
    place = device_of(device)
    return full_size.load(preset, place, dtype_of(dtype, place), roles=roles).v2a
