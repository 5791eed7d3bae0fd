"""Sound files: any rate, depth and channel count in, float32 tensors out; WAV files written whole or not at all."""

import logging
import os
import wave
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
from deepaudio.media.output import published
from deepaudio.media.sniff import shown_path

log = logging.getLogger(__name__)

MAX_SAMPLES = 24 * 3600 * 48_000
_BY_SOUNDFILE = frozenset({"wav", "flac", "aiff", "au", "caf", "w64"})


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
    place = sniff.regular_file(path, what)
    kind = guard(place, allow_damaged=True, notes=[], what=what)
    found = _by_soundfile(place) if kind in _BY_SOUNDFILE and stream is None else None
    samples, rate = found or _by_av(place, stream, what)
    shown = shown_path(place)
    if samples.shape[1] == 0:
        raise InputError(f"{what}.empty", f"no sound in {shown}", path=shown)
    if not np.isfinite(samples).all():
        count = int((~np.isfinite(samples)).sum())
        message = f"{shown} has {count} samples that are NaN or infinite"
        raise InputError(f"{what}.not_finite", message, path=shown)
    return torch.from_numpy(samples), rate


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
    waveform: Float[Tensor, "*channels s"],
    sample_rate: int,
    *,
    bits: int = 16,
) -> Path:
    """Write [s] or [channels s] as 16- or 24-bit PCM, atomically. Values beyond +-1 are clipped with a warning.

    Raises ValueError for NaN or infinite samples: silence must not take the place of a failure.
    """
    place = Path(os.path.abspath(os.fspath(path)))
    with published(place) as temp:
        write_pcm(temp, waveform, sample_rate, bits)
    return place


def write_pcm(
    path: Path, waveform: Float[Tensor, "*channels s"], sample_rate: int, bits: int = 16
) -> None:
    """`write_wav` straight to the path."""
    if bits not in (16, 24):
        raise ValueError(f"bits is {bits}; 16 or 24 are written")
    samples = waveform.detach().to("cpu", torch.float32)
    samples = samples[None] if samples.ndim == 1 else samples
    if samples.ndim != 2:
        raise ValueError(f"a waveform is [s] or [channels s], not {list(waveform.shape)}")
    if not torch.isfinite(samples).all():
        raise ValueError("the waveform has NaN or infinite samples")
    if samples.numel() * bits // 8 > 2**32 - 4096:
        raise ResourceError("output.too_long", "the sound is too long for a WAV file (4 GiB)")
    peak = float(samples.abs().max()) if samples.numel() else 0.0
    if peak > 1.0:
        log.warning("peak %.2f is clipped to full scale", peak)
    with path.open("wb") as file, wave.open(file, "wb") as sink:
        sink.setnchannels(samples.shape[0])
        sink.setsampwidth(bits // 8)
        sink.setframerate(sample_rate)
        sink.setnframes(samples.shape[1])
        for block in samples.split(1 << 20, dim=1):
            sink.writeframesraw(_pcm(block, bits))


def write_floats(path: Path, waveform: Float[Tensor, "*channels s"]) -> None:
    """Bare little-endian float32, channels interleaved: no header and no limit of size; for other programs to read."""
    samples = waveform.detach().to("cpu", torch.float32)
    samples = samples[None] if samples.ndim == 1 else samples
    with path.open("wb") as file:
        for block in samples.split(1 << 20, dim=1):
            file.write(block.T.contiguous().numpy().astype("<f4", copy=False).tobytes())


def _pcm(block: Float[Tensor, "c s"], bits: int) -> bytes:
    scale = 2 ** (bits - 1)
    whole = (block.T.double() * scale).round().clamp(-scale, scale - 1).to(torch.int32)
    values = whole.contiguous().numpy().astype("<i4")
    if bits == 16:
        return values.astype("<i2").tobytes()
    return values.reshape(-1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _by_soundfile(place: Path) -> tuple[np.ndarray, int] | None:
    """None if libsndfile cannot read it; PyAV may."""
    try:
        with soundfile.SoundFile(str(place)) as file:
            if file.frames * file.channels > MAX_SAMPLES:
                message = (
                    f"{shown_path(place)} has {file.frames} samples in {file.channels} channels"
                )
                raise InputError("audio.limits", message)
            samples = file.read(dtype="float32", always_2d=True)
            return np.ascontiguousarray(samples.T), file.samplerate
    except (soundfile.LibsndfileError, UnicodeEncodeError) as error:
        log.debug("libsndfile: %s", error)
        return None


def _by_av(place: Path, stream: int | None, what: str) -> tuple[np.ndarray, int]:
    shown = shown_path(place)
    line = _Line(what, shown)
    failures = 0
    with opened(place, what) as container:
        track = _track(container, stream, what, shown)
        rate, channels = track.codec_context.sample_rate, track.codec_context.channels
        convert = av.AudioResampler(format="fltp", rate=rate)
        zero = (container.start_time or 0) / av.time_base
        for packet in packets(container, track):
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
                    line.add(part.to_ndarray(), at, rate)
                    at = None
    if not line.blocks:
        message = f"the sound of {shown} cannot be decoded ({failures} damaged packets)"
        raise InputError(f"{what}.undecodable", message, path=shown)
    if failures:
        log.warning("%s: %d damaged packets of sound were left out", shown, failures)
    return np.concatenate(line.blocks, axis=1).astype(np.float32, copy=False), rate


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
        self.blocks: list[np.ndarray] = []
        self.length = 0

    def add(self, block: np.ndarray, at: int | None, rate: int) -> None:
        """Append a block that begins at sample `at`; small differences are rounding of the container's clock."""
        missing = 0 if at is None else at - self.length
        # more than ten minutes is a broken time stamp, not a gap
        if missing > max(0, 0.03 * rate * bool(self.blocks)) and missing < 600 * rate:
            self._append(np.zeros((block.shape[0], missing), np.float32))
        if not self.blocks and -60 * rate < missing < 0:
            block = block[:, -missing:]
        self._append(block)

    def _append(self, block: np.ndarray) -> None:
        if block.shape[1] == 0:
            return
        self.blocks.append(block)
        self.length += block.shape[1]
        if self.length * block.shape[0] > MAX_SAMPLES:
            message = f"{self.shown}: its sound decodes to more than {MAX_SAMPLES} samples"
            raise ResourceError(f"{self.what}.limits", message)
