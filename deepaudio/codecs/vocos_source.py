"""Source-filter Vocos: the backbone shapes a pulse train, noise and a free-phase part before one inverse STFT.

S = exp(h) e^{i theta} P + exp(w) W + exp(r) e^{i phi}: P and W are the STFTs of a pulse train that follows the pitch read
from the mel and of white noise. Phase then continues by construction, so a small network needs little training;
the last term is the head of Vocos (arXiv 2306.00814), for onsets. A neural source-filter model (Wang et al. 2019) in the
STFT domain. What comes out is then brought closer to the mel that went in: `refined`.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
import torchaudio.functional as AF
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.audio.excitation import pulse_train
from deepaudio.libraries import lean

with lean("vocos"):  # its `__init__` imports what fetches published weights
    from vocos.models import VocosBackbone

LOUDEST = math.log(1e3)  # of one STFT bin; a full-scale sine reaches 256
STRONGEST = 2.0  # log gain of one refinement


@dataclass(frozen=True)
class Config:
    """Sizes of the backbone, of the pitch reader, and the mel layout they expect."""

    n_mels: int = 100
    dim: int = 256
    intermediate_dim: int = 768
    n_layers: int = 7
    pitch_dim: int = 96
    pitch_layers: int = 4
    pitch_bins: int = 192
    pitch_lowest: float = 50.0
    bins_per_octave: int = 48
    sample_rate: int = 24_000
    n_fft: int = 1024
    hop_length: int = 256
    refinements: int = 4  # of what `decode` returns
    noise_gain: float = (
        0.0  # natural log; what `decode` adds to the noise that training found, before refinement
    )

    def __post_init__(self) -> None:
        if self.refinements < 0:
            raise ValueError(f"refinements is {self.refinements}, less than 0")
        if self.n_fft % self.hop_length or self.n_fft < 2 * self.hop_length:
            raise ValueError(
                f"hop_length {self.hop_length} must divide n_fft {self.n_fft} at least twice"
            )
        if self.n_mels < 2:
            raise ValueError(f"n_mels is {self.n_mels}, at least 2 are needed")

    @classmethod
    def tiny(cls) -> "Config":
        return cls(dim=32, intermediate_dim=64, n_layers=2, pitch_dim=32, pitch_layers=1)


class Pitch(NamedTuple):
    """Pitch read from a mel: Hz for every frame (meaningful where voiced), voicing in [0, 1], class scores."""

    hertz: Float[Tensor, "b n"]
    voiced: Float[Tensor, "b n"]
    scores: Float[Tensor, "b n k"]


class PitchReader(nn.Module):
    """Classifies each mel frame into logarithmic pitch bins; the last score is voicing."""

    def __init__(
        self, n_mels: int, dim: int, n_layers: int, bins: int, lowest: float, per_octave: int
    ) -> None:
        super().__init__()
        self.backbone = VocosBackbone(n_mels, dim, 3 * dim, n_layers)
        self.out = nn.Linear(dim, bins + 1)
        centres = lowest * 2 ** (torch.arange(bins) / per_octave)
        self.register_buffer("log_centres", centres.log(), persistent=False)

    def forward(self, mel: Float[Tensor, "b n c"]) -> Pitch:
        scores = self.scores(mel)
        bins = scores[..., :-1]
        best = bins.argmax(-1, keepdim=True)
        near = (torch.arange(bins.shape[-1], device=mel.device) - best).abs() <= 4
        weight = bins.masked_fill(~near, -torch.inf).softmax(-1)
        hertz = (weight * self.log_centres).sum(-1).exp()
        return Pitch(_median(hertz, 5), scores[..., -1].sigmoid(), scores)

    def scores(self, mel: Float[Tensor, "b n c"]) -> Float[Tensor, "b n k"]:
        """Unnormalised scores of the bins, then of voicing."""
        return self.out(self.backbone(rearrange(mel, "b n c -> b c n"))).float()


class Model(nn.Module):
    """Log-mel to waveform; n frames give (n - 1) * hop_length samples."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        c = config
        self.pitch = PitchReader(
            c.n_mels, c.pitch_dim, c.pitch_layers, c.pitch_bins, c.pitch_lowest, c.bins_per_octave
        )
        self.backbone = VocosBackbone(c.n_mels + 2, c.dim, c.intermediate_dim, c.n_layers)
        n_bins = c.n_fft // 2 + 1
        self.out = nn.Linear(c.dim, 5 * n_bins)
        with torch.no_grad():
            nn.init.normal_(self.out.weight, std=0.01)
            self.out.bias.copy_(torch.tensor([0.0, 0.0, -1.0, -3.0, 0.0]).repeat_interleave(n_bins))
        bank = AF.melscale_fbanks(
            n_bins, 0.0, c.sample_rate / 2, c.n_mels, c.sample_rate, mel_scale="htk"
        )
        weight, offset = _envelope_map(bank, c.sample_rate)
        self.register_buffer("mel_bank", bank, persistent=False)
        self.register_buffer("envelope_weight", weight, persistent=False)
        self.register_buffer("envelope_offset", offset, persistent=False)
        self.register_buffer("window", torch.hann_window(c.n_fft), persistent=False)

    @property
    def sample_rate(self) -> int:
        return self.config.sample_rate

    def decode(self, mel: Float[Tensor, "b n c"]) -> Float[Tensor, "b s"]:
        """(b n n_mels) natural-log mel -> (b, (n - 1) * hop_length); the same mel gives the same samples."""
        pitch = self.pitch(mel)
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn((mel.shape[1] - 1) * self.config.hop_length, generator=generator).to(
            mel.device
        )
        pulses = pulse_train(pitch.hertz, self.config.hop_length, self.config.sample_rate)
        filters = self.filters(mel, pitch.hertz, pitch.voiced)
        quieter = torch.tensor([0.0, 0.0, self.config.noise_gain, 0.0, 0.0], device=mel.device)
        filters = filters + quieter.view(5, 1, 1)
        rough = self.synthesise(filters, pulses, noise.expand_as(pulses))
        return self.refined(rough, mel, self.config.refinements)

    def forward(self, mel: Float[Tensor, "b n c"]) -> Float[Tensor, "b s"]:
        return self.decode(mel)

    def filters(
        self, mel: Float[Tensor, "b n c"], hertz: Float[Tensor, "b n"], voiced: Float[Tensor, "b n"]
    ) -> Float[Tensor, "b five k n"]:
        """Log gain and phase of the pulses, log gain of the noise, log magnitude and phase of the free part."""
        source = torch.stack([(hertz / 200).log() * voiced, voiced], -1)
        x = self.backbone(rearrange(torch.cat([mel, source], -1), "b n c -> b c n"))
        out = rearrange(self.out(x).float(), "b n (five k) -> b five k n", five=5)
        envelope = rearrange(mel @ self.envelope_weight + self.envelope_offset, "b n k -> b 1 k n")
        level = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0], device=mel.device).view(5, 1, 1)
        return out + level * envelope

    def synthesise(
        self,
        filters: Float[Tensor, "b five k n"],
        pulses: Float[Tensor, "b s"],
        noise: Float[Tensor, "b s"],
    ) -> Float[Tensor, "b s"]:
        """Filter the two sources, add the free part, invert."""
        harmonic, turn, hiss, free, angle = filters.unbind(1)
        gains = torch.stack([harmonic, hiss, free]).clamp(max=LOUDEST).exp()
        spectrum = torch.polar(gains[0], turn) * (self._stft(pulses) / (self.config.n_fft / 4))
        spectrum = spectrum + gains[1] * (self._stft(noise) / math.sqrt(self.config.n_fft * 3 / 8))
        spectrum = spectrum + torch.polar(gains[2], angle)
        return torch.istft(spectrum, self.config.n_fft, self.config.hop_length, window=self.window)

    def refined(
        self, waveform: Float[Tensor, "b s"], mel: Float[Tensor, "b n c"], rounds: int
    ) -> Float[Tensor, "b s"]:
        """Scale the magnitudes `rounds` times by the ratio of the wanted mel to that of the waveform.

        Phases are kept, as in Griffin and Lim's iteration, but start from a good sound; a few rounds remove what noise
        and pitch errors leave in bands that the mel resolves.
        """
        for _ in range(rounds):
            spectrum = self._stft(waveform)
            heard = rearrange(spectrum.abs(), "b k n -> b n k") @ self.mel_bank
            missing = (mel.float() - heard.clamp(min=1e-5).log()).clamp(-STRONGEST, STRONGEST)
            gain = rearrange(missing @ self.envelope_weight, "b n k -> b k n").exp()
            waveform = torch.istft(
                spectrum * gain, self.config.n_fft, self.config.hop_length, window=self.window
            )
        return waveform

    def _stft(self, x: Tensor) -> Tensor:
        c = self.config
        return torch.stft(
            x, c.n_fft, c.hop_length, window=self.window, pad_mode="constant", return_complex=True
        )


