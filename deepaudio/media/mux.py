"""New sound under the untouched video: packets are copied, never re-encoded."""

import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from jaxtyping import Float
from torch import Tensor

from deepaudio.errors import DeepAudioError, InputError, ResourceError, ToolError, UsageError
from deepaudio.media import ffmpeg
from deepaudio.media.clip import ClipInfo, check_unchanged
from deepaudio.media.containers import MuxPlan, plan
from deepaudio.media.guard import opened, packets
from deepaudio.media.output import full, preflight, published, temporary
from deepaudio.media.probe import probe
from deepaudio.media.sniff import shown_path
from deepaudio.media.spool import write_floats
from deepaudio.waves import LazyWave

log = logging.getLogger(__name__)

AUDIO_MODES = ("replace", "add")
BITS_PER_CHANNEL = (64_000, 96_000)  # below 32 kHz and above
LOSSLESS = ("pcm_s16le", "flac")
# their demuxers cut packets out of a byte stream, so a copy into another container is framed anew
_BYTE_STREAMS = ("mpegts", "mpeg", "mpegvideo", "avi", "flv")


@dataclass(frozen=True)
class Muxed:
    """What was written; `path` may end in .mkv where the asked container could not carry the video."""

    path: Path
    duration: float
    audio_codec: str
    losses: tuple[str, ...]
    """What the output does not carry, or not as it was, in words."""


@dataclass(frozen=True)
class NewSound:
    """The sound that goes in: bare float samples in a file, and how they are encoded and tagged."""

    path: Path
    sample_rate: int
    channels: int
    encoder: str
    language: str | None = None
    title: str | None = None


def mux(
    video: str | os.PathLike | ClipInfo,
    waveform: Float[Tensor, "*channels s"] | LazyWave,
    sample_rate: int,
    out: str | os.PathLike,
    *,
    audio: str = "replace",
    language: str | None = None,
    title: str | None = None,
    strict: bool = False,
    allow_damaged: bool = False,
    keep_temp: bool = False,
    remux_fix: bool = False,
) -> Muxed:
    """Write `out`: the video of `video` bit for bit, `waveform` ([s], [channels s] or a LazyWave) as its first, default sound.

    Second 0 of the waveform is second 0 of the clip; a shorter one is followed by silence up to the end of the video, a
    longer one is kept whole. `audio` is "replace" (the original sound goes) or "add" (it is kept behind the new one).
    Subtitles, chapters, attachments and tags are kept where the container can; `Muxed.losses` names what is not.
    `remux_fix` drops decoding times that are out of order and lets ffmpeg make new ones; the frames stay as they are.
    `out` appears only after the result was probed and its end decoded; the inputs and an older `out` stay as they were.
    """
    if audio not in AUDIO_MODES:
        raise UsageError("audio.mode", f"audio is {audio!r}; one of {', '.join(AUDIO_MODES)}")
    info = probe(video, allow_damaged=allow_damaged)
    plans = plan(info, Path(os.path.abspath(os.fspath(out))), audio=audio, strict=strict)
    sound = waveform if isinstance(waveform, LazyWave) else LazyWave.of(waveform, sample_rate)
    sound = sound.fitted(max(sound.n_samples, round(info.duration * sample_rate)))
    needed = space_for(info, sound.channels, sound.n_samples)
    place = preflight(plans.out, [info.path], needed)
    encoder = encoder_for(plans)
    raw = temporary(place, ".f32")
    new = NewSound(raw, sample_rate, sound.channels, encoder, language, title)
    try:
        with published(place, keep_temp=keep_temp, needed_bytes=needed) as temp:
            with raw.open("wb") as file:
                for block in sound.blocks():
                    write_floats(file, block)
            line = arguments_for(plans, info, new, temp, remux_fix)
            with _blamed_on_clip(info, remux_fix):
                _write(plans, info, line, needed)
                duration = _verified(temp, info, plans, sound.seconds)
            check_unchanged(info.path, info.fingerprint)
    finally:
        with suppress(FileNotFoundError):
            raw.unlink()
    return Muxed(place, duration, encoder, (*plans.notes, *_coarser(info, encoder)))


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


def video_digest(path: Path | ClipInfo, stream: int | None = None) -> tuple[int, str]:
    """Number of the video's packets and a hash over their bytes in file order."""
    info = probe(path)
    digest, count = hashlib.sha256(), 0
    with opened(info.path) as container:
        track = container.streams[info.video_stream if stream is None else stream]
        for packet in packets(container, track):
            if packet.size:
                count += 1
                digest.update(packet.size.to_bytes(8, "big"))
                digest.update(packet)
    return count, digest.hexdigest()


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


@contextmanager
def _blamed_on_clip(info: ClipInfo, remux_fix: bool) -> Iterator[None]:
    """What fails with a damaged clip becomes an InputError: times out of order have a cure, lost frames have none."""
    try:
        yield
    except (ToolError, ResourceError) as error:
        if error.code not in ("ffmpeg.failed", "output.verify"):
            raise
        if info.n_unordered and not remux_fix:
            message = f"{info.n_unordered} frames have decoding times out of order"
            hint = "--remux-fix writes new ones"
            raise InputError("clip.times", f"{message}: {error.message}", hint) from error
        if error.code == "output.verify" and (damaged := _damaged(info)):
            message = f"{damaged} frames of {shown_path(info.path)} are damaged: {error.message}"
            raise InputError("clip.damaged", message, "get a whole copy") from error
        raise


