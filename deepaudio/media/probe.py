"""What a clip is: streams, times and sizes, checked against limits before anything is decoded."""

import itertools
import logging
import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import av.error

from deepaudio.errors import InputError, ResourceError
from deepaudio.media import sniff
from deepaudio.media.clip import LIMITS, ClipInfo, Limits, StreamInfo, fingerprint
from deepaudio.media.guard import damaged, guard, opened, packets
from deepaudio.media.sniff import shown_path

log = logging.getLogger(__name__)

_OWN_FIELDS = ("default", "attached_pic")


def probe(
    path: str | os.PathLike | ClipInfo,
    *,
    video_stream: int | None = None,
    audio_stream: int | None = None,
    allow_damaged: bool = False,
    limits: Limits = LIMITS,
) -> ClipInfo:
    """Look at a clip: all its packets are listed, none is decoded. What was looked at already is returned as it is.

    Raises InputError with a `clip.*` code and the reason for anything that is not a whole, plain, finite video;
    with `allow_damaged` a clip that ends before its declared end is accepted with a note.
    """
    if isinstance(path, ClipInfo):
        return path
    place = sniff.regular_file(path)
    notes: list[str] = []
    kind = guard(place, allow_damaged, notes)
    with opened(place) as container:
        streams = _streams(container, limits, place)
        video = _choose(container, streams, "video", video_stream, place, notes)
        if video is None:
            _no_video(streams, place)
        sound = _choose(container, streams, "audio", audio_stream, place, notes)
        return _measure(container, place, kind, streams, video, sound, allow_damaged, limits, notes)


def _streams(container, limits: Limits, place: Path) -> tuple[StreamInfo, ...]:
    shown = shown_path(place)
    if len(container.streams) > limits.max_streams:
        message = f"{shown} has {len(container.streams)} streams; at most {limits.max_streams}"
        raise InputError("clip.limits", message, path=shown)
    return tuple(_stream(stream, limits, shown) for stream in container.streams)


def _stream(stream, limits: Limits, shown: str) -> StreamInfo:
    kind = stream.type or "unknown"
    codec = getattr(stream, "codec_context", None)
    tag = _tag(codec)
    rate = channels = 0
    if kind == "video" and codec is not None:
        sides = codec.width, codec.height
        if max(sides) > limits.max_side or sides[0] * sides[1] > limits.max_pixels:
            message = f"{shown}: a frame of {sides[0]}x{sides[1]} is beyond {limits.max_side}"
            raise InputError("clip.limits", message, path=shown)
    if kind == "audio" and codec is not None:
        rate, channels = codec.sample_rate or 0, codec.channels or 0
        in_range = limits.min_sample_rate <= rate <= limits.max_sample_rate
        if channels > limits.max_channels or (rate and not in_range):
            message = f"{shown}: {channels} channels at {rate} Hz are beyond the limits"
            raise InputError("clip.limits", message, path=shown)
    base = stream.time_base or Fraction(1, 1000)
    bits = stream.disposition
    decoder = getattr(codec, "codec", None)
    name = getattr(decoder, "canonical_name", None)  # "av1", where the decoder is libdav1d
    return StreamInfo(
        index=stream.index,
        kind=kind,
        codec=name or "unknown",
        tag=tag,
        language=stream.metadata.get("language"),
        title=stream.metadata.get("title") or stream.metadata.get("name"),  # as MP4 has it
        default=bool(bits & bits.default),
        flags=tuple(d.name for d in type(bits) if bits & d and d.name not in _OWN_FIELDS),
        attached_picture=bool(bits & bits.attached_pic),
        start=float((stream.start_time or 0) * base),
        duration=None if stream.duration is None else float(stream.duration * base),
        time_base=base,
        sample_rate=rate,
        channels=channels,
    )


def _tag(codec) -> str:
    """The four bytes by which the container calls a codec, as far as they are letters: AAC in AVI is 0xff."""
    try:
        return (getattr(codec, "codec_tag", None) or "").strip("\0")
    except UnicodeDecodeError:
        return ""


