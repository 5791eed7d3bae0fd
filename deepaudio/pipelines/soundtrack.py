"""The sound of an output: lines over a bed, ducked, at the loudness asked for; and what it measures afterwards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio import loudness, mix
from deepaudio.audio.energy import energy_contour
from deepaudio.media.audio import read_native, resampled, write_wav
from deepaudio.media.clip import ClipInfo
from deepaudio.media.output import fitting_name
from deepaudio.pipelines.options import LoudnessName, MixOptions
from deepaudio.pipelines.video_to_speech import SpokenLine

MAX_RATE = 48_000
PASSAGE_FADE = 0.02
SIX = 6  # channels of 5.1: left, right, centre, low, left and right surround


@dataclass(frozen=True)
class Sound:
    """A waveform [channels s] with its rate."""

    waveform: Tensor
    sample_rate: int

    def contour(self) -> Float[Tensor, " n"]:
        """Its energy at 93.75 Hz."""
        return energy_contour(self.waveform.mean(0), self.sample_rate)

    def within(self, passages: Sequence[tuple[float, float]]) -> "Sound":
        """Only these seconds of it, with soft edges; silence elsewhere."""
        kept = torch.zeros_like(self.waveform)
        for start, end in passages:
            first, last = round(start * self.sample_rate), round(end * self.sample_rate)
            part = self.waveform[:, first:last]
            kept[:, first:last] = mix.faded(part, round(PASSAGE_FADE * self.sample_rate))
        return Sound(kept, self.sample_rate)


@dataclass(frozen=True)
class Track:
    """The mixed sound [channels s], the voice and the bed in it, and the gain that lines got."""

    waveform: Tensor
    sample_rate: int
    mode: str
    target: float | None
    voice: Tensor
    bed: Tensor | None
    gain: float


def original_sound(info: ClipInfo) -> Sound | None:
    """The clip's own sound, None when it has none."""
    if not info.has_audio:
        return None
    waveform, rate = read_native(info.path, stream=info.audio_stream, what="clip")
    return Sound(waveform, rate)


def compose(
    voice: Sound,
    original: Sound | None,
    bed: Sound | None,
    duration: float,
    options: MixOptions,
    warnings: list[str],
    passages: Sequence[tuple[float, float]] = (),
) -> Track:
    """Lay `voice` over `bed` as `options` say, `duration` seconds long.

    In a mix both are first brought to the same loudness, so that `duck_db` is what the bed lies under the lines.
    Without a bed the original still sounds in `passages`, the lines that are not to be dubbed.
    """
    mode = options.audio
    if mode == "auto":
        mode = "mix" if bed is not None else "replace"
    if mode != "mix":
        bed = original.within(passages) if mode == "replace" and original and passages else None
    if bed is not None and not float(bed.waveform.abs().max()) > 0:
        bed = None
    target = goal(options.loudness, original, warnings)
    rate = max(voice.sample_rate, 0 if bed is None else min(bed.sample_rate, MAX_RATE))
    samples = round(duration * rate)
    spoken = _fitted(resampled(voice.waveform, voice.sample_rate, rate), samples)
    ground, first = None, 1.0
    mixed = spoken
    if bed is not None:
        level = loudness.Target(loudness.TARGETS["ebu-r128"].lufs)
        raised = loudness.adjust(spoken, rate, level)
        spoken, first = raised.waveform, 10 ** (raised.gain_db / 20)
        ground = _fitted(resampled(stereo(bed.waveform), bed.sample_rate, rate), samples)
        ground = loudness.adjust(ground, rate, level).waveform
        ground = mix.duck(ground, spoken.mean(0), rate, options.duck_db)
        mixed = spoken + ground
    made = loudness.adjust(mixed, rate, target)
    gain = 10 ** (made.gain_db / 20)
    if made.note:
        warnings.append(made.note)
    lower = None if ground is None else ground * gain
    return Track(made.waveform, rate, mode, target.lufs, spoken * gain, lower, first * gain)


def goal(name: LoudnessName, original: Sound | None, warnings: list[str]) -> loudness.Target:
    """What loudness to aim at; `match` is that of the clip's own sound."""
    if name != "match":
        return loudness.TARGETS[name]
    found = -math.inf
    if original is not None:
        found = loudness.integrated(stereo(original.waveform), original.sample_rate)
    if found < loudness.SILENT:
        warnings.append("no loudness of the original to match: -23 LUFS is used")
        return loudness.TARGETS["ebu-r128"]
    return loudness.Target(found)


def measured(path: Path, target: float | None) -> dict[str, float | None]:
    """What the encoded file measures; null for silence."""
    found = loudness.measure(*read_native(path, what="output"))
    facts = {"lufs": found.lufs, "true_peak_db": found.true_peak_db, "target_lufs": target}
    return {name: _rounded(value) for name, value in facts.items()}


def level_words(facts: dict[str, Any]) -> str:
    """The measured loudness for a reader."""
    if facts["lufs"] is None:
        return "silent"
    return f"{facts['lufs']:.1f} LUFS, {facts['true_peak_db']:.1f} dBTP"


def line_levels(parts: Sequence[Tensor], rate: int, gain: float) -> list[float | None]:
    """Loudness of each line in the output, LUFS."""
    return [_rounded(loudness.integrated(part * gain, rate)) for part in parts]


def write_stems(
    folder: Path, track: Track, lines: Sequence[SpokenLine], parts: Sequence[Tensor], rate: int
) -> dict[str, Path]:
    """`dub.wav`, `bed.wav`, `mix.wav` and one file a line in `folder`."""
    (folder / "lines").mkdir(parents=True, exist_ok=True)
    written = {"dub": write_wav(folder / "dub.wav", track.voice, track.sample_rate)}
    if track.bed is not None:
        written["bed"] = write_wav(folder / "bed.wav", track.bed, track.sample_rate)
    written["mix"] = write_wav(folder / "mix.wav", track.waveform, track.sample_rate)
    for number, (line, part) in enumerate(zip(lines, parts, strict=True), 1):
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in line.id)[:60]
        name = fitting_name(f"{number:04d}-{safe}.wav")
        written[f"line {line.id}"] = write_wav(folder / "lines" / name, part * track.gain, rate)
    return written


def stereo(waveform: Float[Tensor, "c s"]) -> Float[Tensor, "d s"]:
    """Mono and stereo as they are, 5.1 mixed to stereo (centre and surrounds at -3 dB, no low channel), others averaged."""
    if len(waveform) <= 2:
        return waveform
    if len(waveform) == SIX:
        front, centre, back = waveform[:2], waveform[2], waveform[4:]
        return front + math.sqrt(0.5) * (centre + back)
    return waveform.mean(0, keepdim=True)


def _fitted(waveform: Tensor, samples: int) -> Tensor:
    missing = samples - waveform.shape[-1]
    return torch.nn.functional.pad(waveform, (0, max(0, missing)))[..., :samples]


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)
