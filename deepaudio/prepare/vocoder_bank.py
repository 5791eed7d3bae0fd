"""Recordings of a folder for the bank that vocoder training draws from."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepaudio.audio.grid import SAMPLE_RATE
from deepaudio.data.corpora.grid import grid_held_out
from deepaudio.errors import InputError
from deepaudio.media.audio import read_audio

log = logging.getLogger(__name__)
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".mp4", ".mpg"}


def recordings(folder: Path, most: int | None = None) -> Iterator[tuple[str, np.ndarray]]:
    """(name, waveform at 24 kHz) of the files under `folder`, at most `most` of them, chosen alike every time.

    Held-out clips of GRID are passed over; files that cannot be read are named in the log and left out. InputError when there is nothing.
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
    first, count = None, 0
    for path in files:
        try:
            waveform = read_audio(path, SAMPLE_RATE).numpy()
        except InputError as error:
            log.warning("left out %s", error.message)
            first = first or error
            continue
        count += 1
        yield path.relative_to(folder).as_posix(), waveform
    if first and not count:
        raise first
