"""Shards for infilling: mel, token ids and energy of the utterances of a manifest.

A shard is NAME.safetensors with `KEY.mel` (n 100), `KEY.energy` (n), both float16, and `KEY.text` (l), int32, and
NAME.json, a list of {key, frames, text}. `deepaudio.data.infill` reads them.

    python -m deepaudio.prepare.infill_shards MANIFEST OUT --vocabulary vocab.txt [--energies FILE]
"""

import argparse
import json
import logging
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.audio.mel import MelConfig, log_mel
from deepaudio.data.manifest import Item, read_manifest
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio
from deepaudio.text.f5_tokenizer import F5Tokenizer

log = logging.getLogger(__name__)


def write_infill_shard(
    out: Path,
    items: Iterable[Item],
    tokenizer: F5Tokenizer,
    energies: dict[str, Tensor] | None = None,
) -> int:
    """Write a shard; how many utterances it holds.

    `energies` are contours by id, those that V2A predicts (V2S tuning); without them each recording's own is taken.
    Raises InputError for an item without text, sound or contour.
    """
    rate = MelConfig().sample_rate
    tensors, rows = {}, []
    for item in items:
        if not item.text or not item.audio:
            raise InputError("manifest.incomplete", f"{item.id}: an utterance needs text and audio")
        waveform = read_audio(Path(item.audio), rate)
        mel = log_mel(waveform[None])[0]
        if energies is None:
            energy = energy_contour(waveform, rate, len(mel))
        elif item.id in energies:
            energy = torch.nn.functional.pad(
                energies[item.id][: len(mel)].float(),
                (0, max(0, len(mel) - len(energies[item.id]))),
            )
        else:
            raise InputError("energies.incomplete", f"{item.id}: no contour for it")
        tensors[f"{item.id}.mel"] = mel.half()
        tensors[f"{item.id}.energy"] = energy.half()
        tensors[f"{item.id}.text"] = tokenizer.encode(item.text).int()
        rows.append({"key": item.id, "frames": len(mel), "text": item.text})
    if not rows:
        raise InputError("manifest.empty", "nothing to write")
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out.with_suffix(".safetensors"))
    out.with_suffix(".json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return len(rows)


def main(arguments: list[str] | None = None) -> None:
    """The command above."""
    parser = argparse.ArgumentParser(
        description="Shard of mel, token ids and energy from a manifest."
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--vocabulary", type=Path, required=True, help="vocab.txt that comes with F5-TTS"
    )
    parser.add_argument(
        "--energies", type=Path, help="safetensors of contours by id, as V2A predicts them"
    )
    given = parser.parse_args(arguments)
    energies = load_file(given.energies) if given.energies else None
    count = write_infill_shard(
        given.out, read_manifest(given.manifest), F5Tokenizer.read(given.vocabulary), energies
    )
    log.info("%d utterances in %s", count, given.out)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