def _damaged(info: ClipInfo) -> int:
    """Frames of the clip that cannot be decoded without a fault."""
    found = 0
    with opened(info.path) as container:
        for packet in packets(container, container.streams[info.video_stream]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                found += 1
                continue
            found += packet.is_corrupt or any(frame.is_corrupt for frame in frames)
    return found


def arguments_for(
    plans: MuxPlan, info: ClipInfo, new: NewSound, temp: Path, remux_fix: bool = False
) -> list[str]:
    """The ffmpeg command line of a plan."""
    flags = "+genpts+igndts" if remux_fix else "+genpts"
    line = ["-y", "-fflags", flags, *ffmpeg.GUARDS, "-i", ffmpeg.source(info.path)]
    line += ["-protocol_whitelist", "file", "-f", "f32le", "-ar", str(new.sample_rate)]
    line += ["-ac", str(new.channels), "-i", ffmpeg.source(new.path)]
    videos = [p for p in plans.kept if p.stream.kind == "video"]
    others = [p for p in plans.kept if p.stream.kind not in ("video", "audio")]
    sounds = [p for p in plans.kept if p.stream.kind == "audio"]
    videos.sort(key=lambda p: p.stream.index != info.video_stream)
    for planned in videos:
        line += ["-map", f"0:{planned.stream.index}"]
    line += ["-map", "1:a:0"]
    for planned in [*sounds, *others]:
        line += ["-map", f"0:{planned.stream.index}"]
    line += ["-map_metadata", "0", "-map_chapters", "0"]
    line += ["-c:v", "copy", "-c:d", "copy", "-c:t", "copy", "-c:a:0", new.encoder]
    if new.encoder not in LOSSLESS:
        line += ["-b:a:0", str(BITS_PER_CHANNEL[new.sample_rate >= 32_000] * new.channels)]
    for number, planned in enumerate(sounds, start=1):
        line += [f"-c:a:{number}", new.encoder if planned.codec == "encode" else "copy"]
        line += [f"-disposition:a:{number}", "0"]
        line += [f"-metadata:s:a:{number}", f"title={planned.stream.title or 'Original'}"]
    texts = [p for p in others if p.stream.kind == "subtitle"]
    for number, planned in enumerate(texts):
        line += [f"-c:s:{number}", planned.codec]
    line += ["-disposition:a:0", "default", "-metadata:s:a:0", f"title={new.title or 'Dub'}"]
    if new.language:
        line += ["-metadata:s:a:0", f"language={new.language}"]
    base = info.stream(info.video_stream).time_base
    if plans.container.muxer in ("mp4", "mov"):
        line += ["-movflags", "+faststart"]
        if base.numerator == 1:
            line += ["-video_track_timescale", str(base.denominator)]
    line += ["-max_muxing_queue_size", "4096", "-strict", "-2"]
    return [*line, "-f", plans.container.muxer, ffmpeg.source(temp)]


def _verified(temp: Path, info: ClipInfo, plans: MuxPlan, seconds: float) -> float:
    """The duration of the new file, or ResourceError if it is not what was planned."""
    try:
        made = probe(temp)
    except DeepAudioError as error:
        raise _bad(f"cannot be read back: {error.message}") from error
    if made.audio_stream is None:
        raise _bad("has no sound")
    wanted = len([p for p in plans.kept if p.stream.kind in ("video", "audio")]) + 1
    found = len([s for s in made.streams if s.kind in ("video", "audio")])
    if found != wanted:
        raise _bad(f"has {found} streams of video and audio instead of {wanted}")
    if info.allow_damaged and info.notes:  # two readers may stop at different places
        if made.n_frames < info.n_frames - 1:
            raise _bad(f"has {made.n_frames} frames instead of {info.n_frames}")
    elif info.format not in _BYTE_STREAMS and made.format not in _BYTE_STREAMS:
        if video_digest(made) != video_digest(info):
            raise _bad("does not have the video of the clip")
    elif not info.n_frames - 1 <= made.n_frames <= info.n_frames + info.n_hidden + 1:
        raise _bad(f"has {made.n_frames} frames instead of {info.n_frames}")
    _check_end(made, made.audio_stream, seconds)
    _check_end(made, made.video_stream, made.duration)
    return max(made.duration, seconds)


def _check_end(made: ClipInfo, index: int, end: float) -> None:
    """Decode the last seconds of a stream; its last frame must be there."""
    # a byte stream may be entered where no key frame follows; then only the whole of it tells
    last = _last_time(made, index, end - 2.0)
    if last is None or last < end - 0.5:
        last = _last_time(made, index, None)
    if last is None or last < end - 0.5:
        kind = made.stream(index).kind
        raise _bad(f"has a {kind} that cannot be decoded to its end ({last} of {end:.2f} s)")


def _last_time(made: ClipInfo, index: int, start: float | None) -> float | None:
    """Where the last frame that decodes ends: a slow frame may stand for seconds."""
    last = None
    with opened(made.path) as container:
        track = container.streams[index]
        if start is not None and start > 0:
            with suppress(av.error.FFmpegError):
                offset = int((start + made.start_time) / track.time_base)
                container.seek(offset, stream=track, backward=True)
        for packet in packets(container, track):
            with suppress(av.error.FFmpegError):
                for frame in packet.decode():
                    if frame.pts is not None:
                        ended = frame.pts + (frame.duration or 0)
                        last = float(ended * track.time_base) - made.start_time
    return last


def _bad(reason: str) -> ResourceError:
    message = f"the file ffmpeg wrote {reason}"
    return ResourceError("output.verify", message, "is the disk full or ffmpeg damaged?")
