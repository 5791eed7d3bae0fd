"""Log-mel spectrogram of 24 kHz speech, in the layout of Vocos and F5-TTS."""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
import torchaudio.functional as AF
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class MelConfig:
    """100 HTK mel bins of the magnitude spectrum, centred frames, natural log above `floor`."""

    sample_rate: int = 24_000
    n_fft: int = 1024
    hop_length: int = 256
    n_mels: int = 100
    floor: float = 1e-5

    @property
    def frame_rate(self) -> float:
        return self.sample_rate / self.hop_length


def n_frames(n_samples: int, hop_length: int = 256) -> int:
    """Frames of a centred spectrogram of `n_samples` samples."""
    return 1 + n_samples // hop_length


@lru_cache(maxsize=8)
def _filterbank(config: MelConfig, device: str) -> Tensor:
    bank = AF.melscale_fbanks(
        n_freqs=config.n_fft // 2 + 1,
        f_min=0.0,
        f_max=config.sample_rate / 2,
        n_mels=config.n_mels,
        sample_rate=config.sample_rate,
        norm=None,
        mel_scale="htk",
    )
    return bank.to(device)


def log_mel(
    waveform: Float[Tensor, "b s"], config: MelConfig = MelConfig()
) -> Float[Tensor, "b n c"]:
    """(b s) in [-1, 1] at `config.sample_rate` -> (b, 1 + s // hop, n_mels), natural log.

    A waveform too short to be reflected at its ends is lengthened with silence first.
    """
    n = n_frames(waveform.shape[-1], config.hop_length)
    short = config.n_fft // 2 + 1 - waveform.shape[-1]
    waveform = F.pad(waveform.float(), (0, max(short, 0)))
    spectrum = torch.stft(
        waveform,
        config.n_fft,
        hop_length=config.hop_length,
        window=torch.hann_window(config.n_fft, device=waveform.device),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    mel = spectrum.abs().mT @ _filterbank(config, str(waveform.device))
    return mel.clamp(min=config.floor).log()[:, :n]


MEAN, STD = -4.0, 2.5  # of log-mel speech at the usual level, for networks that want about N(0, 1)


def standardize(mel: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Log-mel to the scale in which `mini` generates."""
    return (mel - MEAN) / STD


def unstandardize(latent: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Back from the scale of `mini` to log-mel."""
    return latent * STD + MEAN
