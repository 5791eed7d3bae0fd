"""What `mini` sees: lips and motion at 47 Hz in place of Synchformer, thumbnails at 4 Hz in place of CLIP.

Every value is a length over the face or the frame and a rate per second, so frame rate and resolution do not matter:
frames are measured at their own times and the measures resampled.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from deepaudio.encoders import lips, scene_motion
from deepaudio.encoders.face import Face, FaceTracker, Shown
from deepaudio.errors import InputError

SYNC_RATE = 24_000 / 256 / 2  # two mel frames a step, so that sound and sight share one grid
RATE = 25.0  # speeds are given per 1/RATE second
CLIP_RATE = 4.0
MAX_RATE = (
    31.0  # faster video is thinned to at most this many frames a second before it is measured
)
RUN = 0.121  # seconds of video in which no face is looked for but at the end, while none is seen
AHEAD = 2  # such runs that are read before the faces in them are found
THUMB = 6
EDGES = 4
# Fixed gains that bring the measures of talking faces to about -1 .. 1.
_SHAPE_GAIN = np.array([8, 6, 20, 8, 8, 8, 40, 25, 20, 4], dtype=np.float32)
_SPEED_GAIN = np.array([25, 20, 60, 25, 25, 8], dtype=np.float32)

_SPEEDS = ("aperture", "outer_aperture", "area", "width", "jaw", "dark")
_RANGED = ("aperture", "area", "patch_motion")
FACE_FIELDS = (
    "presence",
    *lips.SHAPE,
    *lips.POSE,
    "patch_motion",
    *(f"d_{name}" for name in _SPEEDS),
    *(f"ranged_{name}" for name in _RANGED),
    *("d_pose", "d_x", "d_y", "d_log_size", "log_size"),
)
_THING_SPEEDS = ("mass", "x", "y", "bottom")
SIGHT_FIELDS = (
    tuple(f"change_{i}" for i in range(scene_motion.GRID**2))
    + tuple(f"signed_{i}" for i in range(scene_motion.FLOW**2))
    + tuple(f"flow_{axis}_{i}" for axis in "xy" for i in range(scene_motion.FLOW**2))
    + tuple(f"moving_{name}" for name in scene_motion.THING)
    + tuple(f"thing_{name}" for name in scene_motion.THING)
    + tuple(f"d_thing_{name}" for name in _THING_SPEEDS)
    + ("dd_thing_y", "d_moving_mass", "brightness")
)
SYNC_FIELDS = FACE_FIELDS + SIGHT_FIELDS


class Picture(Protocol):
    """A frame whose pixels are made when they are asked for; two threads may ask at once."""

    def whole(self) -> np.ndarray:
        """RGB [h w 3], as large as faces are looked for in it."""
        ...

    def small(self, side: int) -> np.ndarray:
        """RGB [side side 3], each pixel the mean of what it covers."""
        ...


class Track(NamedTuple):
    """What was measured on each frame, at its own time."""

    times: np.ndarray  # [f] seconds
    grey: np.ndarray  # [f 48 48] bytes
    clip: np.ndarray  # [f 124] thumbnail and edges
    face: np.ndarray  # [f 17] presence (0: none), mouth shape, pose, place
    patch: np.ndarray  # [f 12 16] the mouth


class Seen(NamedTuple):
    """Features of a clip: `sync` at SYNC_RATE, `clip` at CLIP_RATE."""

    sync: Float[Tensor, "f d"]
    clip: Float[Tensor, "g d"]


class MotionEncoder:
    """Frames with their times to features; `folder` holds the two face models."""

    def __init__(self, folder: Path):
        self.tracker = FaceTracker(folder)

    def encode(self, frames: Iterable[tuple[float, np.ndarray | Picture]], duration: float) -> Seen:
        """`frames` yields (seconds, (h w 3) uint8 RGB or what makes it) in order of time; read once, not kept.

        Raises InputError when there is no frame.
        """
        return describe(self.measure(frames), duration)

    def measure(
        self, frames: Iterable[tuple[float, np.ndarray | Picture]], faces: bool = True
    ) -> Track:
        """The measures of each frame; video faster than MAX_RATE is thinned. Without `faces` none is looked for.

        Faces are followed in a thread of their own while the next frames are read.
        """
        self.tracker.reset()
        faces_in = self._faces if faces else lambda run: [_no_face()] * len(run)
        times: list[float] = []
        grey, thumbs, face, patch = (bytearray() for _ in range(4))  # grow in place: clips are long
        waiting: deque[Future] = deque()

        def collect(left: int) -> None:
            while len(waiting) > left:
                for measures, mouth in waiting.popleft().result():
                    face.extend(np.asarray(measures, np.float32).tobytes())
                    patch.extend(np.asarray(mouth, np.float32).tobytes())

        with ThreadPoolExecutor(1) as beside:
            for run in _runs(frames):
                shown = []
                for time, picture in run:
                    whole, small, thumb = _look(picture)
                    times.append(time)
                    grey.extend(small.tobytes())
                    thumbs.extend(thumb.tobytes())
                    shown.append(Shown(whole, small))
                waiting.append(beside.submit(faces_in, shown))
                collect(AHEAD)
            collect(0)
        if not times:
            raise InputError("clip.no_frames", "the clip has no frame", hint="deepaudio tts")
        small = np.frombuffer(grey, np.uint8).reshape(-1, scene_motion.SIZE, scene_motion.SIZE)
        colours = np.frombuffer(thumbs, np.uint8).reshape(len(times), -1) / np.float32(127.5) - 1
        return Track(
            np.asarray(times, np.float64),
            small,
            np.concatenate([colours, _edges(small)], 1),
            np.frombuffer(face, np.float32).reshape(len(times), -1),
            np.frombuffer(patch, np.float32).reshape(len(times), *lips.PATCH),
        )

    def _faces(self, frames: Sequence[Shown]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Presence, shape, pose and place; the patch of the mouth, of each frame."""
        found = self.tracker.follow(frames)
        return [_no_face() if face is None else _described(face) for face in found]


