"""Flow magnitudes of a video: known motion in pixels a frame, stillness, and what has no motion to measure."""

from fractions import Fraction

import av
import numpy as np
import pytest

from deepaudio.errors import InputError
from deepaudio.evaluation.optical_flow import flow_magnitudes


def video(path, shifts, rate=25):
    """A smooth texture, moved to the right by so many pixels from each frame to the next."""
    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(160), np.arange(96))
    waves = [(rng.uniform(0.03, 0.25, 2), rng.uniform(0, 6)) for _ in range(12)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.time_base = Fraction(1, rate)
        for place in np.cumsum([0, *shifts]):
            grey = sum(np.sin(a * (x - place) + b * y + phase) for (a, b), phase in waves)
            grey = np.clip(128 + 25 * grey, 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(grey[..., None], 3, 2), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_known_motion_has_its_pixels_a_frame(tmp_path):
    shifts = [1, 1, 0, 2, 0, 0, 3]
    found, rate = flow_magnitudes(video(tmp_path / "a.mkv", shifts))
    assert rate == 25 and len(found) == len(shifts) + 1 and found[0] == found[1]
    assert found[1:] == pytest.approx(shifts, abs=0.35)


def test_a_still_picture_does_not_move(tmp_path):
    found, _ = flow_magnitudes(video(tmp_path / "a.mkv", [0, 0, 0], rate=10))
    assert found == pytest.approx([0] * 4, abs=0.01)


def test_one_frame_has_no_motion(tmp_path):
    with pytest.raises(InputError, match="fewer than two frames"):
        flow_magnitudes(video(tmp_path / "a.mkv", []))
