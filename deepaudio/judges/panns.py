"""PANNs Cnn14 at 16 kHz, the judge of FD, KL and IS in the paper: embedding [2048], 527 classes.

Weights: the published Cnn14_16k_mAP=0.438.pth in a folder; its fixed front-end tables
(spectrogram_extractor.*, logmel_extractor.*) are computed here instead.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import filled, load_state

JUDGES = {"panns-cnn14": ("sound", "classes")}
PUBLISHED = "Cnn14_16k_mAP=0.438.pth"
SAMPLE_RATE = 16_000
WIDTHS = (64, 128, 256, 512, 1024, 2048)
TABLES = ("spectrogram_extractor.", "logmel_extractor.")


class Tags(NamedTuple):
    """Embedding and class logits of a clip."""

    sound: Float[Tensor, " d"]
    classes: Float[Tensor, " k"]


class Block(nn.Module):
    """Two 3x3 convolutions with batch normalisation, then average pooling."""

    def __init__(self, inner: int, outer: int, pool: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outer), nn.BatchNorm2d(outer)
        self.pool = pool

    def forward(self, x: Float[Tensor, "b c n m"]) -> Float[Tensor, "b d h w"]:
        """Maps at half the size (or the same where pool is 1)."""
        x = self.bn1(self.conv1(x)).relu()
        x = self.bn2(self.conv2(x)).relu()
        return nn.functional.avg_pool2d(x, self.pool) if self.pool > 1 else x


class Cnn14(nn.Module):
    """Six blocks over 64 log-mel bands; maximum plus mean over time."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS, classes: int = 527, n_mels: int = 64):
        super().__init__()
        self.bn0 = nn.BatchNorm2d(n_mels)
        for i, (inner, outer) in enumerate(zip((1, *widths[:-1]), widths, strict=True), 1):
            self.add_module(f"conv_block{i}", Block(inner, outer, 1 if i == len(widths) else 2))
        self.n_blocks = len(widths)
        self.fc1 = nn.Linear(widths[-1], widths[-1])
        self.fc_audioset = nn.Linear(widths[-1], classes)

    def forward(
        self, x: Float[Tensor, "b n m"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b k"]]:
        """Log-mel frames to (embedding, logits)."""
        x = self.bn0(x[:, None].transpose(1, 3)).transpose(1, 3)
        for i in range(1, self.n_blocks + 1):
            x = getattr(self, f"conv_block{i}")(x)
        x = x.mean(3)
        x = self.fc1(x.amax(2) + x.mean(2)).relu()
        return x, self.fc_audioset(x)


class Judge:
    """The network with its front end."""

    name = "panns-cnn14"

    def __init__(self, network: Cnn14, device: str):
        self._network, self._device = network.eval().to(device), device
        self._mel = MelSpectrogram(
            SAMPLE_RATE, n_fft=512, hop_length=160, f_min=50.0, f_max=8000.0, n_mels=64,
            norm="slaney", mel_scale="slaney",
        )  # fmt: skip

    @torch.inference_mode()
    def __call__(self, waveform: Tensor, sample_rate: int) -> Tags:
        """Embedding and logits of one waveform [s], its mean level removed."""
        audio = torch.from_numpy(mono(waveform, sample_rate, SAMPLE_RATE))
        audio = torch.nn.functional.pad(audio - audio.mean(), (0, max(0, 6400 - len(audio))))
        logs = 10.0 * self._mel(audio).clamp(min=1e-10).log10()
        embedding, logits = self._network(logs.T[None].to(self._device))
        return Tags(embedding[0].cpu(), logits[0].cpu())


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Judge:
    """Open the judge from a folder; WeightsError where the file is missing or of another network."""
    state = load_state(name, folder, PUBLISHED)
    state = {key: value for key, value in state.items() if not key.startswith(TABLES)}
    return Judge(filled(Cnn14, state, name), device)
