"""Shards for the speech module of `mini`: mel, content laid on it, energy contour and pitch of each utterance.

A shard is NAME.safetensors with `KEY.mel` and `KEY.prior` (n 100), `KEY.content` (n 92), `KEY.energy` (n), `KEY.pitch` (n),
float16, and NAME.json, a list of {key, speaker, frames, text}, with `emotion` where the manifest has one. `deepaudio.data.speech` reads them.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
import torchaudio.functional as AF
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.audio.grid import HOP
from deepaudio.audio.level import at_level
from deepaudio.audio.mel import log_mel, n_frames
from deepaudio.audio.pitch import pitch_track
from deepaudio.audio.prior.content import MIDDLE_PITCH, Anchors, Utterance, lay
from deepaudio.audio.prior.draft import TimbreEncoder, VoiceTraits, draft_mel, resynthesised
from deepaudio.audio.prior.warp import matching_rows, rows_at
from deepaudio.audio.prior.world import pitch_of
from deepaudio.data.shards import write_shard
from deepaudio.prepare.align import Aligner

log = logging.getLogger(__name__)
SAMPLE_RATE = 24_000
# mean aligner score per frame below which text and sound disagree: read sentences score -12 to -42, with another text -23 to -84
LOWEST_SCORE = -45.0


class Spoken(NamedTuple):
    """A recording at 24 kHz with what is said in it and where."""

    key: str
    speaker: str
    text: str
    waveform: Tensor
    utterance: Utterance
    anchors: Anchors
    emotion: str | None = None


def align_all(
    items: Iterable[tuple[str, str, str, Tensor]], encode: Callable[[str], Utterance]
) -> Iterator[Spoken]:
    """(key, speaker, text, 24 kHz waveform) -> Spoken; what cannot be aligned is named in the log and left out."""
    aligner = Aligner()
    for key, speaker, text, waveform in items:
        utterance = encode(text)
        found = aligner.align(utterance, AF.resample(waveform, SAMPLE_RATE, 16_000).numpy())
        if found is None or found[1] < LOWEST_SCORE:
            log.warning("left out %s: text and sound disagree (%s)", key, found and round(found[1]))
            continue
        yield Spoken(key, speaker, text, waveform, utterance, found[0])


def faster(spoken: Spoken, factor: float) -> Spoken:
    """Another speaker by resampling: `factor` faster, higher and with a shorter vocal tract."""
    waveform = AF.resample(spoken.waveform, round(SAMPLE_RATE * factor), SAMPLE_RATE)
    name = f"@{factor:.2f}"
    return spoken._replace(
        key=spoken.key + name,
        speaker=spoken.speaker + name,
        waveform=waveform,
        anchors=spoken.anchors.scaled(1 / factor),
    )


def features(
    spoken: Spoken, timbre_encoder: TimbreEncoder, voice: VoiceTraits | None = None
) -> dict[str, Tensor]:
    """Mel and prior (n 100), content (n 92, melody of the base TTS), energy (n) and pitch in Hz (n, 0 unvoiced).

    The prior is in `voice`, made of other recordings of the speaker; without one, each half of the recording is
    sketched in the voice of the other half. Its melody is that of the recording.
    """
    waveform, _ = at_level(spoken.waveform)
    n, samples = n_frames(len(waveform)), len(waveform)
    mel, melody = log_mel(waveform[None])[0], pitch_of(waveform.numpy())
    base = resynthesised(spoken.utterance.spectra)

    def sketched(voice: VoiceTraits) -> Tensor:
        return draft_mel(base, spoken.anchors, samples, voice, melody)

    if voice is not None:
        drawn = sketched(voice)
    else:
        middle = n // 2
        first, second = waveform[: middle * HOP], waveform[middle * HOP :]
        by_first, by_second = (
            sketched(VoiceTraits.of(half, timbre_encoder)) for half in (first, second)
        )
        drawn = torch.cat([by_second[:middle], by_first[middle:]])
    # forced alignment is a few frames off here and there
    place = matching_rows(drawn, mel)
    content = lay(spoken.utterance, spoken.anchors, n, pitch=MIDDLE_PITCH)
    return {
        "mel": mel,
        "prior": rows_at(drawn, place),
        "content": rows_at(content, place),
        "energy": energy_contour(waveform, SAMPLE_RATE, n),
        "pitch": pitch_track(waveform, SAMPLE_RATE, n),
    }


def write_speech(
    path: Path,
    spoken: Iterable[Spoken],
    timbre_encoder: TimbreEncoder,
    factors: tuple[float, ...] = (1.0,),
) -> int:
    """Write a shard of all utterances at all speed factors; returns how many entries it holds."""
    tensors, index = {}, []
    before: dict[str, VoiceTraits] = {}  # of each speaker, the recording before
    for original in spoken:
        for factor in factors:
            one = original if factor == 1.0 else faster(original, factor)
            found = features(one, timbre_encoder, before.get(one.speaker))
            before[one.speaker] = VoiceTraits.of(at_level(one.waveform)[0], timbre_encoder)
            tensors |= {
                f"{one.key}.{name}": value.half().contiguous() for name, value in found.items()
            }
            row = {
                "key": one.key,
                "speaker": one.speaker,
                "frames": len(found["mel"]),
                "text": one.text,
            }
            index.append(row | ({"emotion": one.emotion} if one.emotion else {}))
    return write_shard(path, index, tensors)
