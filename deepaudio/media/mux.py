"""New sound under the untouched video: packets are copied, never re-encoded."""

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from deepaudio.errors import ToolError, UsageError
from deepaudio.media import ffmpeg
from deepaudio.media.clip import ClipInfo, check_unchanged
from deepaudio.media.containers import MuxPlan, Planned, plan
from deepaudio.media.output import full, preflight, published, temporary
from deepaudio.media.probe import probe
from deepaudio.media.spool import write_floats
from deepaudio.media.verify import SDH, blamed_on_clip, flag_losses, verified
from deepaudio.options import DropTracks
from deepaudio.waves import LazyWave

log = logging.getLogger(__name__)

AUDIO_MODES = ("replace", "add")
BITS_PER_CHANNEL = (64_000, 96_000)  # below 32 kHz and above
LOSSLESS = ("pcm_s16le", "flac")


@dataclass(frozen=True)
class Muxed:
    """What was written; `path` may end in .mkv where the asked container could not carry the video."""

    path: Path
    duration: float
    losses: tuple[str, ...]
    """What the output does not carry, or not as it was, in words."""
    language: str | None = None
    """Of the new sound, as a player reads it; None where the container has no place for it."""


@dataclass(frozen=True)
class NewSound:
    """What goes in: bare float samples in a file, how they are encoded and tagged, and subtitles of them."""

    path: Path
    sample_rate: int
    channels: int
    encoder: str
    language: str | None = None
    title: str = "Dub"
    subtitles: Path | None = None
    """SubRip, which becomes the container's own kind."""
    comment: str | None = None
    """Of the whole file."""


def mux(
    video: str | os.PathLike | ClipInfo,
    waveform: Float[Tensor, "*channels s"] | LazyWave,
    sample_rate: int,
    out: str | os.PathLike,
    *,
    audio: str = "replace",
    language: str | None = None,
    title: str = "Dub",
    subtitles: str | None = None,
    drop: DropTracks = "none",
    comment: str | None = None,
    finish: Callable[[Path], None] | None = None,
    strict: bool = False,
    allow_damaged: bool = False,
    keep_temp: bool = False,
    remux_fix: bool = False,
) -> Muxed:
    """Write `out`: the video of `video` bit for bit, `waveform` ([s], [channels s] or a LazyWave) as its first, default sound.

    Second 0 of the waveform is second 0 of the clip; a shorter one is followed by silence up to the end of the video, a
    longer one is kept whole. `audio` is "replace" (the sound stream in use goes) or "add" (it is kept behind the new one);
    other audio and subtitle tracks stay unless `drop` says otherwise. `subtitles` (SubRip) become a track behind those.
    `comment` is written as the comment of the file; `finish` may change the whole file (sign it) before it is checked.
    Subtitles, chapters, attachments and tags are kept where the container can; `Muxed.losses` names what is not.
    `remux_fix` drops decoding times that are out of order and lets ffmpeg make new ones; the frames stay as they are.
    `out` appears only after the result was probed and its end decoded; the inputs and an older `out` stay as they were.
    """
    if audio not in AUDIO_MODES:
        raise UsageError("audio.mode", f"audio is {audio!r}; one of {', '.join(AUDIO_MODES)}")
    info = probe(video, allow_damaged=allow_damaged)
    asked = Path(os.path.abspath(os.fspath(out)))
    plans = plan(
        info, asked, audio=audio, strict=strict, drop=drop, subtitles=subtitles is not None
    )
    sound = waveform if isinstance(waveform, LazyWave) else LazyWave.of(waveform, sample_rate)
    sound = sound.fitted(max(sound.n_samples, round(info.duration * sample_rate)))
    needed = space_for(info, sound.channels, sound.n_samples)
    place = preflight(plans.out, [info.path], needed)
    encoder = encoder_for(plans)
    raw, texts = temporary(place, ".f32"), temporary(place, ".srt")
    new = NewSound(
        raw,
        sample_rate,
        sound.channels,
        encoder,
        language,
        title,
        subtitles=None if subtitles is None else texts,
        comment=comment,
    )
    try:
        with published(place, keep_temp=keep_temp, needed_bytes=needed) as temp:
            with raw.open("wb") as file:
                for block in sound.blocks():
                    write_floats(file, block)
            if subtitles is not None:
                texts.write_text(subtitles, encoding="utf-8")
            line = arguments_for(plans, info, new, temp, remux_fix)
            with blamed_on_clip(info, remux_fix):
                _write(plans, info, line, needed)
                if finish is not None:
                    finish(temp)
                made = verified(temp, info, plans, sound.seconds)
            check_unchanged(info.path, info.fingerprint)
    finally:
        for path in (raw, texts):
            with suppress(FileNotFoundError):
                path.unlink()
    losses = [*plans.notes, *_coarser(info, encoder), *flag_losses(made, plans)]
    if comment is not None and made.comment != comment:
        losses.append(f"{plans.container.muxer} cannot carry the tag: {comment}")
    spoken = made.stream(made.audio_stream).language
    duration = max(made.duration, sound.seconds)
    return Muxed(place, duration, tuple(losses), None if spoken == "und" else spoken)


def _coarser(info: ClipInfo, encoder: str) -> list[str]:
    """That a clip with lossless audio gets a lossy track, in words."""
    if info.audio_stream is None or encoder in LOSSLESS:
        return []
    codec = info.stream(info.audio_stream).codec
    if not codec.startswith("pcm_") and codec not in ("flac", "alac", "truehd", "mlp"):
        return []
    return [f"the new audio is encoded as {encoder}, the clip's is {codec}; .mkv keeps it lossless"]


