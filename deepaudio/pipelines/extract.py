"""Training material for the full sizes: V2A features of clips (stage 1), and the energies V2A predicts (stage 4).

    python -m deepaudio.pipelines.extract v2a MANIFEST OUT --preset mm-s16k
    python -m deepaudio.pipelines.extract energies MANIFEST OUT --preset mm-s16k

`v2a` writes shards OUT-000, OUT-001, ... that `deepaudio.data.stored` reads: eight seconds of every item. `energies` writes
one OUT.safetensors of contours by id, which `deepaudio.data.prepare.infill --energies` takes.
"""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from deepaudio.audio.mel_slaney import SlaneyMelConfig, log_mel_slaney
from deepaudio.data.manifest import Item, read_manifest
from deepaudio.encoders import clip as clip_tower
from deepaudio.errors import InputError, UsageError
from deepaudio.media.audio import read_audio
from deepaudio.pipelines import full_size
from deepaudio.pipelines.deepaudio import device_of, dtype_of
from deepaudio.pipelines.mm_video_to_audio import WINDOW_SEGMENTS, MMVideoToAudio
from deepaudio.pipelines.options import SampleOptions
from deepaudio.pipelines.sight import PER_SEGMENT

log = logging.getLogger(__name__)

SECONDS = 8
ITEMS_PER_SHARD = 1000
V2A_STEPS = 25


def v2a_features(model: MMVideoToAudio, item: Item) -> dict[str, Tensor] | None:
    """Latent (n c), clip (64 d), sync (192 d) and text (77 d) of an item's first eight seconds, in float16.

    Sound without a picture has no clip and sync, without a prompt no text. None for an item shorter than that.
    """
    if not item.audio:
        raise InputError("manifest.incomplete", f"{item.id}: a V2A item needs audio")
    latent = _latent(model, read_audio(Path(item.audio), model.sample_rate))
    if latent is None:
        return None
    found = {"latent": latent}
    if item.video:
        seen = model.features(item.video)
        n_clip, n_sync = 8 * SECONDS, WINDOW_SEGMENTS * PER_SEGMENT
        if len(seen.clip) < n_clip or len(seen.sync) < n_sync:
            return None
        found |= {"clip": seen.clip[:n_clip], "sync": seen.sync[:n_sync]}
    if item.prompt:
        (tower,) = model.resident.get("clip")
        ids = clip_tower.tokenize([item.prompt], tower.config).to(model.resident.device)
        found["text"] = tower.texts(ids)[0]
    return {name: tensor.half().cpu().contiguous() for name, tensor in found.items()}


def _latent(model: MMVideoToAudio, waveform: Tensor) -> Tensor | None:
    """The posterior mean of whole latents, as many as eight seconds have."""
    config = (
        SlaneyMelConfig.codec_16k() if model.sample_rate == 16_000 else SlaneyMelConfig.codec_44k()
    )
    n = -(-SECONDS * model.sample_rate // (2 * config.hop_length))
    if len(waveform) < SECONDS * model.sample_rate:
        return None
    n_samples = 2 * n * config.hop_length
    waveform = torch.nn.functional.pad(waveform, (0, max(0, n_samples - len(waveform))))
    (codec,) = model.resident.get("codec")
    mel = log_mel_slaney(waveform[None, :n_samples], config)
    device, dtype = model.resident.device, model.resident.dtype
    return codec.encode(mel.to(device, dtype)).mean[0]


@torch.inference_mode()
def write_v2a_shards(
    out: Path, items: Iterable[Item], model: MMVideoToAudio, per_shard: int = ITEMS_PER_SHARD
) -> list[Path]:
    """Shards of features; items too short are named in the log. InputError when nothing is left."""
    out.parent.mkdir(parents=True, exist_ok=True)
    shards = []
    for number, group in enumerate(_groups(_rows(items, model), per_shard)):
        shard = out.with_name(f"{out.name}-{number:03d}")
        tensors = {f"{key}.{name}": t for key, row in group for name, t in row.items()}
        save_file(tensors, shard.with_suffix(".safetensors"))
        index = json.dumps([{"key": key} for key, _ in group])
        shard.with_suffix(".json").write_text(index, encoding="utf-8")
        shards.append(shard)
    if not shards:
        raise InputError("manifest.empty", f"no item lasts {SECONDS} s")
    return shards


def _rows(items: Iterable[Item], model: MMVideoToAudio) -> Iterator[tuple[str, dict[str, Tensor]]]:
    for item in items:
        row = v2a_features(model, item)
        if row is None:
            log.warning("left out %s: shorter than %d s", item.id, SECONDS)
        else:
            yield item.id, row


def _groups(rows: Iterator[tuple[str, dict]], size: int) -> Iterator[list[tuple[str, dict]]]:
    group: list[tuple[str, dict]] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def write_energies(out: Path, items: Iterable[Item], model: MMVideoToAudio, steps: int) -> int:
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
    model = full_size.load(given.preset, device, dtype_of(given.dtype, device)).v2a
    if not isinstance(model, MMVideoToAudio):
        raise UsageError(
            "extract.preset", f"{given.preset} has no published weights to extract with"
        )
    items = read_manifest(given.manifest)
    if given.what == "energies":
        log.info("%d contours", write_energies(given.out, items, model, given.steps))
    else:
        for shard in write_v2a_shards(given.out, items, model, given.items_per_shard):
            log.info("%s", shard)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
