"""The eigenvoices of the embedded preset, from their folder."""

from pathlib import Path

from deepaudio import checkpoint
from deepaudio.audio.sketch import Ear
from deepaudio.config import build
from deepaudio.models.eigenvoice import Config, Model


def load_ear(folder: Path) -> Ear:
    """What hears the timbre of a recording. WeightsError when its weights in `folder` are missing or damaged."""
    values, state = checkpoint.load(folder)
    model = Model(build(Config, values, str(folder)))
    checkpoint.load_into(model, state, str(folder))
    return model.eval().timbre
