"""The record of a probed clip, and the limits it must keep."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from deepaudio.errors import InputError
from deepaudio.media.sniff import shown_path


@dataclass(frozen=True)
class Limits:
    """Beyond these a clip is refused before memory is spent on it."""

    min_duration: float = 0.2
    max_duration: float = 24 * 3600.0
    max_side: int = 16384
    max_pixels: int = 8192 * 8192
    max_fps: float = 1000.0
    max_streams: int = 64
    max_channels: int = 64
    min_sample_rate: int = 1000
    max_sample_rate: int = 1_000_000
    max_gap: float = 600.0
    """Seconds that one frame may stand; more is a tiny file that claims hours."""
    max_decoded_pixels: float = 1e13
    """Of all frames together: six hours of 3840x2160 at 50 frames/s have less."""


LIMITS = Limits()


@dataclass(frozen=True)
class StreamInfo:
    """One stream as the container declares it."""

    index: int
    kind: str
    codec: str
    tag: str = ""
    language: str | None = None
    title: str | None = None
    default: bool = False
    flags: tuple[str, ...] = ()
    """What the track is for besides being the default, in the words of ffmpeg: forced, hearing_impaired, comment ..."""
    attached_picture: bool = False
    start: float = 0.0
    duration: float | None = None
    time_base: Fraction = Fraction(1, 1000)
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True)
class ClipInfo:
    """A video that passed the checks. Times are seconds after the start of the clip."""

    path: Path
    format: str
    duration: float
    """To the end of the last frame."""
    start_time: float
    """The container's own start, which is second 0 of everything here."""
    fps: float
    n_frames: int
    n_hidden: int
    """Frames that an edit list keeps from being shown."""
    width: int
    height: int
    """As shown, after the rotation."""
    rotation: int
    """Degrees counter-clockwise in 0, 90, 180, 270 by which a decoded frame is turned to be upright."""
    variable_frame_rate: bool
    video_stream: int
    audio_stream: int | None
    streams: tuple[StreamInfo, ...]
    n_chapters: int
    size_bytes: int
    fingerprint: tuple[int, int, int]
    notes: tuple[str, ...] = ()
    n_unordered: int = 0
    """Frames whose decoding time lies before that of the one in front of them."""
    comment: str | None = None
    """What the file says of itself."""
    allow_damaged: bool = False
    """Go on with what can be decoded, however much is damaged."""

    @property
    def has_audio(self) -> bool:
        return self.audio_stream is not None

    def stream(self, index: int) -> StreamInfo:
        """The stream with that index."""
        return next(stream for stream in self.streams if stream.index == index)


def fingerprint(path: Path) -> tuple[int, int, int]:
    """Inode, size and time of change: differs if the file was replaced or written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def check_unchanged(path: Path, before: tuple[int, int, int]) -> None:
    """InputError if the file is not the one whose `fingerprint` was taken before."""
    try:
        same = fingerprint(path) == before
    except OSError:
        same = False
    if not same:
        message = f"{shown_path(path)} changed while it was in use"
        raise InputError("clip.changed", message, "run again when it is complete")
