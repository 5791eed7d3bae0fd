"""What `mini` sees: lips and motion at 25 Hz in place of Synchformer, thumbnails at 4 Hz in place of CLIP.

Every value is a length over the face or the frame and a rate per second, so frame rate and resolution do not matter:
frames are measured at their own times and the measures resampled.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from deepaudio.encoders import lips, sight
from deepaudio.encoders.face import FaceTracker
from deepaudio.errors import InputError

SYNC_RATE = 25.0
CLIP_RATE = 4.0
MAX_RATE = (
    31.0  # faster video is thinned to at most this many frames a second before it is measured
)
THUMB = 6
EDGES = 4
# Fixed gains that bring the measures of talking faces to about -1 .. 1.
_SHAPE_GAIN = np.array([8, 6, 20, 8, 8, 8, 40, 25, 20, 4], dtype=np.float32)
_SPEED_GAIN = np.array([25, 20, 60, 25, 25, 8], dtype=np.float32)

_SPEEDS = ("aperture", "outer_aperture", "area", "width", "jaw", "dark")
_RANGED = ("aperture", "area", "patch_motion")
FACE_FIELDS = (
    ("presence",)
    + lips.SHAPE
    + lips.POSE
    + ("patch_motion",)
    + tuple(f"d_{name}" for name in _SPEEDS)
    + tuple(f"ranged_{name}" for name in _RANGED)
    + ("d_pose", "d_x", "d_y", "d_log_size", "log_size")
)
_THING_SPEEDS = ("mass", "x", "y", "bottom")
SIGHT_FIELDS = (
    tuple(f"change_{i}" for i in range(sight.GRID**2))
    + tuple(f"signed_{i}" for i in range(sight.FLOW**2))
    + tuple(f"flow_{axis}_{i}" for axis in "xy" for i in range(sight.FLOW**2))
    + tuple(f"moving_{name}" for name in sight.THING)
    + tuple(f"thing_{name}" for name in sight.THING)
    + tuple(f"d_thing_{name}" for name in _THING_SPEEDS)
    + ("dd_thing_y", "d_moving_mass", "brightness")
)
SYNC_FIELDS = FACE_FIELDS + SIGHT_FIELDS
SYNC_DIM = len(SYNC_FIELDS)
CLIP_DIM = 3 * THUMB**2 + EDGES**2


class Seen(NamedTuple):
    """Features of one clip: `sync` at 25 Hz, `clip` at 4 Hz, and how much of it shows a face (0 .. 1)."""

    sync: Float[Tensor, "f d"]
    clip: Float[Tensor, "g d"]
    face_share: float


class MotionEncoder:
    """Frames with their times to features; `folder` holds the two face models."""

    sync_dim, clip_dim = SYNC_DIM, CLIP_DIM

    def __init__(self, folder: Path):
        self.tracker = FaceTracker(folder)

    def encode(self, frames: Iterable[tuple[float, np.ndarray]], duration: float) -> Seen:
        """`frames` yields (seconds, (h w 3) uint8 RGB) in order of time; they are read once and not kept.

        Raises InputError when there is no frame.
        """
        self.tracker.reset()
        times, greys, thumbs, edges, faces = [], [], [], [], []
        last = -np.inf
        for time, frame in frames:
            if time - last < 1 / MAX_RATE - 1e-4:
                continue
            last = time
            times.append(time)
            grey, thumb, edge = _look(frame)
            greys.append(grey)
            thumbs.append(thumb)
            edges.append(edge)
            faces.append(self._face(frame))
        if not times:
            raise InputError("clip.no_frames", "the clip has no picture", hint="deepaudio tts")
        at = np.asarray(times)
        grid = (np.arange(max(1, round(duration * SYNC_RATE))) + 0.5) / SYNC_RATE
        slow = (np.arange(max(1, round(duration * CLIP_RATE))) + 0.5) / CLIP_RATE
        face, share = _face_track(faces, at, grid)
        sync = np.concatenate([face, _sight_track(np.stack(greys), at, grid)], axis=1)
        clip = _resample(np.concatenate([np.stack(thumbs), np.stack(edges)], axis=1), at, slow)
        finite = np.nan_to_num(sync, nan=0.0, posinf=0.0, neginf=0.0)
        return Seen(
            torch.from_numpy(np.clip(finite, -6, 6).astype(np.float32)),
            torch.from_numpy(clip.astype(np.float32)),
            share,
        )

    def _face(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray, float] | None:
        face = self.tracker.follow(frame)
        if face is None:
            return None
        height, width = frame.shape[:2]
        measures = np.concatenate(
            [lips.shape(face), lips.pose(face), lips.place(face, width, height)]
        )
        return measures, lips.patch(face), face.presence


def _look(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Small grey picture, colour thumbnail and edge strength of one frame."""
    grey = sight.shrink(frame)
    image = Image.fromarray(frame).resize((THUMB, THUMB), Image.Resampling.BOX)
    thumb = np.asarray(image, dtype=np.float32).reshape(-1) / 127.5 - 1
    slope_y, slope_x = np.gradient(grey)
    edge = sight.cells(np.hypot(slope_x, slope_y)[None], EDGES)[0]
    return grey, thumb, np.sqrt(edge) * 4 - 0.5