def _choose(container, streams, kind: str, asked: int | None, place: Path, notes: list[str]):
    """The stream of that kind to use: the one asked for (n-th of its kind), else the default, else the first."""
    real = [s for s in streams if s.kind == kind and not s.attached_picture]
    if asked is not None:
        if not 0 <= asked < len(real):
            message = (
                f"{shown_path(place)} has {len(real)} {kind} streams; there is no number {asked}"
            )
            raise InputError(f"clip.{kind}_stream", message)
        return real[asked]
    usable = [s for s in real if s.codec != "unknown" and (kind != "audio" or s.channels)]
    if not usable:
        return None
    chosen = next((s for s in usable if s.default), usable[0])
    if len(real) > 1:
        position = real.index(chosen)
        notes.append(f"{len(real)} {kind} streams; number {position} ({chosen.codec}) is used")
    return chosen


def _no_video(streams, place: Path) -> None:
    shown = shown_path(place)
    if any(s.kind == "video" and s.codec == "unknown" for s in streams):
        raise InputError("clip.codec", f"no decoder for the video of {shown}", path=shown)
    if any(s.kind == "audio" for s in streams):
        hint = "for speech without a video: deepaudio tts"
        raise InputError("clip.audio_only", f"no video in {shown}, only audio", hint, path=shown)
    raise InputError("clip.no_video", f"no video in {shown}", path=shown)


class Schedule(NamedTuple):
    """When the frames of a stream are shown, in its time base."""

    times: list[int]
    step: int
    """The usual time from one frame to the next."""
    last_step: int
    end: float
    """Seconds at which the last packet of any video or audio ends."""
    heard: frozenset[int]
    """Streams of sound that have packets at all."""
    unordered: int
    hidden: int


def _measure(
    container, place, kind, streams, video, sound, allow_damaged, limits, notes
) -> ClipInfo:
    start = (container.start_time or 0) / av.time_base
    track = container.streams[video.index]
    declared = _declared(container)
    plan = _schedule(container, track, notes)
    base = track.time_base
    duration = fps = gap = 0.0
    if len(plan.times) > 1:
        duration = float((plan.times[-1] + plan.last_step) * base) - start
        fps = len(plan.times) / float((plan.times[-1] - plan.times[0] + plan.last_step) * base)
        gap = float(max(b - a for a, b in zip(plan.times, plan.times[1:], strict=False)) * base)
    _check_times(place, len(plan.times), duration, fps, gap, limits)
    # Matroska counts its duration from 0, whenever the media begin
    end = max(duration, plan.end if kind == "matroska" else plan.end - start)
    # an MP4's declared duration may count what its edit list hides; its completeness was checked by its boxes
    if (
        kind in ("matroska", "avi", "flv", "mxf")
        and declared
        and end < declared - max(0.5, 0.02 * declared)
    ):
        message = f"{shown_path(place)} declares {declared:.2f} s but its media end at {end:.2f} s"
        damaged(message, allow_damaged, notes)
    if plan.unordered:
        notes.append(f"{plan.unordered} frames have decoding times out of order")
    if sound is not None and sound.index not in plan.heard:
        notes.append(f"audio stream {sound.index} is empty")
        sound = None
    if sound is None:
        notes.append("the clip has no audio")
    rotation = _rotation(place, video.index)
    sides = track.codec_context.width, track.codec_context.height
    if len(plan.times) * sides[0] * sides[1] > limits.max_decoded_pixels:
        message = f"{shown_path(place)}: {len(plan.times)} frames of {sides[0]}x{sides[1]} are more than can be looked at"
        raise ResourceError(
            "clip.bomb", message, "make it smaller or cut it", path=shown_path(place)
        )
    width, height = sides if rotation % 180 == 0 else sides[::-1]
    return ClipInfo(
        path=place,
        format=container.format.name,
        duration=duration,
        start_time=start,
        fps=fps,
        n_frames=len(plan.times),
        n_hidden=plan.hidden,
        width=width,
        height=height,
        rotation=rotation,
        variable_frame_rate=_varies(plan),
        video_stream=video.index,
        audio_stream=None if sound is None else sound.index,
        streams=streams,
        n_chapters=len(container.chapters()),
        size_bytes=place.stat().st_size,
        fingerprint=fingerprint(place),
        notes=tuple(notes),
        n_unordered=plan.unordered,
        comment=_comment(container),
        allow_damaged=allow_damaged,
    )


