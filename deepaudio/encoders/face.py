"""Faces in a video: BlazeFace finds one, the 468-point mesh follows it (MediaPipe, Apache-2.0)."""

import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from deepaudio.errors import WeightsError
from deepaudio.libraries import needed

log = logging.getLogger(__name__)

CROP = 192
MIN_DETECTION = 0.5
MIN_PRESENCE = 0.35
RIGHT_EYE, LEFT_EYE = 33, 263
STILL = 3  # grey levels (of 255) by which what is seen may differ and still hold no face if it held none


class Shown(NamedTuple):
    """A frame in which a face may be: RGB pixels [h w 3], made when asked for, and a small grey image of all of it."""

    pixels: Callable[[], np.ndarray]
    grey: np.ndarray


class Face(NamedTuple):
    """One followed face: 468 points (x, y, z) in pixels of the frame, its crop and how sure the mesh is."""

    points: np.ndarray  # [468 3] float32
    crop: np.ndarray  # [192 192 3] float32 in 0 .. 255, upright
    crop_points: np.ndarray  # [468 2] points inside the crop
    presence: float
    frame: tuple[int, int]  # width and height


class Box(NamedTuple):
    """A square region: centre, side and rotation (radians) in pixels of the frame."""

    x: float
    y: float
    side: float
    angle: float


class FaceTracker:
    """Follows the largest face; looks for one again when it is lost.

    The frame is searched whole, with a margin (a face that fills the frame), and now and then in
    overlapping quarters (a small face in a wide frame), but not where it looks as it did when no face was there.
    """

    def __init__(self, folder: Path, tile_every: int = 12):
        self.detector = _Network(folder / "detector.tflite")
        self.mesh = _Network(folder / "mesh.tflite")
        self.anchors = _anchors()
        self.tile_every = tile_every
        self.reset()

    def reset(self) -> None:
        """Forget the followed face: call it before another clip."""
        self.box: Box | None = None
        self.untiled = self.tile_every
        self.empty: dict[Box, np.ndarray] = {}

    def follow(self, frames: Sequence[Shown]) -> list[Face | None]:
        """The face in each of the next frames, None where there is none.

        While none is followed the last frame of the run is searched first, and the others only if it has a face: one
        that comes and goes between two last frames is not seen.
        """
        if self.box is None and len(frames) > 1:
            self.untiled += len(frames) - 1
            if self._find(frames[-1]) is None:
                return [None] * len(frames)
            self.box = None
        return [self._next(frame) for frame in frames]

    def _next(self, frame: Shown) -> Face | None:
        if self.box is not None:
            image = frame.pixels()
            face = self._measure(image, self.box)
            if face is not None:
                self.box = _around(face.points)
                return face
        return self._find(frame)

    def _find(self, frame: Shown) -> Face | None:
        """A face that is not followed yet."""
        self.untiled += 1
        image = frame.pixels()
        height, width = image.shape[:2]
        for view in self._views(width, height):
            seen = _part(frame.grey, view, width, height)
            if view in self.empty and np.abs(seen - self.empty[view]).max() <= STILL:
                continue
            box = self._detect(image, view)
            face = None if box is None else self._measure(image, box)
            if face is not None:  # once more from its own outline: steadier than the detector's
                again = self._measure(image, _around(face.points)) or face
                self.box, self.untiled = _around(again.points), self.tile_every
                return again
            self.empty[view] = seen
        self.box = None
        return None

    def _views(self, width: int, height: int) -> Iterator[Box]:
        """Square parts of a frame in which to look now."""
        side = float(max(width, height))
        whole = Box(width / 2, height / 2, side, 0.0)
        views = [whole, whole._replace(side=side * 1.6)]
        if self.untiled > self.tile_every:
            self.untiled = 1
            short = float(min(width, height))
            for part in (short, short / 2) if side > 1.2 * short else (short / 2,):
                steps_x = np.linspace(part / 2, width - part / 2, min(5, round(1.5 * width / part)))
                steps_y = np.linspace(
                    part / 2, height - part / 2, min(3, round(1.5 * height / part))
                )
                views += [Box(x, y, part, 0.0) for y in steps_y for x in steps_x]
        return iter(dict.fromkeys(views))  # a row of quarters may be there twice

    def _detect(self, image: np.ndarray, view: Box) -> Box | None:
        """The best detection inside a square view, as a box turned with the eyes and 1.5 times as large."""
        pixels = _cut(image, view, 128) / np.float32(127.5) - 1
        raw, scores = self.detector(pixels[None])
        if raw.shape[-1] == 1:
            raw, scores = scores, raw
        best = int(scores[0, :, 0].argmax())
        if 1 / (1 + np.exp(-np.clip(scores[0, best, 0], -50, 50))) < MIN_DETECTION:
            return None
        values = raw[0, best].reshape(8, 2) / 128
        values[[0, 2, 3, 4, 5, 6, 7]] += self.anchors[best]
        scale, left, top = view.side, view.x - view.side / 2, view.y - view.side / 2
        centre, size, right_eye, left_eye = values[0], values[1], values[2], values[3]
        angle = float(np.arctan2(left_eye[1] - right_eye[1], left_eye[0] - right_eye[0]))
        return Box(
            left + centre[0] * scale,
            top + centre[1] * scale,
            1.5 * float(size.max()) * scale,
            angle,
        )

    def _measure(self, image: np.ndarray, box: Box) -> Face | None:
        height, width = image.shape[:2]
        if not 8 < box.side < 8 * max(width, height):
            return None
        crop = _cut(image, box, CROP)
        values, presence = self.mesh(crop[None] / np.float32(255))
        if values.size == 1:
            values, presence = presence, values
        sure = float(1 / (1 + np.exp(-presence.reshape(-1)[0])))
        if sure < MIN_PRESENCE:
            return None
        inside = values.reshape(468, 3)
        ratio = box.side / CROP
        x, y = (inside[:, 0] - CROP / 2) * ratio, (inside[:, 1] - CROP / 2) * ratio
        cos, sin = np.cos(box.angle), np.sin(box.angle)
        points = np.stack(
            [box.x + cos * x - sin * y, box.y + sin * x + cos * y, inside[:, 2] * ratio], 1
        )
        return Face(points.astype(np.float32), crop, inside[:, :2].copy(), sure, (width, height))


