"""Motion of a video for AV-align: mean Farneback flow magnitude of every frame."""

from pathlib import Path

import numpy as np

from deepaudio.errors import InputError
from deepaudio.libraries import needed
from deepaudio.media.guard import guard, opened
from deepaudio.media.sniff import regular_file


def flow_magnitudes(path: Path) -> tuple[list[float], float]:
    """(one magnitude a frame, frames per second); the first frame repeats the first pair's."""
    with needed():
        import cv2
    magnitudes: list[float] = []
    before = None
    place = regular_file(path, "video")
    guard(place, allow_damaged=True, notes=[], what="video")
    with opened(place) as container:
        stream = next(iter(container.streams.video), None)
        if stream is None:
            raise InputError("video.missing", f"no frame in {place.name}")
        frame_rate = float(stream.average_rate or stream.guessed_rate)
        for frame in container.decode(stream):
            colour = frame.to_ndarray(format="bgr24")
            grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
            if before is not None:
                flow = cv2.calcOpticalFlowFarneback(before, grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)
                magnitudes.append(float(np.hypot(flow[..., 0], flow[..., 1]).mean()))
            before = grey
    if not magnitudes:
        raise InputError("video.short", f"{place.name} has fewer than two frames")
    return [magnitudes[0], *magnitudes], frame_rate
