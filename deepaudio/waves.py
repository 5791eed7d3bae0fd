"""Lazy waveforms: samples are computed piece by piece when asked for, so that audio as long as a film is never whole in memory."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK_SECONDS = 30


@dataclass(frozen=True)
class LazyWave:
    """A waveform [channels s]; `make(first, last)` gives those samples of every channel, as often as it is asked."""

    channels: int
    n_samples: int
    sample_rate: int
    make: Callable[[int, int], Tensor]

    @classmethod
    def of(cls, waveform: Float[Tensor, "*channels s"], sample_rate: int) -> "LazyWave":
        """A tensor [s] or [channels s] in memory."""
        if waveform.ndim not in (1, 2):
            raise ValueError(f"a waveform is [s] or [channels s], not {list(waveform.shape)}")
        samples = waveform.detach().to("cpu", torch.float32)
        samples = samples[None] if samples.ndim == 1 else samples
        return cls(len(samples), samples.shape[1], sample_rate, lambda a, b: samples[:, a:b])

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.n_samples / self.sample_rate

    def piece(self, first: int, last: int) -> Float[Tensor, "c n"]:
        """Samples `first` to `last`; silence where they lie before its start or after its end."""
        start, end = (min(max(place, 0), self.n_samples) for place in (first, last))
        inside = self.make(start, end) if end > start else torch.zeros(self.channels, 0)
        before = min(max(-first, 0), last - first)
        return torch.nn.functional.pad(inside, (before, last - first - (end - start) - before))

    def blocks(self, size: int | None = None) -> Iterator[Float[Tensor, "c n"]]:
        """All of it in order, `size` samples (30 s) at a time."""
        size = size or BLOCK_SECONDS * self.sample_rate
        for first in range(0, self.n_samples, size):
            yield self.piece(first, min(first + size, self.n_samples))

    def whole(self) -> Float[Tensor, "c s"]:
        """All of it in memory; for short sounds."""
        return torch.cat([torch.zeros(self.channels, 0), *self.blocks()], 1)

    def fitted(self, n_samples: int) -> "LazyWave":
        """Cut, or followed by silence."""
        return replace(self, n_samples=n_samples, make=self.piece)

    def through(
        self,
        change: Callable[[Float[Tensor, "c n"]], Float[Tensor, "d n"]],
        channels: int | None = None,
        context: int = 0,
        grid: int = 1,
    ) -> "LazyWave":
        """Every piece changed by a function that looks `context` samples around; `channels` after it if not the same.

        What the function is given begins at a multiple of `grid`.
        """

        def make(first: int, last: int) -> Tensor:
            start = max(0, first - context) // grid * grid
            end = min(self.n_samples, last + context)
            return change(self.piece(start, end))[:, first - start : last - start]

        return replace(self, channels=channels or self.channels, make=make)

    def __add__(self, other: "LazyWave") -> "LazyWave":
        """Both at once, of the same rate and length; one channel goes to all of the other's."""
        return self._joined(other, torch.add)

    def __mul__(self, other: "LazyWave") -> "LazyWave":
        """Sample by sample, of the same rate and length; for gains that change."""
        return self._joined(other, torch.mul)

    def _joined(self, other: "LazyWave", join: Callable[[Tensor, Tensor], Tensor]) -> "LazyWave":
        mine, its = (self.sample_rate, self.n_samples), (other.sample_rate, other.n_samples)
        if mine != its:
            raise ValueError(f"sounds of {mine} and {its} (rate, samples) do not go together")
        return replace(
            self,
            channels=max(self.channels, other.channels),
            make=lambda a, b: join(self.piece(a, b), other.piece(a, b)),
        )

    def at(self, sample_rate: int) -> "LazyWave":
        """At another rate (band-limited), every piece as if the whole had been resampled."""
        if sample_rate == self.sample_rate:
            return self
        from torchaudio.transforms import Resample

        shared = math.gcd(self.sample_rate, sample_rate)
        step, made = self.sample_rate // shared, sample_rate // shared  # so many samples in, out
        resample = Resample(step, made)
        margin = (
            math.ceil(8 / min(step, made)) + 1
        )  # the kernel spans six periods of the lower rate

        def make(first: int, last: int) -> Tensor:
            start, end = first // made - margin, -(-last // made) + margin
            found = resample(self.piece(start * step, end * step))
            return found[:, first - start * made : last - start * made]

        return replace(
            self,
            n_samples=-(-self.n_samples * made // step),
            sample_rate=sample_rate,
            make=make,
        )
