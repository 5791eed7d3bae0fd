"""Shards of voices beside the base TTS (see `deepaudio.data.voice`), from aligned recordings."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.level import at_level
from deepaudio.audio.mel import log_mel
from deepaudio.audio.prior import world
from deepaudio.audio.prior.draft import laid, resynthesised
from deepaudio.audio.prior.warp import matching_rows
from deepaudio.data.shards import write_shard
from deepaudio.prepare.speech_shards import Spoken, faster

EVERY = 2  # rows of 5 ms a frame


def frames(spoken: Spoken) -> dict[str, Tensor]:
    """Codes and pitch of base TTS and recording at the same moments, every 10 ms, and where somebody speaks."""
    waveform, _ = at_level(spoken.waveform)
    sound = waveform.numpy()
    pitch = world.pitch_of(sound)
    envelope = world.envelope_of(sound, pitch)
    source, quiet = laid(resynthesised(spoken.utterance.spectra), spoken.anchors, len(sound))
    rough = torch.from_numpy(world.synthesise(source, len(sound)))
    # forced alignment is a few frames off here and there
    place = matching_rows(log_mel(rough[None])[0], log_mel(waveform[None])[0])
    times = np.arange(len(pitch)) * world.PERIOD
    rows = np.interp(times * FRAME_RATE, np.arange(len(place)), place) / FRAME_RATE / world.PERIOD
    nobody = quiet[np.round(rows).astype(int).clip(0, len(quiet) - 1)]
    values = {
        "source": world.coded(world.between(source.envelope, rows)),
        "source_pitch": world.pitch_between(source.pitch, rows),
        "target": world.coded(envelope),
        "target_pitch": pitch,
        "spoken": world.active(envelope) & ~nobody,
    }
    return {
        name: torch.from_numpy(np.ascontiguousarray(v[::EVERY])).half()
        for name, v in values.items()
    }


def write_voices(path: Path, spoken: Iterable[Spoken], factors: tuple[float, ...] = (1.0,)) -> int:
    """Write a shard of all recordings at all speed factors; returns how many entries it holds."""
    tensors, index = {}, []
    for original in spoken:
        for factor in factors:
            one = original if factor == 1.0 else faster(original, factor)
            found = frames(one)
            tensors |= {f"{one.key}.{name}": value for name, value in found.items()}
            index.append({"key": one.key, "frames": len(found["source"])})
    return write_shard(path, index, tensors)
