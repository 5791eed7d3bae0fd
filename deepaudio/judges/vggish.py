"""VGGish (AudioSet), the judge of FAD in the paper: an embedding [128] every 0.96 s.

Weights: the published vggish-10086976.pth (features.*, embeddings.*) in a folder.
The last ReLU is left out and no PCA follows, as av-benchmark does it.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepaudio.judges._frames import PATCH, SAMPLE_RATE, patches
from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import filled, load_state

JUDGES = {"vggish": ("soundframes",)}
PUBLISHED = "vggish-10086976.pth"
WIDTHS = ((64,), (128,), (256, 256), (512, 512))
OFFSET = 0.01


class Frames(NamedTuple):
    """Embeddings of all frames."""

    soundframes: Float[Tensor, "p d"]


class Vggish(nn.Module):
    """Four groups of 3x3 convolutions with pooling, then three linear layers."""

    def __init__(
        self, widths: tuple[tuple[int, ...], ...] = WIDTHS, hidden: int = 4096, dim: int = 128
    ):
        super().__init__()
        layers: list[nn.Module] = []
        last = 1
        for group in widths:
            for width in group:
                layers += [nn.Conv2d(last, width, 3, padding=1), nn.ReLU()]
                last = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        shrink = 2 ** len(widths)
        size = last * (PATCH // shrink) * (64 // shrink)
        self.embeddings = nn.Sequential(
            nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, dim),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "p t m"]) -> Float[Tensor, "p d"]:
        """Patches to embeddings; the maps are flattened time first, channels last."""
        maps = self.features(x[:, None])
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))


class Judge:
    """The network with its front end."""

    name = "vggish"

    def __init__(self, network: Vggish, device: str):
        self._network, self._device = network.eval().to(device), device

    @torch.inference_mode()
    def __call__(self, waveform: Tensor, sample_rate: int) -> Frames:
        """Embeddings [p 128] of one waveform [s]."""
        audio = torch.from_numpy(mono(waveform, sample_rate, SAMPLE_RATE))
        return Frames(self._network(patches(audio, PATCH, OFFSET).to(self._device)).cpu())


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Judge:
    """Open the judge from a folder; WeightsError where the file is missing or of another network."""
    return Judge(filled(Vggish, load_state(name, folder, PUBLISHED), name), device)
