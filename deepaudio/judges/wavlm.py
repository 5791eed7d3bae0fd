"""WavLM x-vector (microsoft/wavlm-base-sv), the judge of SPK-SIM in the paper: embedding [512]."""

from pathlib import Path

import torch
from torch import Tensor

from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import from_pretrained

JUDGES = {"wavlm-base-sv": ("speaker",)}
REPOSITORY = "microsoft/wavlm-base-sv"
SAMPLE_RATE = 16_000


class WavlmSpeaker:
    """A speaker embedder through transformers."""

    name = "wavlm-base-sv"

    def __init__(self, extractor: object, network: torch.nn.Module, device: str):
        self._extractor, self._device = extractor, device
        self._network = network.eval().to(device)

    @torch.inference_mode()
    def __call__(self, waveform: Tensor, sample_rate: int) -> Tensor:
        """Unit embedding [512] of one waveform [s]."""
        audio = mono(waveform, sample_rate, SAMPLE_RATE)
        inputs = self._extractor(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        embedding = self._network(inputs.input_values.to(self._device)).embeddings[0]
        return torch.nn.functional.normalize(embedding, dim=-1).cpu()


def load(name: str, folder: Path | None = None, device: str = "cpu") -> WavlmSpeaker:
    """Open the judge from a folder or the hub cache; WeightsError where it is in neither."""
    from transformers import AutoFeatureExtractor, WavLMForXVector

    extractor = from_pretrained(AutoFeatureExtractor, name, REPOSITORY, folder)
    return WavlmSpeaker(
        extractor, from_pretrained(WavLMForXVector, name, REPOSITORY, folder), device
    )
