"""The vocoder of the embedded preset, from its folder."""

from pathlib import Path

from deepaudio import checkpoint
from deepaudio.codecs.vocos_source import Config, SourceVocos
from deepaudio.config import build


def load_vocoder(folder: Path) -> SourceVocos:
    """The source-filter Vocos in `folder`, ready to decode. WeightsError when it is missing or damaged."""
    values, state = checkpoint.load(folder)
    vocoder = SourceVocos(build(Config, values, str(folder)))
    checkpoint.load_into(vocoder, state, str(folder))
    return vocoder.eval()
