"""Distances between waveforms in several STFT resolutions, and their energy distance for stochastic vocoders."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.audio.mel import MelConfig, log_mel


class Spectra(nn.Module):
    """Log and square-root magnitudes in several resolutions, and the log-mel."""

    def __init__(self, n_ffts: tuple[int, ...] = (512, 1024, 2048)) -> None:
        super().__init__()
        self.n_ffts = n_ffts
        for n_fft in n_ffts:
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def pick(self, rng: torch.Generator) -> list[int]:
        """One STFT resolution, or the mel (written 0), drawn at random: an unbiased, cheap part of all."""
        return [(*self.n_ffts, 0)[int(torch.randint(len(self.n_ffts) + 1, (), generator=rng))]]

    def forward(
        self, waveform: Float[Tensor, "b s"], n_ffts: list[int] | None = None
    ) -> list[Tensor]:
        """Views of a waveform, of the resolutions `n_ffts` (0: log-mel) or of all."""
        views = []
        for n_fft in (*self.n_ffts, 0) if n_ffts is None else n_ffts:
            if n_fft == 0:
                views.append(2.0 * log_mel(waveform, MelConfig(floor=1e-4)))
                continue
            window = getattr(self, f"window_{n_fft}")
            spectrum = torch.stft(
                waveform.float(), n_fft, n_fft // 4, window=window, return_complex=True
            )
            power = torch.view_as_real(spectrum / math.sqrt(0.375 * n_fft)).square().sum(-1) + 1e-8
            log_magnitude = 0.5 * power.log()
            views += [log_magnitude, 2.0 * (0.5 * log_magnitude).exp()]
        return views


def distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Sum over the views of the mean absolute difference."""
    return torch.stack([(x - y).abs().mean() for x, y in zip(a, b, strict=True)]).sum()


def energy_distance(
    real: list[Tensor], one: list[Tensor], two: list[Tensor], spread: float = 1.0
) -> Tensor:
    """E d(x, y) - spread E d(y, y') / 2 from two draws of the generator for the same condition.

    A proper score for a spread of 1: its minimum has the right mixture of tone and noise, where a plain distance prefers
    a magnitude without noise (Gritsenko et al. 2020, arXiv 2008.01160).
    """
    return 0.5 * (distance(real, one) + distance(real, two)) - 0.5 * spread * distance(one, two)
