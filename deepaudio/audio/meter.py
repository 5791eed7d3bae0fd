"""Measure loudness and true peak (ITU-R BS.1770-4) of audio that comes block by block."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import resample

from deepaudio.audio.biquad import k_weighting

BLOCK, STEP = 0.4, 0.1  # gating blocks in seconds, and how far the next one begins
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0
CHANNEL_GAINS = (1.0, 1.0, 1.0, 1.41, 1.41)
SHORTEST = 64  # samples; less is no sound
OVERSAMPLED_RATE = 192_000
FILTER_WIDTH = 24
CONTEXT, PEAK_BLOCK = 64, 1024


@dataclass(frozen=True)
class Loudness:
    """What was measured. -inf where the sound is silent."""

    lufs: float
    true_peak_db: float


class Meter:
    """Takes the blocks of one sound in order; at most 5 channels are counted, in the order of BS.1770.

    Sounds under 0.4 s are measured as one block of their own length; silence gives -inf, never NaN.
    """

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self._weighting = k_weighting(sample_rate)
        self._length, self._highest, self._peak = 0, 0.0, 0.0
        self._powers = np.zeros(0)  # weighted squares that later gating blocks still need
        self._passed = 0  # samples before them
        self._gated: list[float] = []
        self._tail: Tensor | None = None

    def add(self, block: Float[Tensor, "c n"]) -> None:
        """The next samples; ValueError for NaN or infinite ones."""
        if not torch.isfinite(block).all():
            raise ValueError("the waveform has NaN or infinite samples")
        if block.shape[1] == 0:
            return
        self._length += block.shape[1]
        self._highest = max(self._highest, float(block.abs().max()))
        self._weigh(block[:5].double().numpy())
        self._look_between(block.float())

    def result(self, gain_db: float = 0.0) -> Loudness:
        """What all blocks together measure, or would if they were so much louder; more may follow."""
        peak = self._peak
        if self._tail is not None:
            start = CONTEXT if self._length > self._tail.shape[1] else 0
            found = between(self._tail, self.sample_rate, 0.5 * self._highest)
            peak = max(peak, float(found[start:].max()))
        peak_db = 20 * math.log10(peak) + gain_db if peak > 0 else -math.inf
        return Loudness(self._integrated(10 ** (gain_db / 10)), peak_db)

    def _weigh(self, samples: np.ndarray) -> None:
        for stage in self._weighting:
            samples = stage(samples)
        powers = np.array(CHANNEL_GAINS[: len(samples)]) @ samples**2
        self._powers = np.concatenate([self._powers, powers])
        total = np.concatenate([[0.0], self._powers.cumsum()])
        while (edges := self._edges(len(self._gated)))[1] <= self._length:
            first, last = (edge - self._passed for edge in edges)
            self._gated.append((total[last] - total[first]) / (BLOCK * self.sample_rate))
        done = self._edges(len(self._gated))[0] - self._passed
        self._powers, self._passed = self._powers[done:], self._passed + done

    def _edges(self, number: int) -> tuple[int, int]:
        """First and last sample of a gating block."""
        rate = self.sample_rate
        return int(BLOCK * (number / 4) * rate), int(BLOCK * (number / 4 + 1) * rate)

    def _integrated(self, factor: float) -> float:
        if self._length < SHORTEST or not self._highest:
            return -math.inf
        powers = factor * np.array([*self._gated, *self._unfinished()])
        levels = _level(powers)
        loud = powers[levels >= ABSOLUTE_GATE]
        if not len(loud):
            return -math.inf
        gate = max(ABSOLUTE_GATE, float(_level(loud.mean())) + RELATIVE_GATE)
        return float(_level(powers[levels > gate].mean()))

    def _unfinished(self) -> list[float]:
        """The end that is no whole gating block, where half a step or more of it is missing in the others."""
        seconds = self._length / self.sample_rate
        if seconds < BLOCK:
            return [float(self._powers.mean())]
        more = round((seconds - BLOCK) / STEP) + 1 > len(self._gated)
        return [float(self._powers.sum() / (BLOCK * self.sample_rate))] if more else []

    def _look_between(self, block: Tensor) -> None:
        """True peak of what has its context; the last samples wait for the next block."""
        known = block if self._tail is None else torch.cat([self._tail, block], 1)
        start = CONTEXT if self._length > known.shape[1] else 0
        found = between(known, self.sample_rate, 0.5 * self._highest)[start:-CONTEXT]
        self._peak = max(self._peak, float(found.max()) if len(found) else 0.0)
        self._tail = known[:, -2 * CONTEXT :]


def metered(blocks: Iterable[Float[Tensor, "c n"]], sample_rate: int) -> Meter:
    """A meter that has heard all of a sound."""
    meter = Meter(sample_rate)
    for block in blocks:
        meter.add(block)
    return meter


def measure(blocks: Iterable[Float[Tensor, "c n"]], sample_rate: int) -> Loudness:
    """Integrated, gated loudness and true peak."""
    return metered(blocks, sample_rate).result()


def between(samples: Float[Tensor, "c s"], sample_rate: int, floor: float) -> Float[Tensor, " s"]:
    """Of each sample, the highest magnitude of any channel at it or up to the next one, by four- to eightfold oversampling.

    Between samples only where the samples themselves pass `floor`: band-limited sound does not rise far above them.
    """
    found = samples.abs().amax(0)
    length = found.numel()
    padded = torch.nn.functional.pad(samples, (CONTEXT, CONTEXT - length % -PEAK_BLOCK))
    blocks = padded.unfold(1, PEAK_BLOCK + 2 * CONTEXT, PEAK_BLOCK)
    loud = (blocks.abs().amax((0, 2)) > floor).nonzero().flatten()
    factor = min(max(math.ceil(OVERSAMPLED_RATE / sample_rate), 4), 8)
    made = torch.nn.functional.pad(found, (0, -length % PEAK_BLOCK)).reshape(-1, PEAK_BLOCK)
    for some in loud.split(256) if len(loud) else ():  # bounded memory
        fine = resample(blocks[:, some], 1, factor, lowpass_filter_width=FILTER_WIDTH)
        fine = fine.abs().amax(0)[:, CONTEXT * factor :][:, : PEAK_BLOCK * factor]
        made[some] = torch.maximum(made[some], fine.unflatten(1, (-1, factor)).amax(2))
    return made.flatten()[:length]


def _level(power: np.ndarray | float) -> np.ndarray | float:
    """LUFS of a weighted mean square."""
    with np.errstate(divide="ignore"):
        return -0.691 + 10 * np.log10(power)
