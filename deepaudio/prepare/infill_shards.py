"""Shards for infilling: mel, token ids and energy of the utterances of a manifest.

A shard is NAME.safetensors with `KEY.mel` (n 100), `KEY.energy` (n), both float16, and `KEY.text` (l), int32, and
NAME.json, a list of {key, frames, text} with `emotion` where the manifest has one. With prosody there is `KEY.prosody` (4), float32.
`deepaudio.data.infill` reads them.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.audio.mel import MelConfig, log_mel
from deepaudio.audio.pitch import pitch_track
from deepaudio.audio.prosody import letters_in, prosody
from deepaudio.data.manifest import Item
from deepaudio.data.shards import write_shard
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio
from deepaudio.text.f5_tokenizer import F5Tokenizer


def write_infill_shard(
    out: Path,
    items: Iterable[Item],
    tokenizer: F5Tokenizer,
    energies: dict[str, Tensor] | None = None,
    with_prosody: bool = False,
) -> int:
    """Write a shard; how many utterances it holds.

    `with_prosody` measures the pitch of every recording (WORLD), which takes far longer than all the rest.
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
        if with_prosody:
            track = pitch_track(waveform, rate, len(mel))
            tensors[f"{item.id}.prosody"] = prosody(track, letters_in(item.text))
        row = {"key": item.id, "frames": len(mel), "text": item.text}
        rows.append(row | ({"emotion": item.emotion} if item.emotion else {}))
    return write_shard(out, rows, tensors)


def write(
    items: Iterable[Item],
    out: Path,
    vocabulary: Path,
    energies: Path | None,
    with_prosody: bool = False,
) -> int:
    """`write_infill_shard` with the vocabulary and the contours from files. InputError for one that is missing or damaged."""
    for path in (vocabulary, energies):
        if path is not None and not path.is_file():
            raise InputError("file.missing", f"no such file: {path}", "check the path")
    try:
        contours = load_file(energies) if energies else None
    except SafetensorError as error:
        hint = "deepaudio prepare energies writes it"
        raise InputError("energies.damaged", f"{energies}: {error}", hint) from error
    return write_infill_shard(out, items, F5Tokenizer.read(vocabulary), contours, with_prosody)
