"""Sound files: any rate, depth and channel count in, float32 out; WAV files written whole or not at all."""

import logging
import math
import os
import struct
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.errors import ResourceError
from deepaudio.media.decode import Block, read_blocks
from deepaudio.media.output import published
from deepaudio.media.spool import finite, spooled
from deepaudio.waves import LazyWave

log = logging.getLogger(__name__)


def read_audio(
    path: str | os.PathLike,
    sample_rate: int,
    mono: bool = True,
    *,
    stream: int | None = None,
    what: str = "audio",
) -> Float[Tensor, "*channels s"]:
    """Sound of an audio or video file at `sample_rate`: [s] if mono (the mean of all channels), else [channels s].

    Of a video, sample 0 is second 0 of the clip: a track that starts later is padded in front. Samples that are
    NaN or infinite raise InputError, as does a file without sound; values beyond +-1 are kept.
    """
    waveform, rate = read_native(path, stream=stream, what=what)
    waveform = waveform.mean(0) if mono else waveform
    return resampled(waveform, rate, sample_rate)


def read_native(
    path: str | os.PathLike, *, stream: int | None = None, what: str = "audio"
) -> tuple[Float[Tensor, "channels s"], int]:
    """As `read_audio`, with the file's own channels and rate."""
    rate, blocks = read_blocks(path, stream=stream, what=what)
    return torch.cat(list(blocks), 1), rate


def read_wave(
    path: str | os.PathLike,
    folder: Path,
    *,
    stream: int | None = None,
    what: str = "audio",
    seconds: float = math.inf,
) -> LazyWave:
    """As `read_native`, for sounds of any length: decoded into a nameless file in `folder`, read from there in pieces.

    What follows after `seconds`, and perhaps a block more, is not decoded.
    """
    rate, blocks = read_blocks(path, stream=stream, what=what)
    return spooled(beginning(blocks, rate, seconds), rate, folder)


def beginning(blocks: Iterable[Block], rate: int, seconds: float) -> Iterator[Block]:
    """The blocks up to the one that reaches `seconds`."""
    done = 0
    for block in blocks:
        yield block
        done += block.shape[1]
        if done >= seconds * rate:
            return


def resampled(
    waveform: Float[Tensor, "... s"], rate: int, sample_rate: int
) -> Float[Tensor, "... t"]:
    """The waveform at another rate (band-limited)."""
    if rate == sample_rate:
        return waveform
    from torchaudio.functional import resample

    return resample(waveform, rate, sample_rate)


def write_wav(
    path: str | os.PathLike,
    waveform: Float[Tensor, "*channels s"] | LazyWave,
    sample_rate: int,
    *,
    bits: int = 16,
    comment: str | None = None,
) -> Path:
    """Write [s] or [channels s] as 16- or 24-bit PCM, atomically, with a comment if there is one. Values beyond +-1 are clipped with a warning.

    Raises ValueError for NaN or infinite samples: silence must not take the place of a failure.
    """
    place = Path(os.path.abspath(os.fspath(path)))
    with published(place) as temp:
        write_pcm(temp, waveform, sample_rate, bits)
        if comment:
            _add_comment(temp, comment)
    return place


def write_pcm(
    path: Path, waveform: Float[Tensor, "*channels s"] | LazyWave, sample_rate: int, bits: int = 16
) -> None:
    """`write_wav` straight to the path."""
    if bits not in (16, 24):
        raise ValueError(f"bits is {bits}; 16 or 24 are written")
    sound = waveform if isinstance(waveform, LazyWave) else LazyWave.of(waveform, sample_rate)
    if sound.channels * sound.n_samples * bits // 8 > 2**32 - 4096:
        raise ResourceError("output.too_long", "the sound is too long for a WAV file (4 GiB)")
    peak = 0.0
    with path.open("wb") as file, wave.open(file, "wb") as sink:
        sink.setnchannels(sound.channels)
        sink.setsampwidth(bits // 8)
        sink.setframerate(sample_rate)
        sink.setnframes(sound.n_samples)
        for block in sound.blocks():
            peak = max(peak, float(finite(block).abs().max()))
            sink.writeframesraw(_pcm(block, bits))
    if peak > 1.0:
        log.warning("peak %.2f is clipped to full scale", peak)


def _add_comment(path: Path, comment: str) -> None:
    """A chunk LIST INFO ICMT behind the samples, where players and editors look for it."""
    words = comment.encode("utf-8") + b"\0"
    words += b"\0" * (len(words) % 2)
    chunk = b"INFOICMT" + struct.pack("<I", len(words)) + words
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.write(b"\0" * (end % 2) + b"LIST" + struct.pack("<I", len(chunk)) + chunk)
        size = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", size))


def _pcm(block: Float[Tensor, "c s"], bits: int) -> bytes:
    scale = 2 ** (bits - 1)
    whole = (block.T.double() * scale).round().clamp(-scale, scale - 1).to(torch.int32)
    values = whole.contiguous().numpy().astype("<i4")
    if bits == 16:
        return values.astype("<i2").tobytes()
    return values.reshape(-1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