def _median(x: Tensor, width: int) -> Tensor:
    """Running median over the last axis, edges repeated."""
    padded = F.pad(x[:, None], (width // 2, width // 2), mode="replicate")[:, 0]
    return padded.unfold(-1, width, 1).median(-1).values


def _envelope_map(
    bank: Float[Tensor, "k c"], sample_rate: int
) -> tuple[Float[Tensor, "c k"], Float[Tensor, " k"]]:
    """Affine map from log-mel to a first log magnitude of each STFT bin: level per filter, linear between centres."""
    n_bins, n_mels = bank.shape
    hertz = torch.linspace(0, sample_rate / 2, n_bins, dtype=torch.float64)
    area = bank.double().sum(0)
    used = (area > 0.05).nonzero()[:, 0]  # low filters can fall between two bins
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    centres = (
        700
        * (10 ** (torch.linspace(0, top, n_mels + 2, dtype=torch.float64) / 2595) - 1)[1:-1][used]
    )
    right = torch.searchsorted(centres, hertz).clamp(1, len(used) - 1)
    share = ((hertz - centres[right - 1]) / (centres[right] - centres[right - 1])).clamp(0, 1)
    weight = torch.zeros(n_mels, n_bins, dtype=torch.float64)
    bins = torch.arange(n_bins)
    weight[used[right - 1], bins] += 1 - share
    weight[used[right], bins] += share
    offset = -(area.clamp(min=0.05).log() @ weight)
    return weight.float(), offset.float()
