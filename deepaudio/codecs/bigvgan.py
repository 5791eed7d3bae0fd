"""BigVGAN vocoders, v1 (16 kHz) and v2 (44.1 kHz): periodic activations between anti-aliasing filters.

Lee et al. 2023, arXiv 2206.04658: sections 3.2 (snake) and 3.3 (alias-free multi-periodicity). Convolution weights are held
plain: weight normalisation is folded when official files are read.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_TAPS = 12
_RATIO = 2


def kaiser_sinc(cutoff: float, half_width: float, taps: int) -> Float[Tensor, "1 1 k"]:
    """Low-pass FIR filter with unit sum; Kaiser's design rule gives the window from the transition width."""
    half = taps // 2
    attenuation = 2.285 * (half - 1) * math.pi * 4 * half_width + 7.95
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation >= 21:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    else:
        beta = 0.0
    window = torch.kaiser_window(taps, periodic=False, beta=beta)
    offset = 0.5 if taps % 2 == 0 else 0.0
    time = torch.arange(taps) - half + offset
    impulse = 2 * cutoff * window * torch.sinc(2 * cutoff * time)
    return (impulse / impulse.sum()).view(1, 1, taps)


class Lowpass(nn.Module):
    """Holds the decimation filter under its checkpoint name."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", kaiser_sinc(0.5 / _RATIO, 0.6 / _RATIO, _TAPS))


class Upsample(nn.Module):
    """Doubles the rate of every channel."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", kaiser_sinc(0.5 / _RATIO, 0.6 / _RATIO, _TAPS))

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        edge = _TAPS // _RATIO - 1
        trim = edge * _RATIO + (_TAPS - _RATIO) // 2
        x = F.pad(x, (edge, edge), mode="replicate")
        kernel = self.filter.expand(channels, -1, -1)
        x = _RATIO * F.conv_transpose1d(x, kernel, stride=_RATIO, groups=channels)
        return x[..., trim:-trim]


class Downsample(nn.Module):
    """Halves the rate of every channel after the low-pass."""

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = Lowpass()

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        x = F.pad(x, (_TAPS // 2 - 1, _TAPS // 2), mode="replicate")
        kernel = self.lowpass.filter.expand(channels, -1, -1)
        return F.conv1d(x, kernel, stride=_RATIO, groups=channels)


class SnakeBeta(nn.Module):
    """x + sin^2(a x) / b with a = exp(alpha), b = exp(beta) per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        alpha = self.alpha.exp()[:, None]
        beta = self.beta.exp()[:, None]
        return x + torch.sin(x * alpha).square() / (beta + 1e-9)


class AliasFreeSnake(nn.Module):
    """The activation at twice the rate, so that the harmonics it makes do not fold back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = SnakeBeta(channels)
        self.upsample = Upsample()
        self.downsample = Downsample()

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(self.act(self.upsample(x)))


class AMPBlock(nn.Module):
    """Residual pairs of dilated and plain convolutions, an activation before each."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=(kernel - 1) * d // 2)
            for d in dilations
        )
        self.convs2 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding=kernel // 2) for _ in dilations
        )
        self.activations = nn.ModuleList(
            AliasFreeSnake(channels) for _ in range(2 * len(dilations))
        )

    def forward(self, x: Tensor) -> Tensor:
        for i, (first, second) in enumerate(zip(self.convs1, self.convs2, strict=True)):
            h = first(self.activations[2 * i](x))
            x = x + second(self.activations[2 * i + 1](h))
        return x


@dataclass(frozen=True)
class Config:
    """Sizes; v1 ends with tanh and a bias, v2 with a clamp and none."""

    n_mels: int = 80
    sample_rate: int = 16000
    upsample_rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    upsample_kernels: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    upsample_initial_channel: int = 1536
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[int, ...] = (1, 3, 5)
    tanh_at_final: bool = True
    bias_at_final: bool = True

    def __post_init__(self) -> None:
        if len(self.upsample_rates) != len(self.upsample_kernels):
            raise ValueError(
                f"{len(self.upsample_rates)} upsample_rates but "
                f"{len(self.upsample_kernels)} upsample_kernels"
            )
        if self.upsample_initial_channel % 2 ** len(self.upsample_rates):
            raise ValueError(
                f"upsample_initial_channel {self.upsample_initial_channel} cannot be halved "
                f"{len(self.upsample_rates)} times"
            )

    @classmethod
    def tiny(cls) -> "Config":
        return cls(upsample_initial_channel=64)

    @property
    def hop_length(self) -> int:
        return math.prod(self.upsample_rates)


class BigVGAN(nn.Module):
    """Log-mel frames to a waveform in [-1, 1]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width = config.upsample_initial_channel
        self.conv_pre = nn.Conv1d(config.n_mels, width, 7, padding=3)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernels, strict=True):
            up = nn.ConvTranspose1d(width, width // 2, kernel, rate, padding=(kernel - rate) // 2)
            self.ups.append(nn.ModuleList([up]))
            width //= 2
            for size in config.resblock_kernels:
                self.resblocks.append(AMPBlock(width, size, config.resblock_dilations))
        self.activation_post = AliasFreeSnake(width)
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3, bias=config.bias_at_final)

    @property
    def sample_rate(self) -> int:
        return self.config.sample_rate

    def forward(self, mel: Float[Tensor, "b n c"]) -> Float[Tensor, "b s"]:
        """s = n * hop_length."""
        x = self.conv_pre(mel.transpose(1, 2))
        branches = len(self.config.resblock_kernels)
        for i, up in enumerate(self.ups):
            x = up[0](x)
            outs = [block(x) for block in self.resblocks[i * branches : (i + 1) * branches]]
            x = sum(outs[1:], outs[0]) / branches
        x = self.conv_post(self.activation_post(x)).squeeze(1)
        return x.tanh() if self.config.tanh_at_final else x.clamp(-1.0, 1.0)
