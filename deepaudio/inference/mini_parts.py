"""The vocoder and the timbre encoder of the embedded preset, from their folders."""

from pathlib import Path

from deepaudio import checkpoint
from deepaudio.audio.prior.draft import Ear
from deepaudio.codecs.vocos_source import Config, SourceVocos
from deepaudio.config import build
from deepaudio.models import eigenvoice


def load_vocoder(folder: Path) -> SourceVocos:
    """The source-filter Vocos in `folder`, ready to decode. WeightsError when it is missing or damaged."""
    values, state = checkpoint.load(folder)
    vocoder = SourceVocos(build(Config, values, str(folder)))
    checkpoint.load_into(vocoder, state, str(folder))
    return vocoder.eval()


def load_ear(folder: Path) -> Ear:
    """What hears the timbre of a recording. WeightsError when its weights in `folder` are missing or damaged."""
    values, state = checkpoint.load(folder)
    model = eigenvoice.Model(build(eigenvoice.Config, values, str(folder)))
    checkpoint.load_into(model, state, str(folder))
    return model.eval().timbre
