"""What the full-size V2A models see of a clip: CLIP at 8 fps, Synchformer at 25 fps, in one decoding pass."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.encoders import clip, frame_sampling
from deepaudio.errors import InputError
from deepaudio.media.clip import ClipInfo
from deepaudio.media.probe import probe
from deepaudio.media.video import Frame, frames_with_progress
from deepaudio.progress import Progress

SEGMENT, HOP, PER_SEGMENT = 16, 8, 8
_BATCH = 16
_SEGMENTS = 8  # on a GPU; a CPU is as fast with one, in less memory


@dataclass(frozen=True)
class FullFeatures:
    """Features of a clip of `duration` seconds; `covered` seconds of it have both kinds."""

    clip: Float[Tensor, "f d"]
    sync: Float[Tensor, "m d"]
    duration: float
    covered: float


class _Stream:
    """Frames in, features out, a few frames held: images one by one, segments of 16 frames every 8."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.waiting: list[Tensor] = []
        self.features: list[Tensor] = []
        self.count = 0

    def images(self, tower: clip.Clip, frame: Tensor | None) -> None:
        if frame is not None:
            self.waiting.append(frame)
            self.count += 1
        if self.waiting and (frame is None or len(self.waiting) == _BATCH):
            batch = torch.stack(self.waiting).to(self.device, self.dtype)
            self.features.append(tower.images(batch).float().cpu())
            self.waiting.clear()

    def segments(self, encoder: nn.Module, frame: Tensor | None, at_once: int) -> None:
        if frame is not None:
            self.waiting.append(frame)
            self.count += 1
        ready = (len(self.waiting) - SEGMENT) // HOP + 1
        if ready > 0 and (frame is None or ready == at_once):
            clip = torch.stack(self.waiting).to(self.device, self.dtype)
            batch = torch.stack([clip[i * HOP : i * HOP + SEGMENT] for i in range(ready)])
            self.features += encoder.segments(batch[None])[0].float().cpu()
            del self.waiting[: ready * HOP]


@torch.inference_mode()
def look(
    video: str | PathLike | ClipInfo,
    tower: clip.Clip,
    encoder: nn.Module,
    device: torch.device,
    dtype: torch.dtype,
    progress: Progress | None = None,
) -> FullFeatures:
    """Features of a whole clip; memory does not grow with its length.

    The last frame stands until the end of the clip (upstream drops what is left of an eighth of a second there: speech
    would end before the clip), and longer in a clip shorter than one Synchformer segment
    (0.64 s). Raises InputError for a clip without frames.
    """
    info = probe(video)
    images, segments = _Stream(device, dtype), _Stream(device, dtype)
    at_once = _SEGMENTS if device.type == "cuda" else 1
    last: list[Tensor | None] = [None, None]
    for which, pixels in _slots(frames_with_progress(info, progress), info.duration):
        if which == 0:
            last[0] = clip.frames_to_input(pixels[None], tower.config)[0]
            images.images(tower, last[0])
        else:
            last[1] = frame_sampling.sync_input(pixels[None])[0]
            segments.segments(encoder, last[1], at_once)
    if last[0] is None or last[1] is None:
        raise InputError("clip.no_pictures", f"no frame of {info.path} could be used")
    while images.count < math.ceil(frame_sampling.CLIP_RATE * info.duration):
        images.images(tower, last[0])
    images.images(tower, None)
    while segments.count < max(SEGMENT, math.ceil(frame_sampling.SYNC_RATE * info.duration)):
        segments.segments(encoder, last[1], at_once)
    segments.segments(encoder, None, at_once)
    covered = frame_sampling.covered(info.duration, images.count, segments.count)
    n_sync = max(1, covered.sync_segments) * PER_SEGMENT
    seen = torch.cat(images.features)[: max(1, covered.n_clip)]
    return FullFeatures(
        seen, torch.cat(segments.features)[:n_sync], info.duration, covered.duration
    )


def _slots(decoded: Iterator[Frame], duration: float) -> Iterator[tuple[int, Tensor]]:
    """(0 for CLIP or 1 for Synchformer, pixels) in the order of the frames."""
    held: dict[int, Tensor] = {}

    def times() -> Iterator[float]:
        for index, frame in enumerate(decoded):
            held.clear()
            held[index] = frame.pixels
            yield frame.time

    rates = [frame_sampling.CLIP_RATE, frame_sampling.SYNC_RATE]
    for which, index in frame_sampling.sampled(times(), rates, duration):
        yield which, held[index]
