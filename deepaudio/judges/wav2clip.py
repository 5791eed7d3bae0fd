"""Wav2CLIP with CLIP ViT-B/32, the judge of the CLIP score: audio and video in one space of [512].

Weights: the published Wav2CLIP.pt in a folder (Wu et al. 2022, arXiv 2110.11499), and beside it or in the hub cache
`openai/clip-vit-base-patch32`. The paper gives no recipe; this is that of V2A-Mapper and FoleyCrafter. Frames are
looked at twice a second, and the mean of their unit embeddings is compared.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchaudio.transforms import Spectrogram
from torchvision.models import resnet18

from deepaudio.errors import InputError
from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import HUB, filled, from_pretrained, load_state
from deepaudio.media.video import frames_at

JUDGES = {"wav2clip": ("clip",)}
PUBLISHED = "Wav2CLIP.pt"
REPOSITORY = "openai/clip-vit-base-patch32"
SAMPLE_RATE = 16_000
DIM = 512
PICTURES_A_SECOND = 2.0
N_FFT, HOP = 512, 353
UNUSED = ("audio_encoder.fc.", "audio_encoder.spectrogram.")


class Embedding(NamedTuple):
    """A sound in CLIP's space."""

    clip: Float[Tensor, " d"]


class Wav2Clip(nn.Module):
    """A ResNet-18 over the log spectrogram, then two linear layers into CLIP's space."""

    def __init__(self):
        super().__init__()
        self.audio_encoder = resnet18()
        self.audio_encoder.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        self.audio_encoder.fc = nn.Identity()
        layers = (nn.Linear(DIM, DIM), nn.ReLU(), nn.Dropout(0.1), nn.Linear(DIM, DIM))
        self.audio_transform = nn.ModuleDict({"sequential": nn.Sequential(*layers)})

    def forward(self, logs: Float[Tensor, "b k n"]) -> Float[Tensor, "b d"]:
        """Log power spectrograms, normalised, to embeddings."""
        return self.audio_transform["sequential"](self.audio_encoder(logs[:, None]))


class Judge:
    """Both halves; the video's is opened when the first frame comes."""

    name = "wav2clip"

    def __init__(self, network: Wav2Clip, image: nn.Module, processor: Any, device: str):
        self._network, self._device = network.eval().to(device), device
        self._picture, self._processor = image.eval().to(device), processor
        self._spectrogram = Spectrogram(N_FFT, hop_length=HOP)

    @torch.inference_mode()
    def __call__(self, waveform: Tensor, sample_rate: int) -> Embedding:
        """Embedding [512] of one waveform [s]."""
        audio = torch.from_numpy(mono(waveform, sample_rate, SAMPLE_RATE))
        audio = nn.functional.pad(audio, (0, max(0, N_FFT - len(audio))))
        logs = (self._spectrogram(audio) + 1e-7).log()
        logs = (logs - logs.mean()) / (logs.std() + 1e-9)
        return Embedding(self._network(logs[None].to(self._device))[0].cpu())

    @torch.inference_mode()
    def look(self, video: str | Path) -> Float[Tensor, " d"]:
        """Mean unit embedding [512] of the frames of a clip."""
        seen = [
            self._look(frame.pixels)
            for frame in frames_at(video, PICTURES_A_SECOND, allow_damaged=True)
        ]
        if not seen:
            raise InputError("clip.no_pictures", f"no frame in {Path(video).name}")
        return torch.stack(seen).mean(0)

    def _look(self, pixels: Tensor) -> Tensor:
        inputs = self._processor(images=pixels.numpy(), return_tensors="pt")
        found = self._picture(inputs["pixel_values"].to(self._device)).image_embeds[0]
        return nn.functional.normalize(found, dim=-1).cpu()


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Judge:
    """Open both halves; WeightsError where one is missing."""
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    state = load_state(name, folder, PUBLISHED)
    state = {
        key: value
        for key, value in state.items()
        if key.startswith(("audio_encoder.", "audio_transform.")) and not key.startswith(UNUSED)
    }
    network = filled(Wav2Clip, state, name)
    beside = Path(folder or HUB) / REPOSITORY.rpartition("/")[2]
    place = beside if beside.is_dir() else None
    image = from_pretrained(CLIPVisionModelWithProjection, name, REPOSITORY, place)
    processor = from_pretrained(CLIPImageProcessor, name, REPOSITORY, place)
    return Judge(network, image, processor, device)
