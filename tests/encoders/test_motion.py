"""What mini sees does not depend on frame rate or resolution, finds drawn faces, and keeps still when nothing moves."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import deepaudio
from deepaudio.data.synthetic.draw import Camera, Pen
from deepaudio.data.synthetic.face import MOUTH_RATE, DrawnFace, Looks
from deepaudio.encoders import face, motion, scene_motion
from deepaudio.encoders.face import Shown
from deepaudio.encoders.motion import (
    FACE_FIELDS,
    SYNC_FIELDS,
    MotionEncoder,
    describe,
    sync_times,
)
from deepaudio.errors import InputError
from deepaudio.media.video import frames

FACES = Path(deepaudio.__file__).parent / "presets" / "mini" / "face"


@pytest.fixture(scope="module")
def encoder():
    return MotionEncoder(FACES)


def column(seen, name):
    return seen.sync[:, SYNC_FIELDS.index(name)].numpy()


def falling(rate, size=(96, 96), duration=2.0):
    """A ball that falls for a second and lies still afterwards, filmed at `rate`."""
    camera = Camera(np.random.default_rng(0), size, rate)
    camera.noise, camera.shake = 0.0, 0.0

    def draw(pen: Pen, t: float) -> None:
        pen.thing("ball", 0.5, 0.15 + 0.7 * min(t, 1.0) ** 2, 0.1, (250, 40, 30))

    return camera.frames(draw, duration)


def talking(opening, size=(120, 120), seconds=1.6, rate=25.0, tall=0.75):
    """A drawn face whose mouth follows `opening(t)`."""
    t = np.arange(int(seconds * MOUTH_RATE)) / MOUTH_RATE
    track = np.stack([opening(t), np.full(len(t), 0.5)], 1)
    face = DrawnFace(Looks.random(np.random.default_rng(4)), track, seed=1, size=tall)
    for index in range(int(seconds * rate)):
        image = Image.new("RGB", size, (150, 160, 170))
        face.draw(image, index / rate)
        yield index / rate, np.asarray(image)


def test_the_opening_of_a_drawn_mouth_is_measured(encoder):
    def opening(t):
        return 0.5 - 0.5 * np.cos(2 * np.pi * 1.5 * t)

    seen = encoder.encode(talking(opening), 1.6)
    assert column(seen, "presence").min() == 1.0
    assert seen.sync.shape == (75, len(SYNC_FIELDS))
    expected = opening(sync_times(1.6))
    assert np.corrcoef(column(seen, "aperture"), expected)[0, 1] > 0.9


def test_a_small_face_in_a_wide_picture_is_found(encoder):
    frames = talking(lambda t: 0 * t, (480, 270), 0.4, tall=0.22)
    assert column(encoder.encode(frames, 0.4), "presence").mean() > 0.5


def test_without_a_face_the_face_columns_are_zero(encoder):
    seen = encoder.encode(falling(25.0, duration=0.6), 0.6)
    assert not seen.sync[:, : len(FACE_FIELDS)].any()


def test_frame_rate_and_resolution_do_not_matter(encoder):
    slow, fast, large = (
        describe(encoder.measure(falling(rate, size), faces=False), 2.0)
        for rate, size in ((15.0, (96, 96)), (60.0, (96, 96)), (25.0, (400, 300)))
    )
    assert slow.sync.shape == fast.sync.shape == large.sync.shape
    for name, tolerance in (("thing_y", 0.12), ("thing_bottom", 0.12)):
        assert np.abs(column(slow, name) - column(fast, name))[3:-3].mean() < tolerance
        assert np.abs(column(large, name) - column(fast, name))[3:-3].mean() < tolerance
    rates = [column(seen, "moving_mass")[10:40].mean() for seen in (slow, fast, large)]
    assert max(rates) < 1.35 * min(rates)


def test_it_is_seen_when_the_ball_lands(encoder):
    seen = describe(encoder.measure(falling(25.0), faces=False), 2.0)
    moving = column(seen, "moving_mass") > 0.05
    assert abs(sync_times(2.0)[np.flatnonzero(moving)[-1]] - 1.0) < 0.06


def test_a_still_picture_has_no_motion(encoder):
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    seen = describe(encoder.measure(((i / 25, picture) for i in range(25)), faces=False), 1.0)
    names = [n for n in SYNC_FIELDS if n.startswith(("change", "flow", "moving", "d_", "signed"))]
    assert all(not column(seen, name).any() for name in names)


def test_a_cut_is_not_motion():
    grey = np.zeros((20, scene_motion.SIZE, scene_motion.SIZE), np.uint8)
    grey[10:] = 150
    absolute, signed = scene_motion.change(
        scene_motion.bright(grey), np.arange(20) / 25, scene_motion.cuts(grey)
    )
    assert scene_motion.cuts(grey).nonzero()[0].tolist() == [10]
    assert not absolute.any() and not signed.any()


def test_blocks_do_not_show(encoder, monkeypatch):
    """Long clips are looked at in blocks; the numbers are those of the whole."""
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 255, (48, 64, 3)).astype(np.uint8) for _ in range(3)]
    pictures = [frames[i > 40].copy() for i in range(80)]
    for i, picture in enumerate(pictures):
        picture[i // 4 : i // 4 + 8, 10:20] = frames[2][i // 4 : i // 4 + 8, 10:20]
    track = encoder.measure(((i / 25, p) for i, p in enumerate(pictures)), faces=False)
    whole = describe(track, 3.2).sync
    monkeypatch.setattr(scene_motion, "BLOCK", 7)
    assert torch.allclose(describe(track, 3.2).sync, whole, atol=1e-6)
    assert whole.std(0).gt(0.01).sum() > 30


def test_one_frame_is_enough_and_none_is_an_input_error(encoder):
    one = encoder.encode([(0.0, np.zeros((40, 40, 3), np.uint8))], 0.5)
    assert one.sync.isfinite().all() and len(one.sync) == round(0.5 * 46.875)
    with pytest.raises(InputError, match="no frame"):
        encoder.encode([], 1.0)


@pytest.mark.slow
def test_faces_looked_for_once_a_run_are_those_of_every_frame(monkeypatch):
    """The talker of the example, then none, and both again."""
    clip = Path(__file__).resolve().parents[2] / "examples/clip.mp4"
    seen = [frame.pixels.numpy() for frame in frames(clip, start=5.2, duration=1.2)]
    shown = [(i / 25, pixels) for i, pixels in enumerate(seen * 2)]
    encoder = MotionEncoder(FACES)
    searched = []
    find = encoder.tracker._find
    monkeypatch.setattr(encoder.tracker, "_find", lambda i: searched.append(1) or find(i))
    in_runs = encoder.measure(shown)
    count = len(searched)
    monkeypatch.setattr(motion, "RUN", 0.0)
    searched.clear()
    one_by_one = encoder.measure(shown)
    there = one_by_one.face[:, 0] > 0
    assert there.any() and not there.all()
    for a, b in zip(in_runs, one_by_one, strict=True):
        assert np.array_equal(a, b)
    assert count < 0.6 * len(searched)


def test_a_face_is_not_looked_for_where_nothing_has_changed_and_found_where_it_comes(encoder):
    empty = np.full((120, 160, 3), 150, np.uint8)
    (_, faced), *_ = talking(lambda t: 0 * t, (160, 120))
    tracker = encoder.tracker
    tracker.reset()
    looks = []
    detector, tracker.detector = tracker.detector, lambda x: looks.append(1) or detector(x)

    def follow(pixels):
        looks.clear()
        grey = np.asarray(Image.fromarray(scene_motion.shrink(pixels)).convert("L"))
        (found,) = tracker.follow([Shown(lambda: pixels, grey)])
        return found

    try:
        assert follow(empty) is None and len(looks) > 2
        for _ in range(2 * tracker.tile_every):
            assert follow(empty + 2) is None and not looks  # a little noise is no change
        found = follow(faced)
        assert found is not None and found.frame == (160, 120)
        assert follow(faced) is not None and not looks  # it is followed
    finally:
        tracker.detector = detector


@pytest.mark.parametrize("size", [128, 192])
def test_a_cut_is_that_of_pillow(size):
    """Turned, enlarged, reduced, and in part outside of the frame."""
    rng = np.random.default_rng(0)
    pixels = np.asarray(
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).resize((96, 72))
    )
    for _ in range(40):
        place = rng.uniform((-10, -10, 9, -1), (106, 82, 180, 1))
        x, y, side, angle = place
        cos, sin = np.cos(angle) * side / size, np.sin(angle) * side / size
        left, top = x - (cos - sin) * size / 2, y - (sin + cos) * size / 2
        expected = Image.fromarray(pixels).transform(
            (size, size), Image.Transform.AFFINE, (cos, -sin, left, sin, cos, top), Image.Resampling.BILINEAR
        )  # fmt: skip
        apart = np.abs(face._cut(pixels, face.Box(*place), size) - np.asarray(expected))
        assert (
            apart > 1
        ).mean() < 1e-4  # a pixel on the very edge of the frame is in or out by rounding


def test_runs_are_short_and_hold_every_frame():
    shown = [(i / 50, i) for i in range(40)] + [(0.8 + i / 5, 40 + i) for i in range(4)]
    runs = list(motion._runs(shown))
    kept = [time for run in runs for time, _ in run]
    assert all(run[-1][0] - run[0][0] <= motion.RUN for run in runs)
    assert all(b - a >= 1 / motion.MAX_RATE - 1e-3 for a, b in itertools.pairwise(kept))
    assert len(kept) == 24 and [len(run) for run in runs[-3:]] == [1, 1, 1]