def _around(points: np.ndarray) -> Box:
    """The next frame's region: the outline of the mesh, upright by the eyes, 1.5 times as large."""
    right, left = points[RIGHT_EYE, :2], points[LEFT_EYE, :2]
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    cos, sin = np.cos(-angle), np.sin(-angle)
    turned = points[:, :2] @ np.array([[cos, sin], [-sin, cos]])
    low, high = turned.min(0), turned.max(0)
    centre = (low + high) / 2 @ np.array([[cos, -sin], [sin, cos]])
    return Box(float(centre[0]), float(centre[1]), 1.5 * float((high - low).max()), angle)


def _part(grey: np.ndarray, view: Box, width: int, height: int) -> np.ndarray:
    """What a small image of a frame of that size shows of an upright view, as signed numbers."""
    rows, columns = grey.shape
    x, y, reach = view.x / width * columns, view.y / height * rows, view.side / 2
    across, down = reach / width * columns, reach / height * rows
    left, top = max(0, math.floor(x - across)), max(0, math.floor(y - down))
    return grey[top : math.ceil(y + down), left : math.ceil(x + across)].astype(np.int16)


def _cut(image: np.ndarray, box: Box, size: int) -> np.ndarray:
    """The square `box` of the image [h w 3] at `size` pixels, bilinear, black outside: whole float32 in 0 .. 255."""
    height, width = image.shape[:2]
    cos, sin = np.cos(box.angle), np.sin(box.angle)
    reach = (abs(cos) + abs(sin)) * box.side / 2
    left, right, inside_x = _needed(box.x, reach, width)
    top, bottom, inside_y = _needed(box.y, reach, height)
    planes = torch.from_numpy(image[top:bottom, left:right].astype(np.float32))
    # places as grid_sample counts them, -1 .. 1 over the part that is needed
    step = (np.arange(size) + 0.5 - size / 2) * (2 * box.side / size)
    scale_x, scale_y = 1 / (right - left), 1 / (bottom - top)
    grid = np.empty((1, size, size, 2), np.float32)
    begin_x, begin_y = (box.x - left) * 2 * scale_x - 1, (box.y - top) * 2 * scale_y - 1
    np.add.outer(begin_x - sin * scale_x * step, cos * scale_x * step, out=grid[0, ..., 0])
    np.add.outer(begin_y + cos * scale_y * step, sin * scale_y * step, out=grid[0, ..., 1])
    found = F.grid_sample(
        planes.permute(2, 0, 1)[None], torch.from_numpy(grid), padding_mode="border", align_corners=False
    )  # fmt: skip
    cut = np.empty((size, size, 3), np.float32)
    for colour, plane in enumerate(found[0].numpy()):
        np.floor(plane, out=cut[..., colour])
    if not (inside_x and inside_y):
        x = (grid[0, ..., 0] + 1) / 2 / scale_x + left
        y = (grid[0, ..., 1] + 1) / 2 / scale_y + top
        cut[(x < 0) | (x >= width) | (y < 0) | (y >= height)] = 0
    return cut


def _needed(centre: float, reach: float, side: int) -> tuple[int, int, bool]:
    """The first and the last pixel + 1 that lie within reach, at least one, and whether nothing beyond does."""
    first = min(max(0, math.floor(centre - reach) - 1), side - 1)
    last = max(min(side, math.ceil(centre + reach) + 1), first + 1)
    return first, last, reach <= centre <= side - reach


def _anchors() -> np.ndarray:
    """Centres of BlazeFace's 896 candidates: two on each cell of 16 x 16, six on each of 8 x 8."""
    grids = []
    for cells, count in ((16, 2), (8, 6)):
        steps = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(steps, steps, indexing="ij")
        grids.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), count, axis=0))
    return np.concatenate(grids).astype(np.float32)


class _Network:
    """A LiteRT network with one input and two outputs, on one thread."""

    def __init__(self, path: Path) -> None:
        with needed():
            from ai_edge_litert.interpreter import Interpreter
        if not path.is_file():
            hint = "reinstall deepaudio"
            raise WeightsError("face.missing", f"no face model at {path}", hint=hint)
        with _logged_stderr():
            self.interpreter = Interpreter(model_content=path.read_bytes(), num_threads=1)
            self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.outputs = [d["index"] for d in self.interpreter.get_output_details()[:2]]

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        self.interpreter.set_tensor(self.input, values)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(index) for index in self.outputs]  # copies


@contextmanager
def _logged_stderr() -> Iterator[None]:
    """LiteRT greets on file descriptor 2 and has no switch for it: what is written there goes to the log."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    os.dup2(write, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(write)
        with open(read, "rb") as heard:
            log.debug("LiteRT: %s", (heard.read() or b"").decode("utf-8", "replace").strip())
