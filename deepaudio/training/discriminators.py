"""Small discriminators of waveforms: by period (HiFi-GAN, arXiv 2010.05646) and by STFT resolution (UnivNet, 2106.07889)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn


class Verdict(NamedTuple):
    """Scores of one discriminator (higher is more real) and its hidden features."""

    scores: Tensor
    features: list[Tensor]


class PeriodDiscriminator(nn.Module):
    """Sees every `period`-th sample: strided convolutions along each phase of the period."""

    def __init__(self, period: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.period = period
        sizes = zip((1, *channels[:-1]), channels, strict=True)
        self.convs = nn.ModuleList(_normed(nn.Conv1d(a, b, 5, 3, padding=2)) for a, b in sizes)
        self.out = _normed(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, waveform: Float[Tensor, "b s"]) -> Verdict:
        padded = F.pad(waveform, (0, -waveform.shape[-1] % self.period))
        x = rearrange(padded, "b (s p) -> (b p) 1 s", p=self.period)
        return _listen(x, self.convs, self.out)


class SpectralDiscriminator(nn.Module):
    """Sees the compressed complex STFT as an image of two channels."""

    def __init__(self, n_fft: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        sizes = list(zip((2, *channels[:-1]), channels, strict=True))
        strides = [(1, 2), *[(2, 2)] * (len(sizes) - 1)]
        self.convs = nn.ModuleList(
            _normed(nn.Conv2d(a, b, (3, 7), stride, padding=(1, 3)))
            for (a, b), stride in zip(sizes, strides, strict=True)
        )
        self.out = _normed(nn.Conv2d(channels[-1], 1, 3, padding=1))

    def forward(self, waveform: Float[Tensor, "b s"]) -> Verdict:
        spectrum = torch.stft(
            waveform.float(), self.n_fft, self.n_fft // 4, window=self.window, return_complex=True
        ) / (self.n_fft / 16)
        parts = torch.view_as_real(spectrum)
        squared = parts.square().sum(-1, keepdim=True)
        x = rearrange(parts * (squared + 1e-6) ** -0.35, "b k n two -> b two n k")
        return _listen(x, self.convs, self.out)


class Discriminators(nn.Module):
    """All of them; a step hears some, so that training stays cheap on a CPU."""

    def __init__(
        self,
        periods: tuple[int, ...] = (2, 3, 5, 7),
        period_channels: tuple[int, ...] = (16, 32, 64, 128),
        n_ffts: tuple[int, ...] = (512, 1024, 2048),
        spectral_channels: tuple[int, ...] = (16, 24, 32),
    ) -> None:
        super().__init__()
        by_period = [PeriodDiscriminator(period, period_channels) for period in periods]
        by_spectrum = [SpectralDiscriminator(n_fft, spectral_channels) for n_fft in n_ffts]
        self.members = nn.ModuleList([*by_period, *by_spectrum])
        self.n_periods = len(periods)

    def pick(self, rng: torch.Generator) -> list[int]:
        """Two discriminators by period and one by resolution, drawn at random."""
        periods = torch.randperm(self.n_periods, generator=rng)[:2]
        spectra = torch.randint(self.n_periods, len(self.members), (1,), generator=rng)
        return [*periods.tolist(), *spectra.tolist()]

    def forward(
        self, waveform: Float[Tensor, "b s"], which: list[int] | None = None
    ) -> list[Verdict]:
        """Verdicts of the members `which`, or of all."""
        members = self.members if which is None else [self.members[i] for i in which]
        return [member(waveform) for member in members]


def judge_loss(real: list[Verdict], fake: list[Verdict]) -> Tensor:
    """Hinge loss of the discriminators, mean over them."""
    losses = [
        F.relu(1 - r.scores).mean() + F.relu(1 + f.scores).mean()
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(losses).mean()


def fooling_loss(fake: list[Verdict]) -> Tensor:
    """Hinge loss of the generator, mean over discriminators."""
    return torch.stack([F.relu(1 - f.scores).mean() for f in fake]).mean()


def matching_loss(real: list[Verdict], fake: list[Verdict]) -> Tensor:
    """Mean distance of hidden features, relative to their mean size in the real sound."""
    losses = [
        (a.detach() - b).abs().mean() / (a.detach().abs().mean() + 1e-4)
        for r, f in zip(real, fake, strict=True)
        for a, b in zip(r.features, f.features, strict=True)
    ]
    return torch.stack(losses).mean()


def _listen(x: Tensor, convs: nn.ModuleList, out: nn.Module) -> Verdict:
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), 0.1)
        features.append(x)
    return Verdict(out(x).float(), [feature.float() for feature in features])


def _normed(conv: nn.Module) -> nn.Module:
    return nn.utils.parametrizations.weight_norm(conv)
