"""Decoding sound block by block: PCM files by libsndfile, everything else by FFmpeg's libraries."""

import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import av.error
import numpy as np
import soundfile
import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.errors import InputError, ResourceError
from deepaudio.media import sniff
from deepaudio.media.guard import guard, opened, packets
from deepaudio.media.sniff import shown_path

log = logging.getLogger(__name__)

MAX_SAMPLES = 24 * 3600 * 48_000
AT_ONCE = 1 << 20  # samples in a block, or a little more
_BY_SOUNDFILE = frozenset({"wav", "flac", "aiff", "au", "caf", "w64"})

Block = Float[Tensor, "c n"]


def read_blocks(
    path: str | os.PathLike, *, stream: int | None = None, what: str = "audio"
) -> tuple[int, Iterator[Block]]:
    """The file's own rate, and its samples in order [channels n], at least one block.

    Of a video, sample 0 is second 0 of the clip: a track that starts later is padded in front. Samples that are
    NaN or infinite raise InputError, as does a file without sound; values beyond +-1 are kept.
    """
    place = sniff.regular_file(path, what)
    notes: list[str] = []
    kind = guard(place, allow_damaged=True, notes=notes, what=what)
    for note in notes if what != "clip" else ():  # of a clip they are in its own notes
        log.warning("%s", note)
    shown = shown_path(place)
    file = _soundfile(place) if kind in _BY_SOUNDFILE and stream is None else None
    found = _by_av(place, stream, what) if file is None else _by_soundfile(file, shown, what)
    first = next(found, None)
    if first is None:
        raise InputError(f"{what}.empty", f"no sound in {shown}", path=shown)
    rate, block = first
    rest = (block for _, block in found)
    return rate, _checked(_gathered(itertools.chain([block], rest)), rate, what, shown)


def _gathered(blocks: Iterable[np.ndarray]) -> Iterator[Block]:
    """Few long blocks instead of many short ones."""
    waiting: list[np.ndarray] = []
    length = 0
    for block in blocks:
        waiting.append(block)
        length += block.shape[1]
        if length >= AT_ONCE:
            yield torch.from_numpy(np.concatenate(waiting, axis=1))
            waiting, length = [], 0
    if waiting:
        yield torch.from_numpy(np.concatenate(waiting, axis=1))


def _checked(blocks: Iterable[Block], rate: int, what: str, shown: str) -> Iterator[Block]:
    """The blocks; InputError where one has samples that are no numbers."""
    done = 0
    for block in blocks:
        if not torch.isfinite(block).all():
            bad = ~torch.isfinite(block)
            second = (done + int(bad.any(0).nonzero()[0])) / rate
            message = f"{shown} has {int(bad.sum())} samples that are NaN or infinite from {second:.2f} s on"
            raise InputError(f"{what}.not_finite", message, path=shown)
        done += block.shape[1]
        yield block


def _soundfile(place: Path) -> soundfile.SoundFile | None:
    """None if libsndfile cannot open it; PyAV may."""
    try:
        return soundfile.SoundFile(str(place))
    except (soundfile.LibsndfileError, UnicodeEncodeError) as error:
        log.debug("libsndfile: %s", error)
        return None


def _by_soundfile(
    file: soundfile.SoundFile, shown: str, what: str
) -> Iterator[tuple[int, np.ndarray]]:
    with file:
        if file.frames * file.channels > MAX_SAMPLES:
            message = f"{shown} has {file.frames} samples in {file.channels} channels"
            raise InputError("audio.limits", message)
        try:
            for samples in file.blocks(AT_ONCE, dtype="float32", always_2d=True):
                yield file.samplerate, samples.T
        except soundfile.LibsndfileError as error:
            message = (
                f"{shown} cannot be decoded after {file.tell() / file.samplerate:.2f} s: {error}"
            )
            raise InputError(f"{what}.undecodable", message, path=shown) from error


def _by_av(place: Path, stream: int | None, what: str) -> Iterator[tuple[int, np.ndarray]]:
    shown = shown_path(place)
    line = _Line(what, shown)
    failures, stops = 0, []
    with opened(place, what) as container:
        track = _track(container, stream, what, shown)
        rate, channels = track.codec_context.sample_rate, track.codec_context.channels
        convert = av.AudioResampler(format="fltp", rate=rate)
        zero = (container.start_time or 0) / av.time_base
        for packet in packets(container, track, stopped=stops.append):
            try:
                decoded = packet.decode()
            except av.error.FFmpegError as error:
                failures += 1
                log.debug("undecodable sound at %s: %s", packet.pts, error)
                continue
            for frame in decoded:
                if frame.sample_rate != rate or frame.layout.nb_channels != channels:
                    message = f"{shown}: its sound changes form half-way"
                    raise InputError(f"{what}.changes", message, path=shown)
                at = None if frame.time is None else round((float(frame.time) - zero) * rate)
                for part in convert.resample(frame):
                    for block in line.laid(part.to_ndarray(), at, rate):
                        yield rate, block
                    at = None
    if not line.length:
        message = f"the sound of {shown} cannot be decoded ({failures} damaged packets)"
        raise InputError(f"{what}.undecodable", message, path=shown)
    if failures:
        log.warning("%s: %d damaged packets of sound were left out", shown, failures)
    for reason in stops:
        log.warning("%s: its sound ends at damaged data: %s", shown, reason)


def _track(container, stream: int | None, what: str, shown: str):
    """The stream with that index, else the default one, else the first with sound."""
    tracks = [t for t in container.streams.audio if t.codec_context and t.codec_context.channels]
    if not tracks:
        raise InputError(f"{what}.no_audio", f"no sound in {shown}", path=shown)
    if stream is not None:
        return container.streams[stream]
    return next((t for t in tracks if t.disposition & t.disposition.default), tracks[0])


class _Line:
    """Decoded blocks laid at their times: silence where packets are missing, a cut where the sound begins before 0."""

    def __init__(self, what: str, shown: str) -> None:
        self.what, self.shown = what, shown
        self.length = 0

    def laid(self, block: np.ndarray, at: int | None, rate: int) -> Iterator[np.ndarray]:
        """The block that begins at sample `at`, after what is missing; small differences are rounding of the clock."""
        missing = 0 if at is None else at - self.length
        # more than ten minutes is a broken time stamp, not a gap
        if missing > max(0, 0.03 * rate * bool(self.length)) and missing < 600 * rate:
            yield from self._counted(np.zeros((block.shape[0], missing), np.float32))
        if not self.length and -60 * rate < missing < 0:
            block = block[:, -missing:]
        yield from self._counted(block)

    def _counted(self, block: np.ndarray) -> Iterator[np.ndarray]:
        self.length += block.shape[1]
        if self.length * block.shape[0] > MAX_SAMPLES:
            message = f"{self.shown}: its sound decodes to more than {MAX_SAMPLES} samples"
            raise ResourceError(f"{self.what}.limits", message)
        if block.shape[1]:
            yield block
