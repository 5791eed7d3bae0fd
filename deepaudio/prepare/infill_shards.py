"""Shards for infilling: mel, token ids and energy of the utterances of a manifest.

A shard is NAME.safetensors with `KEY.mel` (n 100), `KEY.energy` (n), both float16, and `KEY.text` (l), int32, and
NAME.json, a list of {key, frames, text} with `emotion` where the manifest has one. With prosody there is `KEY.prosody` (4), float32.
`deepaudio.data.infill` reads them.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.audio.mel import MelConfig, log_mel
from deepaudio.audio.pitch import pitch_track
from deepaudio.audio.prosody import letters_in, prosody
from deepaudio.data.manifest import Item, usable
from deepaudio.data.shards import tensors_in, write_shard
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio
from deepaudio.options import ShardForm
from deepaudio.text.f5_tokenizer import F5Tokenizer


def write_infill_shard(
    out: Path,
    items: Iterable[Item],
    tokenizer: F5Tokenizer,
    energies: dict[str, Tensor] | None = None,
    with_prosody: bool = False,
    form: ShardForm = "safetensors",
) -> int:
    """Write a shard; how many utterances it holds.

    `with_prosody` measures the pitch of every recording (WORLD), which takes far longer than all the rest.
    `energies` are contours by id, those that V2A predicts (V2S tuning); without them each recording's own is taken.
    An item without text, readable sound or contour is named in the log and left out; InputError when none is left.
    """
    tensors, rows = {}, []
    for item, (row, made) in usable(items, partial(_made, tokenizer, energies, with_prosody)):
        rows.append(row)
        tensors |= {f"{item.id}.{name}": value for name, value in made.items()}
    return write_shard(out, rows, tensors, form)


def _made(
    tokenizer: F5Tokenizer, energies: dict[str, Tensor] | None, with_prosody: bool, item: Item
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The row of an utterance and its tensors."""
    if not item.text or not item.audio:
        raise InputError("manifest.incomplete", f"{item.id}: an utterance needs text and audio")
    rate = MelConfig().sample_rate
    waveform = read_audio(Path(item.audio), rate)
    mel = log_mel(waveform[None])[0]
    n = len(mel)
    if energies is None:
        energy = energy_contour(waveform, rate, n)
    elif item.id in energies:
        contour = energies[item.id][:n].float()
        energy = torch.nn.functional.pad(contour, (0, n - len(contour)))
    else:
        raise InputError("energies.incomplete", f"{item.id}: no contour for it")
    made = {"mel": mel.half(), "energy": energy.half(), "text": tokenizer.encode(item.text).int()}
    if with_prosody:
        made["prosody"] = prosody(pitch_track(waveform, rate, n), letters_in(item.text))
    row = {"key": item.id, "frames": n, "text": item.text}
    return row | ({"emotion": item.emotion} if item.emotion else {}), made


def write(
    items: Iterable[Item],
    out: Path,
    vocabulary: Path,
    energies: Path | None,
    with_prosody: bool = False,
    form: ShardForm = "safetensors",
) -> int:
    """`write_infill_shard` with the vocabulary and the contours from files (`*` for several). InputError for one that is missing or damaged."""
    if not vocabulary.is_file():
        raise InputError("file.missing", f"no such file: {vocabulary}", "check the path")
    contours = _contours(energies) if energies else None
    tokenizer = F5Tokenizer.read(vocabulary)
    return write_infill_shard(out, items, tokenizer, contours, with_prosody, form)


def _contours(name: Path) -> dict[str, Tensor]:
    files = sorted(name.parent.glob(name.name)) if "*" in name.name else [name]
    found = {}
    for path in files or [name]:
        found |= tensors_in(path, "contours", "deepaudio prepare energies writes it")
    return found
