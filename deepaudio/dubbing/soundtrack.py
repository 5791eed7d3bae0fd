"""The sound of an output: lines over a bed, ducked, at the loudness asked for; and what it measures afterwards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepaudio.audio import loudness, mix
from deepaudio.audio.meter import ABSOLUTE_GATE, measure
from deepaudio.inference.lines import SpokenLine, Take
from deepaudio.media.audio import read_wave, write_wav
from deepaudio.media.clip import ClipInfo
from deepaudio.media.decode import read_blocks
from deepaudio.media.output import fitting_name
from deepaudio.notices import Notices
from deepaudio.options import LoudnessName, MixOptions
from deepaudio.progress import Progress
from deepaudio.separation import spleeter
from deepaudio.separation.windows import voice_in, without
from deepaudio.waves import LazyWave

MAX_RATE = 48_000
PASSAGE_FADE = 0.02
STEMS = ("dub", "bed", "mix")
FAINT = 15.0  # dB under the rest of the sound: less is no voice that anyone would dub
OWN = ("keep", "separate")  # beds made of the clip's own sound
SIX = 6  # channels of 5.1: left, right, centre, low, left and right surround


@dataclass(frozen=True)
class Track:
    """The mixed sound, the voice and the bed in it, and the gain that lines got."""

    sound: LazyWave
    mode: str
    target: float | None
    voice: LazyWave
    bed: LazyWave | None
    gain: float
    removed_lufs: float | None = None
    """Loudness of the voice that was taken out of the bed."""

    def bed_facts(self, options: MixOptions) -> dict[str, Any]:
        """For the record: what the bed is, how far it steps back, and how a voice was taken out of it."""
        if self.bed is None:
            return {}
        facts: dict[str, Any] = {"source": options.bed, "duck_db": options.ducking}
        if self.removed_lufs is not None:
            facts |= {"separator": spleeter.NAME, "voice_lufs": _rounded(self.removed_lufs)}
        return {"bed": facts}


@dataclass(frozen=True)
class Bed:
    """What sounds under the lines, and the voice that was taken out of it."""

    sound: LazyWave | None = None
    removed: LazyWave | None = None


def original_sound(info: ClipInfo, folder: Path) -> LazyWave | None:
    """The clip's own sound as far as the video goes, kept in a file without a name in `folder`; None when it has none."""
    if not info.has_audio:
        return None
    return read_wave(
        info.path, folder, stream=info.audio_stream, what="clip", seconds=info.duration
    )


def losses(info: ClipInfo, mode: str, options: MixOptions) -> list[str]:
    """What becomes of the clip's own sound where it does not stay as it was, in words; `mode` is that of the track."""
    if mode == "add" or not info.has_audio:
        return []
    stream = info.stream(info.audio_stream)
    facts = ", ".join(filter(None, (stream.codec, stream.language, stream.title)))
    name = f"audio stream {stream.index} ({facts})"
    if mode == "replace" or options.bed not in OWN:
        return [f"{name} is left out; --audio add keeps it as a track"]
    if stream.channels > 2:
        folded = "stereo" if stream.channels == SIX else "mono"
        return [f"{name}: its {stream.channels} channels are mixed down to {folded}"]
    return []


def form(info: ClipInfo, options: MixOptions, rate: int) -> tuple[int, int]:
    """Channels and sample rate that `compose` will give to a mono voice of that rate in this clip."""
    if not (info.has_audio and options.bed in OWN and options.has_bed):
        return 1, rate
    bed = info.stream(info.audio_stream)
    channels = bed.channels if bed.channels <= 2 else 1 + (bed.channels == SIX)
    return channels, max(rate, min(bed.sample_rate, MAX_RATE))


def compose(
    voice: LazyWave,
    original: LazyWave | None,
    bed: LazyWave | None,
    duration: float,
    options: MixOptions,
    notices: Notices,
    passages: Sequence[tuple[float, float]] = (),
    removed: LazyWave | None = None,
) -> Track:
    """Lay `voice` over `bed` as `options` say, `duration` seconds long.

    In a mix both are first brought to the same loudness, so that `duck_db` is what the bed lies under the lines; over a bed out of
    which a voice was `removed`, `voice` is as loud as that one was, and the bed stays as it is.
    Without a bed the original still sounds in `passages`, the lines that are not to be dubbed.
    """
    mode = options.audio
    if mode == "auto":
        mode = "mix" if bed is not None else "replace"
    if mode != "mix":
        bed = within(original, passages) if mode == "replace" and original and passages else None
    if bed is not None and not any(bool(block.any()) for block in bed.blocks()):
        bed = None
    target = goal(options.loudness, original, notices)
    rate = max(voice.sample_rate, 0 if bed is None else min(bed.sample_rate, MAX_RATE))
    samples = round(duration * rate)
    spoken = voice.at(rate).fitted(samples)
    ground, first, removed_lufs = None, 0.0, None
    mixed = spoken
    if bed is not None:
        ground = stereo(bed).at(rate).fitted(samples)
        level = _unlimited(loudness.TARGETS["ebu-r128"].lufs)
        if removed is None:
            ground = loudness.adjust(ground, level).wave
        else:
            removed_lufs = measure(removed.blocks(), removed.sample_rate).lufs
            level = level_over(ground, removed_lufs, notices)
        raised = loudness.adjust(spoken, level)
        spoken, first = raised.wave, raised.gain_db
        ground = mix.ducked(ground, spoken, options.ducking) if options.ducking else ground
        mixed = spoken + ground
    made = loudness.adjust(mixed, target)
    if made.note:
        notices.warn(made.note)
    return Track(
        made.wave,
        mode,
        target.lufs,
        loudness.gained(spoken, made.gain_db),
        None if ground is None else loudness.gained(ground, made.gain_db),
        10 ** ((first + made.gain_db) / 20),
        removed_lufs,
    )