def space_for(info: ClipInfo, channels: int, n_samples: int) -> int:
    """Bytes that must be free to write the clip with a new sound: the clip, the bare samples and the encoded ones."""
    return info.size_bytes + 8 * channels * n_samples + (1 << 20)


def encoder_for(plans: MuxPlan) -> str:
    """The encoder of the new sound; ToolError without ffmpeg or when it has none that fits. Ask before the work."""
    for name in plans.container.encoders:
        if name in ffmpeg.encoders():
            return name
    wanted = " or ".join(plans.container.encoders)
    hint = "install a complete ffmpeg, or write to .mp4 or .mkv"
    raise ToolError("ffmpeg.encoder", f"{ffmpeg.executable()} has no encoder {wanted}", hint)


def _write(plans: MuxPlan, info: ClipInfo, arguments: list[str], needed: int) -> None:
    seconds = 60 + info.duration + info.size_bytes / 2e6
    try:
        words = ffmpeg.run(arguments, timeout=seconds)
    except ToolError as error:
        if "No space left" in error.message or "quota exceeded" in error.message.lower():
            raise full(plans.out, shutil.disk_usage(plans.out.parent).free, needed) from error
        raise
    if words:
        log.info("ffmpeg: %s", words)


def arguments_for(
    plans: MuxPlan, info: ClipInfo, new: NewSound, temp: Path, remux_fix: bool = False
) -> list[str]:
    """The ffmpeg command line of a plan."""
    flags = "+genpts+igndts" if remux_fix else "+genpts"
    line = ["-y", "-fflags", flags, *ffmpeg.GUARDS, "-i", ffmpeg.source(info.path)]
    line += ["-protocol_whitelist", "file", "-f", "f32le", "-ar", str(new.sample_rate)]
    line += ["-ac", str(new.channels), "-i", ffmpeg.source(new.path)]
    if new.subtitles:
        line += ["-f", "srt", "-i", ffmpeg.source(new.subtitles)]
    videos = [p for p in plans.kept if p.stream.kind == "video"]
    others = [p for p in plans.kept if p.stream.kind not in ("video", "audio")]
    videos.sort(key=lambda p: p.stream.index != info.video_stream)
    for planned in videos:
        line += ["-map", f"0:{planned.stream.index}"]
    line += ["-map", "1:a:0"]
    for planned in [*plans.sounds, *others]:
        line += ["-map", f"0:{planned.stream.index}"]
    if new.subtitles:
        line += ["-map", "2:s:0"]
    line += ["-map_metadata", "0", "-map_chapters", "0"]
    line += ["-metadata", f"comment={new.comment}"] if new.comment else []
    line += ["-c:v", "copy", "-c:d", "copy", "-c:t", "copy", "-c:a:0", new.encoder]
    if new.encoder not in LOSSLESS:
        line += ["-b:a:0", str(BITS_PER_CHANNEL[new.sample_rate >= 32_000] * new.channels)]
    if plans.container.sample_rate:
        line += ["-ar", str(plans.container.sample_rate)]
    line += _labels("a:0", new.title, ["default", "dub"], new.language)
    for number, planned in enumerate(plans.sounds, start=1):
        line += [f"-c:a:{number}", new.encoder if planned.codec == "encode" else "copy"]
        line += _labels_of(planned, f"a:{number}", planned.stream.index == info.audio_stream)
    for number, planned in enumerate(plans.texts):
        line += [f"-c:s:{number}", planned.codec, *_labels_of(planned, f"s:{number}")]
    if new.subtitles:
        place = f"s:{len(plans.texts)}"
        line += [f"-c:{place}", plans.container.text, *_labels(place, new.title, [], new.language)]
    base = info.stream(info.video_stream).time_base
    if plans.container.muxer not in ("mp4", "mov"):
        line += ["-metadata:s", "handler_name="]
    if plans.container.muxer in ("mp4", "mov"):
        line += ["-movflags", "+faststart"]
        if base.numerator == 1:
            line += ["-video_track_timescale", str(base.denominator)]
    line += ["-max_muxing_queue_size", "4096", "-strict", "-2"]
    return [*line, "-f", plans.container.muxer, ffmpeg.source(temp)]


def _labels_of(planned: Planned, place: str, original: bool = False) -> list[str]:
    """What a track of the clip is called and for, as it was; no sound but the new one is the default."""
    stream = planned.stream
    flags = [*stream.flags, *(["original"] if original and "original" not in stream.flags else [])]
    if stream.kind == "subtitle":
        flags += sorted(SDH - set(flags)) if SDH & set(flags) else []  # each container knows one
        flags += ["default"] if stream.default else []
    return _labels(place, stream.title or ("Original" if original else None), flags)


def _labels(
    place: str, title: str | None, flags: list[str], language: str | None = None
) -> list[str]:
    """Options that name a track; `handler_name` is the name that players show of an MP4, and left out elsewhere."""
    line = [f"-disposition:{place}", "+".join(flags) or "0"]
    for key in ("title", "handler_name"):
        line += [f"-metadata:s:{place}", f"{key}={title}"] if title else []
    return [*line, f"-metadata:s:{place}", f"language={language}"] if language else line
