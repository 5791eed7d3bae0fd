"""Which frames the V2A models see: fixed rates from any clip, and how much of it the features cover (MMAudio's reader)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Float, UInt8
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as images

CLIP_RATE = 8.0
SYNC_RATE = 25.0
SYNC_SIZE = 224
_SYNC_SEGMENT, _SYNC_HOP = 16, 8


def sampled(
    times: Iterable[float], rates: Sequence[float], duration: float
) -> Iterator[tuple[int, int]]:
    """(index of the rate, index of the frame) for every slot of every rate, in the order of the frames.

    `times` are presentation times in seconds, ascending. A slot takes the first frame at or after it, so slow clips
    repeat frames and fast ones skip some. Slot times are summed in floating point as upstream sums them; the frame
    chosen depends on it where a slot and a frame coincide.
    """
    following = [0.0] * len(rates)
    for index, time in enumerate(times):
        if time > duration:
            return
        for which, rate in enumerate(rates):
            while time >= following[which]:
                yield which, index
                following[which] += 1 / rate


@dataclass(frozen=True)
class Coverage:
    """The part of a clip that both streams of features cover, and the frames to keep of each."""

    duration: float
    n_clip: int
    n_sync: int

    @property
    def sync_segments(self) -> int:
        return max(0, (self.n_sync - _SYNC_SEGMENT) // _SYNC_HOP + 1)


def covered(requested: float, n_clip: int, n_sync: int) -> Coverage:
    """The longest duration that has all its frames, at most what was requested."""
    duration = min(requested, n_clip / CLIP_RATE, n_sync / SYNC_RATE)
    return Coverage(duration, int(CLIP_RATE * duration), int(SYNC_RATE * duration))


def sync_input(frames: UInt8[Tensor, "f h w 3"]) -> Float[Tensor, "f 3 224 224"]:
    """Frames as decoded to Synchformer's input: shorter edge 224 (bicubic), centre square, in [-1, 1]."""
    resized = images.resize(
        frames.permute(0, 3, 1, 2), [SYNC_SIZE], InterpolationMode.BICUBIC, antialias=True
    )
    square = images.center_crop(resized, [SYNC_SIZE, SYNC_SIZE])
    return square.float() / 127.5 - 1
