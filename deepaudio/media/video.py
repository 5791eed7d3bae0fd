"""Decoded frames with their presentation times, one at a time."""

import logging
import math
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeVar

import av
import av.error
import torch
from av.video.reformatter import VideoReformatter
from jaxtyping import UInt8
from torch import Tensor

from deepaudio.errors import InputError
from deepaudio.media.clip import LIMITS, ClipInfo, Limits
from deepaudio.media.guard import opened, packets
from deepaudio.media.probe import probe
from deepaudio.media.sniff import shown_path
from deepaudio.progress import Progress

log = logging.getLogger(__name__)

# Containers round presentation times, Matroska to 1 ms; a frame this much early still counts as on time.
ROUNDING = Fraction(1, 1000)
MAX_DAMAGED_SHARE = 0.05

T = TypeVar("T", "Frame", "View")


class Frame(NamedTuple):
    """A frame and the second, counted from the start of the clip, at which it is shown."""

    time: float
    pixels: UInt8[Tensor, "height width 3"]


class View(NamedTuple):
    """A decoded frame whose pixels are made when they are asked for; threads may ask at once."""

    time: float
    image: av.VideoFrame
    scaler: "_Scaler"

    def pixels(
        self, size: tuple[int, int] | None = None, *, mean: bool = False
    ) -> UInt8[Tensor, "height width 3"]:
        """Upright RGB, `size` = (width, height) if resized: bicubic, or with `mean` the mean of what a pixel covers."""
        return self.scaler.pixels(self.image, size, "AREA" if mean else "BICUBIC")


class _Scaler:
    """FFmpeg's scaler, set up once for each thread and size."""

    def __init__(self) -> None:
        self.own = threading.local()

    def pixels(
        self, image: av.VideoFrame, size: tuple[int, int] | None, how: str
    ) -> UInt8[Tensor, "h w 3"]:
        turns = round(image.rotation / 90) % 4
        width, height = size or (None, None)
        if turns % 2:
            width, height = height, width
        mine, wanted = vars(self.own), (width, height, how)
        if wanted not in mine:
            mine[wanted] = VideoReformatter()
        changed = mine[wanted].reformat(image, width, height, format="rgb24", interpolation=how)
        pixels = torch.from_numpy(changed.to_ndarray())
        return torch.rot90(pixels, turns, (0, 1)).contiguous() if turns else pixels


class _Moment(NamedTuple):
    time: Fraction
    image: av.VideoFrame


def frames(
    clip: str | os.PathLike | ClipInfo,
    *,
    size: tuple[int, int] | None = None,
    start: float = 0.0,
    duration: float | None = None,
    allow_damaged: bool = False,
    notes: list[str] | None = None,
) -> Iterator[Frame]:
    """Every frame shown in [start, start + duration), upright RGB, `size` = (width, height) if resized (bicubic).

    Memory does not grow with the clip. Frames that cannot be decoded are counted; more than 5 % of them raise
    InputError unless `allow_damaged`. What the caller should report is appended to `notes`, or logged without it.
    """
    for view in views(clip, start, duration, allow_damaged=allow_damaged, notes=notes):
        yield Frame(view.time, view.pixels(size))


def views(
    clip: str | os.PathLike | ClipInfo,
    start: float = 0.0,
    duration: float | None = None,
    *,
    allow_damaged: bool = False,
    notes: list[str] | None = None,
) -> Iterator[View]:
    """As `frames`, without the pixels: for those who want few of them, or the same frame at several sizes."""
    info, scaler = probe(clip, allow_damaged=allow_damaged), _Scaler()
    for moment in _moments(info, start, duration, allow_damaged, notes):
        yield View(float(moment.time), moment.image, scaler)


def frames_with_progress(info: ClipInfo, progress: Progress | None = None) -> Iterator[Frame]:
    """The frames of a clip as `frames` gives them; `progress` is called with the seconds of video read so far."""
    return with_progress(frames(info), info, progress)


def with_progress(shown: Iterable[T], info: ClipInfo, progress: Progress | None) -> Iterator[T]:
    """What is `shown` of a clip, frames or views; `progress` is called with the seconds of video read so far."""
    total = math.ceil(info.duration)
    for frame in shown:
        if progress and frame.time < total:
            progress("seconds of video", int(frame.time), total)
        yield frame
    if progress:
        progress("seconds of video", total, total)


def frames_at(
    clip: str | os.PathLike | ClipInfo,
    fps: float,
    *,
    size: tuple[int, int] | None = None,
    start: float = 0.0,
    duration: float | None = None,
    allow_damaged: bool = False,
    notes: list[str] | None = None,
) -> Iterator[Frame]:
    """The clip at a fixed rate: slot k takes the first frame at or after start + k / fps.

    MMAudio's sampling rule, counted exactly (its own float accumulator is late by a frame on some rates): a slower clip
    repeats frames, slots after the last frame get none. Frame.time is the time of the slot.
    """
    rates = [fps]
    for _, frame in frames_at_rates(
        clip,
        rates,
        sizes=[size],
        start=start,
        duration=duration,
        allow_damaged=allow_damaged,
        notes=notes,
    ):
        yield frame


