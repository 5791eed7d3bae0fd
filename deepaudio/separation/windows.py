"""A sound of any length taken apart window by window: what the voice in it is, and what is left without it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepaudio.media.spool import spooled
from deepaudio.progress import Progress
from deepaudio.waves import LazyWave

RATE = 44_100
SIZE, HOP = 4096, 1024
BINS = 1024  # of SIZE / 2 + 1, those that the networks look at: up to 11 kHz
FRAMES, OVERLAP = 512, 128  # of a window (11.9 s), and of it with the next one
STEP = FRAMES - OVERLAP
EPSILON = 1e-10

Network = Callable[[Tensor], Tensor]


def voice_in(
    sound: LazyWave,
    voice: Network,
    rest: Network,
    folder: Path,
    device: str = "cpu",
    progress: Progress | None = None,
) -> LazyWave:
    """The voice in a sound of one or two channels, of the same rate and length, kept in a nameless file in `folder`.

    Windows lie at fixed places and are blended where they overlap, so memory does not grow with the sound, and the
    same sound gives the same voice.
    """
    if sound.channels > 2:
        raise ValueError(f"{sound.channels} channels; mix them down to two first")
    blocks = _blocks(sound.at(RATE), voice, rest, device, progress)
    return spooled(blocks, RATE, folder).at(sound.sample_rate).fitted(sound.n_samples)


def without(sound: LazyWave, part: LazyWave) -> LazyWave:
    """What is left of a sound when a part of it is taken away."""
    return sound + part.through(torch.neg)


@torch.inference_mode()
def _blocks(
    sound: LazyWave, voice: Network, rest: Network, device: str, progress: Progress | None
) -> Iterator[Float[Tensor, "c n"]]:
    """The voice in order, a window's step at a time."""
    hann = torch.hann_window(SIZE)
    n_frames = -(-sound.n_samples // HOP) + 3  # every sample is in four of them
    pending = torch.zeros(sound.channels, 0)  # what the next window adds to
    for first in range(0, n_frames, STEP):
        last = first + FRAMES >= n_frames
        begin = (first - 3) * HOP
        piece = sound.piece(begin, begin + (FRAMES - 1) * HOP + SIZE)
        frames = piece.unfold(1, SIZE, HOP) * hann
        spectrum = torch.fft.rfft(frames)  # [c t f]
        share = _mask(spectrum.abs(), voice, rest, device) * _weight(first == 0, last)[:, None]
        made = torch.fft.irfft(spectrum * share) * hann / 1.5  # four Hann windows squared are 1.5
        added = _laid(made)
        added[:, : pending.shape[1]] += pending
        done = added.shape[1] if last else STEP * HOP
        pending = added[:, done:]
        start = max(0, -begin)
        yield added[:, start : min(done, sound.n_samples - begin)]
        if progress:
            seconds = min(begin + done, sound.n_samples) / RATE
            progress("seconds of sound separated", round(seconds), round(sound.seconds))
        if last:
            return


def _mask(
    magnitude: Float[Tensor, "c t f"], voice: Network, rest: Network, device: str
) -> Float[Tensor, "c t f"]:
    """Which part of each bin is the voice: the ratio of the squares of what both networks find."""
    low = magnitude[..., :BINS].to(device)
    both = low.expand(2, -1, -1)[None]
    found, other = voice(both)[0].square(), rest(both)[0].square()
    ratio = ((found + EPSILON / 2) / (found + other + EPSILON)).cpu()
    ratio = ratio.mean(0, keepdim=True) if len(magnitude) == 1 else ratio
    above = ratio.mean(-1, keepdim=True)  # where the networks do not look: as below, on the whole
    return torch.cat([ratio, above.expand(-1, -1, magnitude.shape[-1] - BINS)], -1)


def _weight(is_first: bool, is_last: bool) -> Float[Tensor, " t"]:
    """How much a window counts at each of its frames; those of two that overlap add up to 1."""
    rise = (torch.arange(OVERLAP) + 0.5) / OVERLAP
    weight = torch.ones(FRAMES)
    if not is_first:
        weight[:OVERLAP] = rise
    if not is_last:
        weight[-OVERLAP:] = rise.flip(0)
    return weight


def _laid(frames: Float[Tensor, "c t n"]) -> Float[Tensor, "c s"]:
    """Frames added up, each HOP samples after the one before."""
    length = (frames.shape[1] - 1) * HOP + SIZE
    columns = frames.transpose(1, 2)
    return F.fold(columns, (1, length), (1, SIZE), stride=(1, HOP))[:, 0, 0]