def separated(
    original: LazyWave | None,
    passages: Sequence[tuple[float, float]],
    folder: Path,
    device: str,
    progress: Progress | None,
) -> Bed:
    """The clip's sound without its voice, except in `passages`, where it is heard as it was.

    ToolError without the extra, WeightsError for weights that are not those known.
    """
    if original is None:
        return Bed()
    whole = stereo(original)
    voice = voice_in(whole, *spleeter.load(device), folder, device, progress)
    removed = without(voice, within(voice, passages)) if passages else voice
    return Bed(without(whole, removed), removed)


def level_over(bed: LazyWave, removed_lufs: float, notices: Notices) -> loudness.Target:
    """How loud to speak in the place of a voice that was removed: as it was, but not below the bed."""
    around = measure(bed.blocks(), bed.sample_rate).lufs
    if removed_lufs < around - FAINT:
        notices.warn("hardly any voice was found in the clip's sound: the bed is nearly all of it")
    found = max(around, removed_lufs)
    quiet = found < ABSOLUTE_GATE
    return _unlimited(loudness.TARGETS["ebu-r128"].lufs if quiet else found)


def _unlimited(lufs: float) -> loudness.Target:
    """A loudness on the way to the final one, where alone peaks are limited."""
    return loudness.Target(lufs, math.inf)


def within(sound: LazyWave, passages: Sequence[tuple[float, float]]) -> LazyWave:
    """Only these seconds of it, with soft edges; silence elsewhere."""
    places = [
        (round(start * sound.sample_rate), min(round(end * sound.sample_rate), sound.n_samples))
        for start, end in passages
    ]
    fade = round(PASSAGE_FADE * sound.sample_rate)

    def make(first: int, last: int) -> Tensor:
        kept = torch.zeros(sound.channels, last - first)
        for start, end in places:
            begin, stop = max(first, start), min(last, end)
            if begin < stop:
                part = mix.faded(sound.piece(start, end), fade)
                kept[:, begin - first : stop - first] = part[:, begin - start : stop - start]
        return kept

    return replace(sound, make=make)


def goal(name: LoudnessName, original: LazyWave | None, notices: Notices) -> loudness.Target:
    """What loudness to aim at; `match` is that of the clip's own sound."""
    if name != "match":
        return loudness.TARGETS[name]
    found = -math.inf
    if original is not None:
        found = measure(stereo(original).blocks(), original.sample_rate).lufs
    if found < ABSOLUTE_GATE:
        notices.warn("the original has no measurable loudness to match: -23 LUFS is used")
        return loudness.TARGETS["ebu-r128"]
    return loudness.Target(found)


def measured(path: Path, target: float | None) -> dict[str, float | None]:
    """What the encoded file measures; null for silence."""
    rate, blocks = read_blocks(path, what="output")
    found = measure(blocks, rate)
    facts = {"lufs": found.lufs, "true_peak_db": found.true_peak_db, "target_lufs": target}
    return {name: _rounded(value) for name, value in facts.items()}


def level_words(facts: dict[str, Any]) -> str:
    """The measured loudness for a reader."""
    if facts["lufs"] is None:
        return "silent"
    return f"{facts['lufs']:.1f} LUFS, {facts['true_peak_db']:.1f} dBTP"


def line_levels(parts: Sequence[Tensor], rate: int, gain: float) -> list[float | None]:
    """Loudness of each line in the output, LUFS."""
    return [_rounded(measure([part[None] * gain], rate).lufs) for part in parts]


def write_stems(
    folder: Path,
    track: Track,
    lines: Sequence[SpokenLine],
    takes: Sequence[Sequence[Take]],
    rate: int,
    comment: str,
) -> dict[str, Path]:
    """`dub.wav`, `bed.wav`, `mix.wav` and in `lines` one file a line, or one for each of its takes; those with speech have the comment."""
    lines_folder(folder).mkdir(parents=True, exist_ok=True)
    written = {"dub": _written(folder / "dub.wav", track.voice, comment)}
    if track.bed is not None:
        written["bed"] = _written(folder / "bed.wav", track.bed)
    written["mix"] = _written(folder / "mix.wav", track.sound, comment)
    for number, (line, made) in enumerate(zip(lines, takes, strict=True), 1):
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in line.id)[:60]
        for take in made:
            which = f".take{take.number}" if len(made) > 1 else ""
            name = fitting_name(f"{number:04d}-{safe}{which}.wav")
            key = f"line {line.id}" + (f" take {take.number}" if which else "")
            sound = take.waveform * track.gain
            written[key] = write_wav(lines_folder(folder) / name, sound, rate, comment=comment)
    return written


def lines_folder(stems: Path) -> Path:
    """Where the stems have a file for each line."""
    return stems / "lines"


def _written(path: Path, sound: LazyWave, comment: str | None = None) -> Path:
    return write_wav(path, sound, sound.sample_rate, comment=comment)


def stereo(sound: LazyWave) -> LazyWave:
    """Mono and stereo as they are, 5.1 mixed to stereo (centre and surrounds at -3 dB, no low channel), others averaged."""
    if sound.channels <= 2:
        return sound
    if sound.channels == SIX:
        return sound.through(
            lambda piece: piece[:2] + math.sqrt(0.5) * (piece[2] + piece[4:]), channels=2
        )
    return sound.through(lambda piece: piece.mean(0, keepdim=True), channels=1)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)