def frames_at_rates(
    clip: str | os.PathLike | ClipInfo,
    rates: Sequence[float],
    *,
    sizes: Sequence[tuple[int, int] | None] | None = None,
    start: float = 0.0,
    duration: float | None = None,
    allow_damaged: bool = False,
    notes: list[str] | None = None,
) -> Iterator[tuple[int, Frame]]:
    """`frames_at` for several rates in one decoding pass; yields (index of the rate, frame)."""
    info = probe(clip, allow_damaged=allow_damaged)
    sizes = sizes or [None] * len(rates)
    moments = _moments(info, start, duration, allow_damaged, notes)
    ready: dict[tuple[int, int] | None, Tensor] = {}
    shown: av.VideoFrame | None = None
    scaler = _Scaler()
    for which, slot, image in slots(moments, rates, start):
        if image is not shown:
            ready.clear()
            shown = image
        size = sizes[which]
        if size not in ready:
            ready[size] = scaler.pixels(image, size, "BICUBIC")
        yield which, Frame(float(slot), ready[size])


def slots(
    moments: Iterable[tuple[Fraction, object]], rates: Sequence[float], start: float = 0.0
) -> Iterator[tuple[int, Fraction, object]]:
    """Which frame each slot of each rate takes: (rate index, slot time, frame), in order of the frames."""
    steps = [1 / Fraction(rate).limit_denominator(100_000) for rate in rates]
    counts = [0] * len(rates)
    begin = Fraction(start)
    for time, image in moments:
        for which, step in enumerate(steps):
            while time + ROUNDING >= begin + counts[which] * step:
                yield which, begin + counts[which] * step, image
                counts[which] += 1


def _moments(
    info: ClipInfo,
    start: float,
    duration: float | None,
    allow_damaged: bool,
    notes: list[str] | None,
) -> Iterator[_Moment]:
    end = float("inf") if duration is None else start + duration
    zero = Fraction(round(info.start_time * av.time_base), av.time_base)
    count = damaged = 0
    allowed = max(1, int(MAX_DAMAGED_SHARE * info.n_frames))
    with opened(info.path) as container:
        track = container.streams[info.video_stream]
        track.thread_type = "AUTO"
        track.codec_context.thread_count = (
            torch.get_num_threads()
        )  # a share, where processes are many
        _seek(container, track, start, zero)
        for image in _decoded(container, track):
            if image is None or image.is_corrupt:
                damaged += 1
                if damaged > allowed and not (allow_damaged or info.allow_damaged):
                    message = f"{shown_path(info.path)}: more than {allowed} damaged frames"
                    hint = (
                        "get an undamaged copy, or go on with what can be decoded: --allow-damaged"
                    )
                    raise InputError("clip.damaged", message, hint, path=shown_path(info.path))
            if image is None or image.pts is None:
                continue
            _check_size(image, LIMITS, info)
            time = image.pts * image.time_base - zero
            if time + ROUNDING >= end:
                break
            if time + ROUNDING >= start:
                count += 1
                yield _Moment(time, image)
    if damaged and notes is None:
        log.warning("%s: %d damaged frames", shown_path(info.path), damaged)
    elif damaged:
        notes.append(f"{damaged} damaged frames, {count} decoded")
    if count == 0 and start < info.duration:
        message = f"no frame of {shown_path(info.path)} could be decoded"
        raise InputError("clip.undecodable", message, path=shown_path(info.path))


def _seek(container, track, start: float, zero: Fraction) -> None:
    """To the key frame before `start`; decoding from the beginning is the fallback and only slower."""
    if start <= 2.0:
        return
    try:
        container.seek(int((Fraction(start) + zero) / track.time_base), stream=track, backward=True)
    except av.error.FFmpegError as error:
        log.debug("no seeking in %s: %s", container.format.name, error)


def _decoded(container, track) -> Iterator[av.VideoFrame | None]:
    """Frames in presentation order; None for a packet that the decoder refused."""
    stops: list[str] = []
    for packet in packets(container, track, stopped=stops.append):
        try:
            images = packet.decode()
        except av.error.FFmpegError as error:
            log.debug("undecodable packet at %s: %s", packet.pts, error)
            yield None
            continue
        yield from images
    for reason in stops:
        log.debug("reading stopped: %s", reason)
        yield None


def _check_size(image: av.VideoFrame, limits: Limits, info: ClipInfo) -> None:
    sides = image.width, image.height
    if max(sides) > limits.max_side or sides[0] * sides[1] > limits.max_pixels:
        message = f"{shown_path(info.path)}: a frame of {sides[0]}x{sides[1]} is beyond the limits"
        raise InputError("clip.limits", message)
