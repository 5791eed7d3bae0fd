"""The sound of an output: lines over a bed, ducked, at the loudness asked for; and what it measures afterwards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyloudnorm
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.energy import energy_contour
from deepaudio.media.audio import read_native, resampled, write_wav
from deepaudio.media.clip import ClipInfo
from deepaudio.media.output import fitting_name
from deepaudio.pipelines.options import LoudnessName, MixOptions
from deepaudio.pipelines.video_to_speech import SpokenLine

TARGETS = {"ebu-r128": -23.0, "streaming": -14.0, "podcast": -16.0}  # LUFS
CEILING_DB = -1.0  # true peak
MAX_RATE = 48_000
ATTACK, RELEASE = 0.15, 0.35  # seconds of the bed's step back before and after a line
SHORTEST = 0.4  # seconds that BS.1770 needs


@dataclass(frozen=True)
class Sound:
    """A waveform [channels s] with its rate."""

    waveform: Tensor
    sample_rate: int

    def contour(self) -> Float[Tensor, " n"]:
        """Its energy at 93.75 Hz."""
        return energy_contour(self.waveform.mean(0), self.sample_rate)


@dataclass(frozen=True)
class Track:
    """The mixed sound [channels s], its parts at the same rate, and how it was made."""

    waveform: Tensor
    sample_rate: int
    mode: str
    target: float | None
    speech: Tensor
    bed: Tensor | None = None
    gain: float = 1.0
    loudness: dict[str, Any] = field(default_factory=dict)


def original_sound(info: ClipInfo) -> Sound | None:
    """The clip's own sound, None when it has none."""
    if not info.has_audio:
        return None
    waveform, rate = read_native(info.path, stream=info.audio_stream, what="clip")
    return Sound(waveform, rate)


def compose(
    voice: Sound,
    spans: Sequence[tuple[float, float]],
    original: Sound | None,
    bed: Sound | None,
    duration: float,
    options: MixOptions,
    warnings: list[str],
) -> Track:
    """Lay `voice` over `bed` as `options` say, `duration` seconds long; the bed steps back under `spans`."""
    mode = options.audio
    if mode == "auto":
        mode = "replace" if original is None and options.bed == "keep" else "mix"
    if mode != "mix" or options.bed == "none":
        bed = None
    if bed is not None and not float(bed.waveform.abs().max()) > 0:
        warnings.append("the bed is silent and left out")
        bed = None
    rate = (
        voice.sample_rate if bed is None else min(MAX_RATE, max(bed.sample_rate, voice.sample_rate))
    )
    samples = round(duration * rate)
    speech = _fitted(resampled(voice.waveform, voice.sample_rate, rate), samples)
    target = wanted_loudness(options.loudness, original, warnings)
    ground = None
    mixed = speech
    if bed is not None:
        ground = _fitted(resampled(_at_most_stereo(bed.waveform), bed.sample_rate, rate), samples)
        aim = -23.0 if target is None else target
        speech = speech * _gain(speech, rate, aim)
        ground = ground * _gain(ground, rate, aim) * ducking(spans, samples, rate, options.duck_db)
        mixed = speech + ground
    mixed, gain = to_loudness(mixed, rate, target, CEILING_DB, warnings)
    return Track(
        mixed, rate, mode, target, speech * gain, None if ground is None else ground * gain, gain
    )


def ducking(
    spans: Sequence[tuple[float, float]], samples: int, rate: int, depth_db: float
) -> Float[Tensor, " s"]:
    """A gain that falls by `depth_db` under each span, linear in dB over ATTACK before and RELEASE after it."""
    depth = torch.zeros(samples)
    time = torch.arange(samples) / rate
    for start, end in spans:
        first = max(0, int((start - ATTACK) * rate))
        last = min(samples, int((end + RELEASE) * rate) + 1)
        part = time[first:last]
        rise = ((part - start + ATTACK) / ATTACK).clamp(0, 1)
        fall = ((end + RELEASE - part) / RELEASE).clamp(0, 1)
        depth[first:last] = torch.maximum(depth[first:last], torch.minimum(rise, fall))
    return 10 ** (-depth_db * depth / 20)


