"""The log-mel patches of VGGish and YAMNet: frames of 25 ms every 10 ms, triangles on the mel scale."""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

SAMPLE_RATE = 16_000
WINDOW, HOP, N_FFT, N_MELS = 400, 160, 512, 64
LOW_HZ, HIGH_HZ = 125.0, 7500.0
PATCH = 96


@cache
def _mel_matrix() -> Float[Tensor, "k m"]:
    """Weights [257 64]: triangles that are linear in mel (not in Hz), no energy from 0 Hz."""

    def mel(hz):
        return 1127.0 * torch.log1p(torch.as_tensor(hz, dtype=torch.float64) / 700.0)

    bins = mel(torch.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1, dtype=torch.float64))[:, None]
    edges = torch.linspace(float(mel(LOW_HZ)), float(mel(HIGH_HZ)), N_MELS + 2, dtype=torch.float64)
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = torch.minimum(rise, fall).clamp(min=0)
    weights[0] = 0
    return weights.float()


def patches(waveform: Float[Tensor, " s"], hop: int, offset: float) -> Float[Tensor, "p t m"]:
    """log(mel + offset) in patches of 96 frames every `hop` frames; short sounds are padded to one."""
    least = WINDOW + (PATCH - 1) * HOP
    waveform = torch.nn.functional.pad(waveform.float(), (0, max(0, least - len(waveform))))
    windowed = waveform.unfold(0, WINDOW, HOP) * torch.hann_window(WINDOW)
    magnitude = torch.fft.rfft(windowed, n=N_FFT).abs()
    logs = (magnitude @ _mel_matrix() + offset).log()
    return logs.unfold(0, PATCH, hop).transpose(1, 2)
