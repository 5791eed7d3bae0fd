"""Whether the file that ffmpeg wrote is what was planned: its exit code proves nothing."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import av.error

from deepaudio.errors import DeepAudioError, InputError, ResourceError, ToolError
from deepaudio.media.clip import ClipInfo
from deepaudio.media.containers import MuxPlan
from deepaudio.media.guard import opened, packets
from deepaudio.media.probe import probe
from deepaudio.media.sniff import shown_path

# their demuxers cut packets out of a byte stream, so a copy into another container is framed anew
_BYTE_STREAMS = ("mpegts", "mpeg", "mpegvideo", "avi", "flv", "mxf")
SDH = frozenset({"hearing_impaired", "captions"})


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


def verified(temp: Path, info: ClipInfo, plans: MuxPlan, seconds: float) -> ClipInfo:
    """The new file as it was read back, or ResourceError if it is not what was planned."""
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
    texts = len([s for s in made.streams if s.kind == "subtitle"])
    if texts < len(plans.texts) + plans.subtitles:
        raise _bad(f"has {texts} subtitle tracks instead of {len(plans.texts) + plans.subtitles}")
    if info.allow_damaged and info.notes:  # two readers may stop at different places
        if made.n_frames < info.n_frames - 1:
            raise _bad(f"has {made.n_frames} frames instead of {info.n_frames}")
    elif info.format not in _BYTE_STREAMS and made.format not in _BYTE_STREAMS:
        if video_digest(made) != video_digest(info):
            raise _bad("does not have the video of the clip")
    elif not info.n_frames - 1 <= made.n_frames <= info.n_frames + info.n_hidden + 1:
        raise _bad(f"has {made.n_frames} frames instead of {info.n_frames}")
    try:
        _check_end(made, made.audio_stream, seconds)
        _check_end(made, made.video_stream, made.duration)
    except InputError as error:
        raise _bad(f"cannot be read to its end: {error.message}") from error
    return made


def flag_losses(made: ClipInfo, plans: MuxPlan) -> list[str]:
    """What a track of the clip was marked as (forced, for the hard of hearing ...) and is no longer, in words."""
    found = []
    for kind, kept, first in (("audio", plans.sounds, 1), ("subtitle", plans.texts, 0)):
        tracks = [s for s in made.streams if s.kind == kind][first:]
        for planned, track in zip(kept, tracks, strict=False):
            lost = [flag for flag in planned.stream.flags if not _carried(flag, track.flags)]
            if lost:
                stream = f"stream {planned.stream.index} ({planned.stream.codec})"
                words = ", ".join(lost).replace("_", " ")
                found.append(f"{stream}: {plans.container.muxer} cannot mark it as {words}")
    return found


def _carried(flag: str, flags: tuple[str, ...]) -> bool:
    return flag in flags or (flag in SDH and not SDH.isdisjoint(flags))


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


@contextmanager
def blamed_on_clip(info: ClipInfo, remux_fix: bool) -> Iterator[None]:
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