def wanted_loudness(
    name: LoudnessName, original: Sound | None, warnings: list[str]
) -> float | None:
    """LUFS to aim at; None leaves the level as it is."""
    if name == "match":
        found = None if original is None else integrated(original.waveform, original.sample_rate)
        if found is None:
            warnings.append("no original loudness to match; -23 LUFS is used")
            return TARGETS["ebu-r128"]
        return found
    return None if name == "off" else TARGETS[name]


def to_loudness(
    waveform: Float[Tensor, "c s"],
    rate: int,
    target: float | None,
    ceiling_db: float,
    warnings: list[str],
) -> tuple[Float[Tensor, "c s"], float]:
    """The waveform at `target` LUFS, lower where its true peak would pass the ceiling; and the gain."""
    gain = _gain(waveform, rate, target) if target is not None else 1.0
    peak = true_peak_db(waveform, rate)
    over = peak + 20 * math.log10(gain) - ceiling_db if peak > -120 else 0.0
    if over > 0:
        gain *= 10 ** (-over / 20)
        warnings.append(
            f"{over:.1f} dB softer than asked for, so that peaks stay under {ceiling_db:g} dBTP"
        )
    return waveform * gain, gain


def integrated(waveform: Float[Tensor, "c s"], rate: int) -> float | None:
    """Loudness in LUFS (BS.1770); None for silence and for less than 0.4 s."""
    if waveform.shape[-1] < SHORTEST * rate:
        return None
    value = pyloudnorm.Meter(rate).integrated_loudness(_at_most_stereo(waveform).T.double().numpy())
    return float(value) if math.isfinite(value) else None


def true_peak_db(waveform: Float[Tensor, "c s"], rate: int) -> float:
    """Peak of the waveform between its samples (four times oversampled), dB of full scale."""
    peak = float(resampled(waveform, rate, 4 * rate).abs().max()) if waveform.numel() else 0.0
    return 20 * math.log10(max(peak, 1e-6))


def measured(path: Path, target: float | None, warnings: list[str]) -> dict[str, Any]:
    """What the encoded file measures."""
    waveform, rate = read_native(path, what="output")
    found, peak = integrated(waveform, rate), true_peak_db(waveform, rate)
    if found is None:
        warnings.append("the loudness of the output cannot be measured: too short or silent")
    facts = {"lufs": found, "true_peak_db": peak, "target_lufs": target}
    return {k: None if v is None else round(v, 2) for k, v in facts.items()}


def level_words(loudness: dict[str, Any]) -> str:
    """The measured loudness for a reader."""
    if loudness.get("lufs") is None:
        return "loudness not measurable"
    return f"{loudness['lufs']:.1f} LUFS, {loudness['true_peak_db']:.1f} dBTP"


def line_levels(parts: Sequence[Tensor], rate: int, gain: float) -> list[float | None]:
    """Loudness of each line in the output, LUFS."""
    levels = [integrated(part[None] * gain, rate) for part in parts]
    return [None if level is None else round(level, 2) for level in levels]


def write_stems(
    folder: Path, track: Track, lines: Sequence[SpokenLine], parts: Sequence[Tensor], rate: int
) -> dict[str, Path]:
    """`dub.wav`, `bed.wav`, `mix.wav` and one file a line in `folder`."""
    (folder / "lines").mkdir(parents=True, exist_ok=True)
    written = {"dub": write_wav(folder / "dub.wav", track.speech, track.sample_rate)}
    if track.bed is not None:
        written["bed"] = write_wav(folder / "bed.wav", track.bed, track.sample_rate)
    written["mix"] = write_wav(folder / "mix.wav", track.waveform, track.sample_rate)
    for number, (line, part) in enumerate(zip(lines, parts, strict=True), 1):
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in line.id)[:60]
        name = fitting_name(f"{number:04d}-{safe}.wav")
        written[f"line {line.id}"] = write_wav(folder / "lines" / name, part * track.gain, rate)
    return written


def _gain(waveform: Tensor, rate: int, target: float) -> float:
    found = integrated(waveform, rate)
    return 1.0 if found is None else 10 ** ((target - found) / 20)


def _at_most_stereo(waveform: Tensor) -> Tensor:
    """Mono and stereo as they are; more channels are mixed to one."""
    return waveform if len(waveform) <= 2 else waveform.mean(0, keepdim=True)


def _fitted(waveform: Tensor, samples: int) -> Tensor:
    missing = samples - waveform.shape[-1]
    return (
        torch.nn.functional.pad(waveform, (0, missing)) if missing > 0 else waveform[..., :samples]
    )
