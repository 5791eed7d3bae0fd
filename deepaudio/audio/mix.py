"""Lines on a timeline, over a bed that makes room for them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.waves import LazyWave

FADE = 0.005
ATTACK, RELEASE = 0.08, 0.35
HOLD = 0.25
"""Pauses shorter than this do not bring the bed back."""
AT_ONCE = 3000  # steps of 10 ms of a long sound


class Event(NamedTuple):
    """A sound and the second of the timeline at which it begins."""

    start: float
    waveform: Float[Tensor, " s"]


def timeline(
    events: Sequence[Event], duration: float, sample_rate: int, fade: float = FADE
) -> Float[Tensor, " s"]:
    """All events added up on `duration` seconds of silence; each fades in and out over `fade` seconds.

    What begins before 0 or passes the end is an error: sound is never cut here without a word.
    """
    total = round(duration * sample_rate)
    track = torch.zeros(total)
    for number, event in enumerate(events):
        begin = round(event.start * sample_rate)
        length = event.waveform.shape[-1]
        # times rounded to samples may pass the end by one or two
        if begin < 0 or begin + length > total + 2:
            raise ValueError(
                f"event {number} lies at {event.start:.3f} .. {event.start + length / sample_rate:.3f} s "
                f"outside a timeline of {duration:.3f} s"
            )
        sound = faded(event.waveform.to(track), round(fade * sample_rate))[: total - begin]
        track[begin : begin + sound.shape[-1]] += sound
    return track


def faded(waveform: Float[Tensor, "... s"], n: int) -> Float[Tensor, "... s"]:
    """The waveform with raised-cosine edges of `n` samples (or half its length)."""
    n = min(n, waveform.shape[-1] // 2)
    if n <= 0:
        return waveform
    ramp = 0.5 - 0.5 * torch.cos(torch.pi * (torch.arange(n, device=waveform.device) + 0.5) / n)
    made = waveform.clone()
    made[..., :n] *= ramp.to(made)
    made[..., -n:] *= ramp.flip(0).to(made)
    return made


def ducked(bed: LazyWave, voice: LazyWave, duck_db: float) -> LazyWave:
    """The bed `duck_db` quieter while the voice sounds: down over 80 ms before it, up again over 350 ms after it."""
    return bed * duck_gain(voice, bed.n_samples, duck_db)


def duck_gain(voice: LazyWave, n_samples: int, duck_db: float) -> LazyWave:
    """The gain of `ducked`, in (0, 1], one channel of `n_samples`."""
    if duck_db < 0:
        raise ValueError(f"duck_db is {duck_db}; 0 or more")
    hop = max(1, voice.sample_rate // 100)
    padded = voice.fitted(n_samples).fitted(-(-n_samples // hop) * hop)
    level = torch.zeros(padded.n_samples // hop)
    for number, block in enumerate(padded.blocks(AT_ONCE * hop)):
        steps = block.mean(0).reshape(-1, hop)
        level[number * AT_ONCE :][: len(steps)] = steps.pow(2).mean(1).sqrt()
    if float(level.max()) < 1e-5:
        return LazyWave(1, n_samples, voice.sample_rate, lambda a, b: torch.ones(1, b - a))
    active = (level > 0.03 * torch.quantile(level[level > 1e-5], 0.95)).float()
    active = _closed(active, round(HOLD * 100))
    depth = _smoothed(active, ATTACK * 100, RELEASE * 100)
    # straight lines between the middles of the steps, level before the first and after the last
    steps = torch.nn.functional.pad(
        (10 ** (-duck_db * depth / 20))[None, None], (1, 1), mode="replicate"
    )

    def make(first: int, last: int) -> Tensor:
        start, end = first // hop, -(-last // hop)
        some = steps[..., start : end + 2]
        fine = torch.nn.functional.interpolate(some, some.shape[-1] * hop, mode="linear")[0]
        return fine[:, hop + first - start * hop : hop + last - start * hop]

    return LazyWave(1, n_samples, voice.sample_rate, make)


def _closed(active: Tensor, width: int) -> Tensor:
    """Gaps of up to `width` frames between active ones filled."""
    made = active.clone()
    last = None
    for number in active.nonzero().flatten().tolist():
        if last is not None and 1 < number - last <= width:
            made[last:number] = 1
        last = number
    return made


def _smoothed(active: Tensor, attack: float, release: float) -> Tensor:
    """Straight ramps: up to 1 over `attack` frames before each active stretch, down over `release` after it."""
    values = active.tolist()
    n = len(values)
    level = 0.0
    falling = [0.0] * n
    for i in range(n):
        level = 1.0 if values[i] else max(0.0, level - 1 / max(release, 1))
        falling[i] = level
    level = 0.0
    for i in reversed(range(n)):
        level = 1.0 if values[i] else max(0.0, level - 1 / max(attack, 1))
        falling[i] = max(falling[i], level)
    ramps = torch.tensor(falling)
    return ramps * ramps * (3 - 2 * ramps)
