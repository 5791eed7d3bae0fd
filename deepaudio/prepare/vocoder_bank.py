"""Recordings of a folder for the bank that vocoder training draws from."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepaudio.audio.grid import SAMPLE_RATE
from deepaudio.data.corpora.grid import grid_held_out
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio

SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".mp4", ".mpg"}


def recordings(folder: Path, most: int | None = None) -> Iterator[tuple[str, np.ndarray]]:
    """(name, waveform at 24 kHz) of the files under `folder`, at most `most` of them, chosen alike every time.

    Held-out clips of GRID are passed over. InputError when there is nothing.
    """
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if folder.name.startswith("grid") or (folder / "align").is_dir():
        files = [p for p in files if not grid_held_out(p.stem)]
    if not files:
        raise InputError(
            "data.empty", f"no recordings under {folder}", hint=f"looked for {sorted(SUFFIXES)}"
        )
    if most is not None:
        files = sorted(random.Random(0).sample(files, min(most, len(files))))
    for path in files:
        yield path.relative_to(folder).as_posix(), read_audio(path, SAMPLE_RATE).numpy()