def _runs(
    frames: Iterable[tuple[float, np.ndarray | Picture]],
) -> Iterator[list[tuple[float, np.ndarray | Picture]]]:
    """Frames, thinned to MAX_RATE, in runs of at most RUN seconds."""
    run: list[tuple[float, np.ndarray | Picture]] = []
    last = -np.inf
    for time, frame in frames:
        if time - last < 1 / MAX_RATE - 1e-4:
            continue
        last = time
        if run and time - run[0][0] > RUN:
            yield run
            run = []
        run.append((time, frame))
    if run:
        yield run


def _described(face: Face) -> tuple[np.ndarray, np.ndarray]:
    parts = [[face.presence], lips.shape(face), lips.pose(face), lips.place(face)]
    return np.concatenate(parts), lips.patch(face)


def _no_face() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(1 + len(lips.SHAPE) + 6, np.float32), np.zeros(lips.PATCH, np.float32)


def describe(track: Track, duration: float) -> Seen:
    """Features on the fixed grids from the measures of a clip of `duration` seconds."""
    grid = sync_times(duration)
    slow = (np.arange(max(1, round(duration * CLIP_RATE))) + 0.5) / CLIP_RATE
    face = _face_track(track, grid)
    sync = np.concatenate([face, _sight_track(track.grey, track.times, grid)], axis=1)
    finite = np.nan_to_num(sync, nan=0.0, posinf=0.0, neginf=0.0)
    return Seen(
        torch.from_numpy(np.clip(finite, -6, 6).astype(np.float32)),
        torch.from_numpy(_resample(track.clip, track.times, slow).astype(np.float32)),
    )


def sync_times(duration: float) -> np.ndarray:
    """Seconds of the sync features: the middle of each pair of mel frames (24 kHz, hop 256)."""
    return (2 * np.arange(max(1, round(duration * SYNC_RATE))) + 0.5) * 256 / 24_000


def _look(
    picture: np.ndarray | Picture,
) -> tuple[Callable[[], np.ndarray], np.ndarray, np.ndarray]:
    """What makes the whole frame, a small grey one, and a thumbnail, both in bytes."""
    if isinstance(picture, np.ndarray):
        small, whole = scene_motion.shrink(picture), lambda: picture
    else:
        small, whole = picture.small(scene_motion.SIZE), picture.whole
    image = Image.fromarray(small)
    thumb = np.asarray(image.resize((THUMB, THUMB), Image.Resampling.BOX))
    return whole, np.asarray(image.convert("L")), thumb


def _edges(grey: np.ndarray) -> np.ndarray:
    """Strength of the edges on EDGES x EDGES cells of small frames [f 48 48]: [f 16]."""
    found = []
    for low in range(0, len(grey), scene_motion.BLOCK):
        block = scene_motion.bright(grey[low : low + scene_motion.BLOCK])
        slope_y, slope_x = np.gradient(block, axis=(1, 2))
        found.append(scene_motion.cells(np.hypot(slope_x, slope_y), EDGES))
    return np.sqrt(np.concatenate(found)) * 4 - 0.5


