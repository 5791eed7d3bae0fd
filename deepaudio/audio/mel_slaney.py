"""Log-mel spectrograms on the Slaney scale, without centring (HiFi-GAN family front end).

The 16 kHz and 44.1 kHz mel codecs of the V2A models and the BigVGAN vocoders share this front end: the waveform is
clamped, reflected by (n_fft - hop) / 2 on both sides, and the magnitude is sqrt(re^2 + im^2 + 1e-9).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import melscale_fbanks

_MAGNITUDE_FLOOR = 1e-9
_LOG_FLOOR = 1e-5


@dataclass(frozen=True)
class SlaneyMelConfig:
    """Sizes of the front end; `log10` chooses the base-ten logarithm (16 kHz codec) over the natural one."""

    sample_rate: int = 44100
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    f_min: float = 0.0
    f_max: float = 22050.0
    log10: bool = False

    def __post_init__(self) -> None:
        if self.n_fft < self.hop_length:
            raise ValueError(f"n_fft {self.n_fft} is below hop_length {self.hop_length}")
        if not self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"0 <= f_min {self.f_min} < f_max {self.f_max} <= {self.sample_rate / 2} must hold"
            )

    @classmethod
    def codec_16k(cls) -> "SlaneyMelConfig":
        return cls(16000, 1024, 256, 80, 0.0, 8000.0, log10=True)

    @classmethod
    def codec_44k(cls) -> "SlaneyMelConfig":
        return cls()

    @property
    def frame_rate(self) -> float:
        return self.sample_rate / self.hop_length


@lru_cache(maxsize=8)
def _filterbank(config: SlaneyMelConfig) -> Tensor:
    return melscale_fbanks(
        config.n_fft // 2 + 1,
        config.f_min,
        config.f_max,
        config.n_mels,
        config.sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )


def log_mel_slaney(
    waveform: Float[Tensor, "b s"], config: SlaneyMelConfig
) -> Float[Tensor, "b n c"]:
    """Log-mel frames of a waveform in [-1, 1]; n = s // hop_length.

    Raises ValueError when the waveform is shorter than the reflected margin.
    """
    margin = (config.n_fft - config.hop_length) // 2
    if waveform.shape[-1] <= margin:
        raise ValueError(
            f"{waveform.shape[-1]} samples are too few for a reflected margin of {margin}"
        )
    waveform = waveform.float().clamp(-1.0, 1.0)
    padded = F.pad(waveform.unsqueeze(1), (margin, margin), mode="reflect").squeeze(1)
    window = torch.hann_window(config.n_fft, device=waveform.device)
    spectrum = torch.stft(
        padded,
        config.n_fft,
        config.hop_length,
        window=window,
        center=False,
        onesided=True,
        return_complex=True,
    )
    power = spectrum.real.square() + spectrum.imag.square()
    magnitude = (power + _MAGNITUDE_FLOOR).sqrt().transpose(1, 2)
    mel = (magnitude @ _filterbank(config).to(magnitude.device)).clamp(min=_LOG_FLOOR)
    return mel.log10() if config.log10 else mel.log()
