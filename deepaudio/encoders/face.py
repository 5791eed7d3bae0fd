"""Faces in a video: BlazeFace finds one, the 468-point mesh follows it (MediaPipe, Apache-2.0)."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from deepaudio.errors import WeightsError
from deepaudio.libraries import needed

log = logging.getLogger(__name__)

CROP = 192
MIN_DETECTION = 0.5
MIN_PRESENCE = 0.35
RIGHT_EYE, LEFT_EYE = 33, 263


class Face(NamedTuple):
    """One followed face: 468 points (x, y, z) in pixels of the frame, its crop and how sure the mesh is."""

    points: np.ndarray  # [468 3] float32
    crop: np.ndarray  # [192 192 3] uint8, upright
    crop_points: np.ndarray  # [468 2] points inside the crop
    presence: float


class Box(NamedTuple):
    """A square region: centre, side and rotation (radians) in pixels of the frame."""

    x: float
    y: float
    side: float
    angle: float


class FaceTracker:
    """Follows the largest face; looks for one again when it is lost.

    The frame is searched whole, with a margin (a face that fills the frame), and now and then in
    overlapping quarters (a small face in a wide frame).
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

    def follow(self, images: Sequence[Image.Image]) -> list[Face | None]:
        """The face in each of the next RGB frames, None where there is none.

        While none is followed the last frame of the run is searched first, and the others only if it has a face: one
        that comes and goes between two last frames is not seen.
        """
        if self.box is None and len(images) > 1:
            self.untiled += len(images) - 1
            if self._find(images[-1]) is None:
                return [None] * len(images)
            self.box = None
        return [self._next(image) for image in images]

    def _next(self, image: Image.Image) -> Face | None:
        if self.box is not None:
            face = self._measure(image, self.box)
            if face is not None:
                self.box = _around(face.points)
                return face
        return self._find(image)

    def _find(self, image: Image.Image) -> Face | None:
        """A face that is not followed yet."""
        self.untiled += 1
        for box in self._search(image):
            face = self._measure(image, box)
            if face is not None:  # once more from its own outline: steadier than the detector's
                again = self._measure(image, _around(face.points)) or face
                self.box, self.untiled = _around(again.points), self.tile_every
                return again
        self.box = None
        return None

    def _search(self, image: Image.Image) -> Iterator[Box]:
        width, height = image.size
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
        for view in views:
            found = self._detect(image, view)
            if found is not None:
                yield found

    def _detect(self, image: Image.Image, view: Box) -> Box | None:
        """The best detection inside a square view, as a box turned with the eyes and 1.5 times as large."""
        pixels = np.asarray(_cut(image, view, 128), dtype=np.float32) / 127.5 - 1.0
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

    def _measure(self, image: Image.Image, box: Box) -> Face | None:
        if not 8 < box.side < 8 * max(image.size):
            return None
        crop = np.asarray(_cut(image, box, CROP))
        values, presence = self.mesh(crop[None].astype(np.float32) / 255)
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
        return Face(points.astype(np.float32), crop, inside[:, :2].copy(), sure)


def _around(points: np.ndarray) -> Box:
    """The next frame's region: the outline of the mesh, upright by the eyes, 1.5 times as large."""
    right, left = points[RIGHT_EYE, :2], points[LEFT_EYE, :2]
    angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    cos, sin = np.cos(-angle), np.sin(-angle)
    turned = points[:, :2] @ np.array([[cos, sin], [-sin, cos]])
    low, high = turned.min(0), turned.max(0)
    centre = (low + high) / 2 @ np.array([[cos, -sin], [sin, cos]])
    return Box(float(centre[0]), float(centre[1]), 1.5 * float((high - low).max()), angle)


def _cut(image: Image.Image, box: Box, size: int) -> Image.Image:
    """The square `box` of the image at `size` pixels, black outside."""
    ratio = box.side / size
    cos, sin = np.cos(box.angle) * ratio, np.sin(box.angle) * ratio
    x = box.x - (cos - sin) * size / 2
    y = box.y - (sin + cos) * size / 2
    return image.transform(
        (size, size), Image.Transform.AFFINE, (cos, -sin, x, sin, cos, y), Image.Resampling.BILINEAR
    )


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