def _face_track(track: Track, grid: np.ndarray) -> np.ndarray:
    """FACE_FIELDS at the times of `grid`; zeros where no face was near."""
    out = np.zeros((len(grid), len(FACE_FIELDS)), dtype=np.float32)
    known = np.flatnonzero(track.face[:, 0] > 0)
    if len(known) < 3:
        return out
    at, sure = track.times[known], track.face[known, 0]
    measures, patches = track.face[known, 1:], track.patch[known]
    patches = patches - patches.mean((1, 2), keepdims=True)
    step = np.maximum(np.diff(at), 1e-3)
    moved = np.abs(np.diff(patches, axis=0)).mean((1, 2)) / (step * RATE)
    moved = np.where(step > 0.2, 0.0, moved)
    patch_motion = _resample(np.concatenate([[0.0], moved])[:, None], at - _half_step(at), grid)
    values = _resample(measures, at, grid)
    after = np.searchsorted(at, grid).clip(1, len(at) - 1)
    nearest = np.minimum(np.abs(grid - at[after - 1]), np.abs(at[after] - grid))
    presence = np.where(nearest < 0.1, np.interp(grid, at, sure), 0.0)
    count = len(lips.SHAPE)
    shapes = values[:, :count] - np.percentile(measures[:, :count], 10, axis=0)
    turned = values[:, count : count + 3] - np.median(measures[:, count : count + 3], axis=0)
    placed = values[:, count + 3 :]
    index = [lips.SHAPE.index(name) for name in _SPEEDS]
    speeds = _speed(shapes[:, index])
    rest = np.percentile(patch_motion, 10)
    ranged_from = np.concatenate([shapes[:, [0, 2]], patch_motion - rest], axis=1)
    ranged = ranged_from / np.maximum(np.percentile(ranged_from, 95, axis=0), [0.03, 0.01, 0.01])
    columns = [
        presence[:, None], shapes * _SHAPE_GAIN, turned * 3, patch_motion * 40, speeds * _SPEED_GAIN, ranged,
        _speed(turned).mean(1, keepdims=True) * 30, _speed(placed) * 30, placed[:, 2:] / 3 + 0.5,
    ]  # fmt: skip
    out[:] = np.concatenate(columns, axis=1) * (presence > 0)[:, None]
    return out


def _sight_track(grey: np.ndarray, times: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """SIGHT_FIELDS at the times of `grid`."""
    cut, soft_cut = scene_motion.cuts(grey), scene_motion.cuts(grey, smooth=True)
    thing = scene_motion.foreground(grey, times, cut)
    rows = []
    for which, before, block in scene_motion.blocks(grey):
        absolute, signed = scene_motion.change(block, times[which], cut[which])
        measures = [
            np.sqrt(scene_motion.cells(absolute, scene_motion.GRID)) * 5,
            scene_motion.cells(signed, scene_motion.FLOW) * 20,
            scene_motion.flow(scene_motion.smoothed(block), times[which], soft_cut[which]) * 4,
            _balanced(scene_motion.things(absolute)),
            signed.mean((1, 2))[:, None] * 20,
        ]
        rows.append(np.concatenate(measures, axis=1)[before:])
    between = times - _half_step(times)  # a difference belongs to the middle of its two frames
    fast = _resample(np.concatenate(rows), between, grid)
    moving_at = fast[:, -1 - len(scene_motion.THING) : -1]
    raw = _resample(thing, times, grid)
    index = [scene_motion.THING.index(name) for name in _THING_SPEEDS]
    seen = raw[:, :1] > 2e-4
    speed = np.clip(_speed(raw[:, index]) * 25 * seen, -3, 3)
    bend = np.clip(_speed(speed[:, 2:3]) * seen, -3, 3)
    columns = [
        fast[:, : -1 - len(scene_motion.THING)], moving_at, _balanced(raw), speed, bend,
        _speed(moving_at[:, :1]) * 4, fast[:, -1:],
    ]  # fmt: skip
    return np.concatenate(columns, axis=1)


def _balanced(things: np.ndarray) -> np.ndarray:
    """Masses to roots, places to -1 .. 1 (0 where nothing is)."""
    seen = things[:, :1] > 2e-4
    places = np.where(seen, things[:, [1, 2, 5, 6]] * 2 - 1, 0)
    return np.concatenate(
        [np.sqrt(things[:, :1]) * 5, places[:, :2], things[:, 3:5] * 4, places[:, 2:]], axis=1
    )


def _half_step(times: np.ndarray) -> np.ndarray:
    """Half the distance of each time to the one before it."""
    return np.diff(times, prepend=times[:1]) / 2


def _resample(values: np.ndarray, times: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Columns of [f d] at the times of `grid`, linear between frames, held at the ends."""
    place = np.interp(grid, times, np.arange(len(times)))
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(times) - 1)
    part = (place - low)[:, None]
    return values[low] * (1 - part) + values[high] * part


def _speed(values: np.ndarray) -> np.ndarray:
    """Change per 1/RATE second of rows at SYNC_RATE, over a window of about two video frames: [f d]."""
    wide = np.pad(values, ((2, 2), (0, 0)), mode="edge")
    return (wide[4:] - wide[:-4]) * (SYNC_RATE / RATE / 4)