def _declared(container) -> float | None:
    """Seconds that a container says it lasts: its video and sound, where Matroska tells them from subtitles, which may go on for longer."""
    if container.duration is None:
        return None
    whole = container.duration / av.time_base
    media = [s for s in container.streams if s.type in ("video", "audio")]
    try:
        return min(whole, max(_tagged(stream.metadata) for stream in media))
    except ValueError:
        return whole


def _tagged(metadata: Mapping[str, str]) -> float:
    """Seconds of a stream by its tag DURATION (DURATION-eng), `01:02:03.5`; ValueError without one."""
    text = next((v for k, v in metadata.items() if k.partition("-")[0] == "DURATION"), "")
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _comment(container) -> str | None:
    own = [container] if container.metadata else container.streams  # Ogg has tags of streams alone
    tags = {key.lower(): value for place in own for key, value in place.metadata.items()}
    return tags.get("comment") or tags.get("description")


def _check_times(
    place, n_frames: int, duration: float, fps: float, gap: float, limits: Limits
) -> None:
    shown = shown_path(place)
    if n_frames < 2 or duration < limits.min_duration:
        lasts = f"has {n_frames} frame(s)" if n_frames < 2 else f"lasts {max(duration, 0):.3f} s"
        message = f"{shown} {lasts}: a clip needs at least {limits.min_duration} s"
        raise InputError("clip.too_short", message, path=shown)
    if duration > limits.max_duration or fps > limits.max_fps:
        message = f"{shown}: {duration:.0f} s at {fps:.0f} frames/s is beyond the limits"
        raise InputError("clip.limits", message, path=shown)
    if gap > limits.max_gap:
        raise ResourceError("clip.bomb", f"{shown}: one frame stands for {gap:.0f} s", path=shown)


def _varies(plan: Schedule) -> bool:
    """Whether any step differs from the usual one by more than rounding to the time base explains."""
    steps = [b - a for a, b in zip(plan.times, plan.times[1:], strict=False)]
    return max(steps) - min(steps) > max(2, 0.05 * plan.step)


def _schedule(container, track, notes: list[str]) -> Schedule:
    times: list[int] = []
    length, last_dts, unordered, hidden, end = 0, None, 0, 0, 0.0
    heard: set[int] = set()
    stops: list[str] = []
    for packet in packets(container, stopped=stops.append):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or packet.stream.type not in ("video", "audio"):
            continue
        mine = packet.stream.index == track.index
        if packet.stream.type == "audio":
            heard.add(packet.stream.index)
        if stamp is None:
            if not (mine and times):
                continue
            stamp = times[-1] + max(length, 1)
        end = max(end, float((stamp + (packet.duration or 0)) * packet.time_base))
        if not mine or packet.is_discard:
            hidden += mine
            continue
        if not times or stamp >= max(times[-1], times[0]):
            length = packet.duration or length
        times.append(stamp)
        if packet.dts is not None:
            unordered += last_dts is not None and packet.dts < last_dts
            last_dts = packet.dts
    notes += [f"reading stopped at damaged data: {reason}" for reason in stops]
    times.sort()
    steps = sorted(b - a for a, b in itertools.pairwise(times)) or [length]
    step = max(steps[len(steps) // 2], 1)
    last_step = length if 0 < length <= 10 * step else step
    return Schedule(times, step, last_step, end, frozenset(heard), unordered, hidden)


def _rotation(place: Path, index: int) -> int:
    """From the first decodable frame, which also proves that there is one."""
    with opened(place) as container:
        for tries, packet in enumerate(packets(container, container.streams[index])):
            try:
                for frame in packet.decode():
                    return round(frame.rotation / 90) * 90 % 360
            except av.error.FFmpegError as error:
                log.debug("undecodable frame: %s", error)
            if tries > 300:
                break
    shown = shown_path(place)
    raise InputError("clip.undecodable", f"no frame of {shown} can be decoded", path=shown)
