"""Emotion embedding of audeering's wav2vec 2.0, the judge of EMO-SIM in the paper's code: [1024].

The mean over time of the last hidden state. Its licence is CC BY-NC-SA: a judge for research only.
"""

from pathlib import Path

import torch
from torch import Tensor

from deepaudio.judges._prepare import mono
from deepaudio.judges._weights import from_pretrained

JUDGES = {"audeering-emotion": ("emotion",)}
REPOSITORY = "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim"
SAMPLE_RATE = 16_000


class Emotion:
    """An emotion embedder through transformers."""

    name = "audeering-emotion"

    def __init__(self, extractor: object, network: torch.nn.Module, device: str):
        self._extractor, self._device = extractor, device
        self._network = network.eval().to(device)

    @torch.inference_mode()
    def __call__(self, waveform: Tensor, sample_rate: int) -> Tensor:
        """Mean hidden state [1024] of one waveform [s]."""
        audio = mono(waveform, sample_rate, SAMPLE_RATE)
        inputs = self._extractor(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        hidden = self._network(inputs.input_values.to(self._device)).last_hidden_state
        return hidden[0].mean(0).cpu()


def load(name: str, folder: Path | None = None, device: str = "cpu") -> Emotion:
    """Open the judge from a folder or the hub cache; WeightsError where it is in neither."""
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

    extractor = from_pretrained(Wav2Vec2FeatureExtractor, name, REPOSITORY, folder)
    return Emotion(extractor, from_pretrained(Wav2Vec2Model, name, REPOSITORY, folder), device)
