"""Long waveforms in anonymous temporary files: raw float32, removed with the process however it ends."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.media.output import disk_errors
from deepaudio.waves import LazyWave


def spooled(blocks: Iterable[Float[Tensor, "c n"]], sample_rate: int, folder: Path) -> LazyWave:
    """All blocks, one after the other, in a file in `folder`; ResourceError when the disk is full."""
    place, channels = folder / "a temporary file", 0
    with disk_errors(place):
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed with the last reader)
    for block in blocks:
        channels = len(block)
        with disk_errors(place, file.tell):
            write_floats(file, block)
    with disk_errors(place, file.tell):
        file.flush()
    n_samples = file.tell() // (4 * max(1, channels))

    def make(first: int, last: int) -> Tensor:
        data = bytearray(4 * channels * (last - first))
        got = os.preadv(file.fileno(), [data], 4 * channels * first)
        if got != len(data):
            raise OSError(f"read {got} of {len(data)} bytes of a temporary file")
        return torch.from_numpy(np.frombuffer(data, "<f4").reshape(-1, channels).T.copy())

    return LazyWave(channels, n_samples, sample_rate, make)


def write_floats(file: BinaryIO, block: Float[Tensor, "c n"]) -> None:
    """Bare little-endian float32, channels interleaved: no header and no limit of size; for other programs to read."""
    file.write(finite(block).T.contiguous().numpy().astype("<f4", copy=False).tobytes())


def finite(block: Float[Tensor, "c n"]) -> Float[Tensor, "c n"]:
    """The block itself; ValueError for NaN or infinite samples."""
    if not torch.isfinite(block).all():
        raise ValueError("the waveform has NaN or infinite samples")
    return block
