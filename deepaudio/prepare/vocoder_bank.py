"""Folders of recordings -> a bank for vocoder training: `python -m deepaudio.prepare.vocoder_bank OUT FOLDER [--sounds]`."""

import argparse
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepaudio.data.corpora.grid import grid_held_out
from deepaudio.data.vocoder import RATE, write_bank
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
        yield path.relative_to(folder).as_posix(), read_audio(path, RATE).numpy()


def main(arguments: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(
        description="Write a vocoder bank from a folder of recordings."
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, help="take at most so many files")
    parser.add_argument("--sounds", action="store_true", help="not speech: no pitch is measured")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    write_bank(given.out, dict(recordings(given.folder, given.most)), speech=not given.sounds)


if __name__ == "__main__":
    main()
