"""The vocoder and the timbre encoder of the embedded preset, from their folders."""

from pathlib import Path

from torch import nn

from deepaudio import checkpoint
from deepaudio.audio.prior.draft import TimbreEncoder


def load_timbre_encoder(folder: Path) -> TimbreEncoder:
    """The timbre encoder in `folder`. WeightsError when its weights are missing or damaged."""
    return checkpoint.load_network(folder, "eigenvoice").timbre


def load_vocoder(folder: Path) -> nn.Module:
    """The source-filter Vocos in `folder`, ready to decode. WeightsError when it is missing or damaged."""
    return checkpoint.load_network(folder, "codecs/vocos_source")