def _face_track(faces: list, times: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, float]:
    """FACE_FIELDS at the times of `grid`; zeros where no face was near. Second value: share of frames with a face."""
    out = np.zeros((len(grid), len(FACE_FIELDS)), dtype=np.float32)
    known = np.array([i for i, face in enumerate(faces) if face is not None], dtype=int)
    share = len(known) / len(faces)
    if len(known) < 3:
        return out, share
    at = times[known]
    measures = np.stack([faces[i][0] for i in known])
    patches = np.stack([faces[i][1] for i in known])
    sure = np.array([faces[i][2] for i in known])
    patches = patches - patches.mean((1, 2), keepdims=True)
    step = np.maximum(np.diff(at), 1e-3)
    moved = np.abs(np.diff(patches, axis=0)).mean((1, 2)) / (step * SYNC_RATE)
    moved = np.where(step > 0.2, 0.0, moved)
    patch_motion = _resample(np.concatenate([[0.0], moved])[:, None], at - _half_step(at), grid)
    values = _resample(measures, at, grid)
    nearest = np.abs(grid[:, None] - at[None]).min(1)
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
    return out, share


def _sight_track(grey: np.ndarray, times: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """SIGHT_FIELDS at the times of `grid`."""
    absolute, signed = sight.change(grey, times)
    moving = sight.things(absolute)
    thing = sight.things(sight.foreground(grey))
    between = times - _half_step(times)  # a difference belongs to the middle of its two frames
    fast = np.concatenate(
        [
            np.sqrt(sight.cells(absolute, sight.GRID)) * 5,
            sight.cells(signed, sight.FLOW) * 20,
            sight.flow(grey, times) * 4,
            _balanced(moving),
            signed.mean((1, 2))[:, None] * 20,
        ],
        axis=1,
    )
    fast = _resample(fast, between, grid)
    moving_at = fast[:, -1 - len(sight.THING) : -1]
    raw = _resample(thing, times, grid)
    index = [sight.THING.index(name) for name in _THING_SPEEDS]
    seen = raw[:, :1] > 2e-4
    speed = np.clip(_speed(raw[:, index]) * 25 * seen, -3, 3)
    bend = np.clip(_speed(speed[:, 2:3]) * seen, -3, 3)
    columns = [
        fast[:, : -1 - len(sight.THING)], moving_at, _balanced(raw), speed, bend,
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
    """Change per sync frame, centred: [f d]."""
    if len(values) < 2:
        return np.zeros_like(values)
    return np.gradient(values, axis=0)
