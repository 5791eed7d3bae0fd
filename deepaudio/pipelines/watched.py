"""Looking at a long picture takes minutes; whoever waits is told how far it is."""

import math
from collections.abc import Callable, Iterator

from deepaudio.media.clip import ClipInfo
from deepaudio.media.video import Frame, frames

Progress = Callable[[str, int, int], None]


def watched(
    info: ClipInfo, progress: Progress | None = None, *, size: tuple[int, int] | None = None
) -> Iterator[Frame]:
    """The pictures of a clip as `frames` gives them; `progress` hears the seconds that were seen."""
    total = math.ceil(info.duration)
    for frame in frames(info, size=size):
        if progress and frame.time < total:
            progress("seconds of video", int(frame.time), total)
        yield frame
    if progress:
        progress("seconds of video", total, total)
