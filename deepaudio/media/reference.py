"""A reference voice from any sound or video file: checked, cut to what a prompt may hold, and described."""

import os
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.errors import InputError
from deepaudio.media import sniff
from deepaudio.media.audio import beginning
from deepaudio.media.decode import read_blocks
from deepaudio.media.sniff import shown_path
from deepaudio.notices import Notices

MIN_SECONDS = 1.0
MAX_SECONDS = 12.0
MIN_KEPT = 4.0
MAX_SEEN = 600.0  # of a film given as a voice, its first ten minutes
SILENCE_DB = -55.0
NOISY_DB = 12.0
CLIPPED_SHARE = 1e-3
FRAME = 0.02
MIN_PAUSE = 0.1
_SENTENCE_END = ".!?。！？…"
_CLAUSE_END = _SENTENCE_END + ",;:，；：、"


@dataclass(frozen=True)
class ReferenceFacts:
    """What was measured of a reference."""

    text: str | None
    """The transcript that belongs to the waveform: cut together with it."""
    start: float
    end: float
    """The part of the file that is used, in seconds."""
    duration: float
    """Of the whole file."""


class LoadedReference(NamedTuple):
    waveform: Float[Tensor, " s"]
    sample_rate: int
    facts: ReferenceFacts
    notices: Notices


def load_reference(
    path: str | os.PathLike, text: str | None = None, longest: float = MAX_SECONDS
) -> LoadedReference:
    """Mono waveform at the file's own rate, its rate, what was measured, and what the user should know.

    Stereo and more channels become their mean. Raises InputError for silence and for less than 1 s of sound, with the
    numbers; what is beyond `longest` seconds is cut at a pause, and `text` with it (`facts.text`). A video is taken by its sound.
    Of more than ten minutes only these are read; with a transcript, whose place in them is unknown, that is an InputError.
    """
    shown = shown_path(path)
    notices = Notices()
    place = sniff.regular_file(path, "reference")
    if sniff.sniff(place, "reference") in sniff.CONTAINERS - {"ogg"}:
        notices.note("the reference is the sound of a video or container file")
    rate, blocks = read_blocks(path, what="reference")
    channels = torch.cat(list(beginning(blocks, rate, MAX_SEEN + 1)), 1)
    if channels.shape[1] > MAX_SEEN * rate:
        if text and text.strip():
            message = f"the reference {shown} lasts more than {MAX_SEEN / 60:.0f} min"
            hint = "cut out the 3 to 10 s that belong to its transcript"
            raise InputError("reference.too_long", message, hint, path=shown)
        channels = channels[:, : round(MAX_SEEN * rate)]
        notices.note(f"only its first {MAX_SEEN / 60:.0f} minutes were listened to")
    if not 4_000 <= rate <= 768_000:
        raise InputError("reference.rate", f"{shown} has a sample rate of {rate} Hz", path=shown)
    waveform = _mono(channels, notices)
    waveform = _centred(waveform, notices)
    duration = waveform.numel() / rate
    if duration < MIN_SECONDS:
        message = (
            f"the reference {shown} lasts {duration:.2f} s; at least {MIN_SECONDS:.0f} s are needed"
        )
        raise InputError(
            "reference.too_short", message, "3 to 10 s of clear speech work best", path=shown
        )
    levels = frame_levels(waveform, rate)
    voiced = _voiced(levels)
    speech = float(voiced.sum()) * FRAME
    peak_db = float(levels.max())
    if peak_db < SILENCE_DB:
        message = f"the reference {shown} is silent: loudest moment {peak_db:.0f} dBFS, at least {SILENCE_DB:.0f} needed"
        raise InputError(
            "reference.silent", message, "record it louder, or choose another", path=shown
        )
    if speech < 0.5 * MIN_SECONDS:
        message = f"the reference {shown} holds {speech:.2f} s of sound above the noise in {duration:.2f} s"
        raise InputError(
            "reference.too_short", message, "3 to 10 s of clear speech work best", path=shown
        )
    notices.warn(*_quality(waveform, levels, voiced, channels))
    start, end = 0.0, duration
    text = text.strip() if text and text.strip() else None
    if duration > longest:
        start, end, text = _cut(levels, voiced, duration, text, longest, notices)
        waveform = _faded(waveform[round(start * rate) : round(end * rate)], rate)
        voiced = voiced[int(start / FRAME) : int(end / FRAME)]
        speech = float(voiced.sum()) * FRAME
    _check_text(text, speech, notices)
    return LoadedReference(waveform, rate, ReferenceFacts(text, start, end, duration), notices)


def frame_levels(waveform: Float[Tensor, " s"], rate: int) -> Float[Tensor, " n"]:
    """RMS level of each 20 ms in dBFS, not below -100."""
    hop = max(1, round(FRAME * rate))
    frames = waveform[: waveform.numel() // hop * hop].reshape(-1, hop)
    return 10 * torch.log10(frames.double().pow(2).mean(1) + 1e-10).float()


def loud_and_quiet(levels: Float[Tensor, " n"]) -> tuple[Tensor, Tensor]:
    """The level of loud moments among those that sound at all, and of the quietest ones."""
    sounding = levels[levels > levels.max() - 40]
    return torch.quantile(sounding, 0.9), torch.quantile(levels, 0.02)


def _voiced(levels: Tensor) -> Tensor:
    """Frames that stand out of the floor: within 30 dB of the loud ones and above half-way to the quietest."""
    loud, quiet = loud_and_quiet(levels)
    return levels > torch.maximum(loud - 30, torch.minimum((loud + quiet) / 2, loud - 12))


def _mono(channels: Tensor, notices: Notices) -> Tensor:
    """The mean of the channels; the loudest one alone where they cancel each other."""
    if channels.shape[0] == 1:
        return channels[0]
    mean = channels.mean(0)
    powers = channels.double().pow(2).mean(1)
    if float(mean.double().pow(2).mean()) < 0.01 * float(powers.max()):
        notices.note("the channels cancel each other: the loudest one is used")
        return channels[int(powers.argmax())]
    notices.note(f"{channels.shape[0]} channels mixed to one (mean)")
    return mean


def _centred(waveform: Tensor, notices: Notices) -> Tensor:
    offset = float(waveform.mean()) if waveform.numel() else 0.0
    if abs(offset) > 0.003:
        notices.note(f"constant offset of {offset:+.3f} removed")
        waveform = waveform - offset
    peak = float(waveform.abs().max()) if waveform.numel() else 0.0
    if peak > 1.0:
        notices.note(f"peak of {peak:.2f} scaled to full scale")
        waveform = waveform / peak
    return waveform


def _quality(waveform: Tensor, levels: Tensor, voiced: Tensor, channels: Tensor) -> list[str]:
    found = []
    top = channels.abs().max()
    clipped = float((channels.abs() >= 0.999 * top).float().mean())
    if clipped > CLIPPED_SHARE and float(top) > 0.5:
        found.append(
            f"the reference is clipped: {100 * clipped:.1f} % of its samples are at their limit"
        )
    snr = _snr(levels)
    if snr < NOISY_DB:
        found.append(
            f"the reference is noisy or not speech: only {snr:.0f} dB between loud and quiet moments"
        )
    loud = float(levels[voiced].mean()) if bool(voiced.any()) else float(levels.max())
    if loud < -45:
        found.append(f"the reference is very quiet: {loud:.0f} dBFS")
    return found


def _snr(levels: Tensor) -> float:
    loud, quiet = loud_and_quiet(levels)
    return float(loud - quiet)


def _pauses(voiced: Tensor) -> list[tuple[float, float]]:
    """(middle, length) in seconds of the stretches without voice, those of MIN_PAUSE or more."""
    found, begin = [], None
    for number, on in enumerate([*voiced.tolist(), True]):
        if not on and begin is None:
            begin = number
        elif on and begin is not None:
            if (number - begin) * FRAME >= MIN_PAUSE:
                found.append(((begin + number) / 2 * FRAME, (number - begin) * FRAME))
            begin = None
    return found


def _cut(levels, voiced, duration, text, longest, notices) -> tuple[float, float, str | None]:
    """Start, end and transcript of the part that is kept."""
    first = float(voiced.nonzero()[0]) * FRAME if bool(voiced.any()) else 0.0
    start = max(0.0, first - 0.1)
    least = min(MIN_KEPT, longest / 2)
    pauses = [(m, n) for m, n in _pauses(voiced) if start + least <= m <= start + longest]
    total = float(voiced.sum())
    if text and total:
        choices = [(m, _spoken(voiced, m) / total) for m, _ in pauses]
        end, kept, miss = _joint_cut(
            text, choices or [(_quietest(levels, start, longest), None)], voiced, total
        )
        text = kept
        notices.warn(f"the transcript was cut with the reference to {kept!r}; check that it fits")
        if miss > 0.1:
            notices.warn("no pause of the reference matches a boundary of its transcript")
    elif pauses:
        end = max(pauses, key=lambda p: p[1] + 0.05 * (p[0] - start))[0]
    else:
        end = _quietest(levels, start, longest)
    where = "at a pause" if pauses else "at its quietest moment, as it has no pause"
    notices.note(f"{start:.1f} to {end:.1f} s of {duration:.1f} s are used, cut {where}")
    return start, end, text


def _quietest(levels: Tensor, start: float, longest: float) -> float:
    begin, end = int((start + 0.7 * longest) / FRAME), int((start + longest) / FRAME)
    return (begin + int(levels[begin:end].argmin()) + 0.5) * FRAME


def _spoken(voiced: Tensor, time: float) -> float:
    return float(voiced[: int(time / FRAME)].sum())


def _joint_cut(text: str, choices, voiced: Tensor, total: float) -> tuple[float, str, float]:
    """The pause and the place in the text that agree best on the share spoken before them."""
    best: tuple[float, float, str, float] | None = None
    for time, share in choices:
        share = _spoken(voiced, time) / total if share is None else share
        for place in range(1, len(text)):
            if not text[place].isspace() and text[place - 1] not in _CLAUSE_END:
                continue
            before = text[:place].rstrip()
            if not before:
                continue
            miss = abs(place / len(text) - share)
            bonus = 0.12 if before[-1] in _SENTENCE_END else 0.06 * (before[-1] in _CLAUSE_END)
            cost = miss - bonus - 0.002 * time
            if best is None or cost < best[0]:
                best = (cost, time, before, miss)
    if best is None:
        return choices[-1][0], text, 1.0
    return best[1], best[2], best[3]


def _faded(waveform: Tensor, rate: int) -> Tensor:
    n = min(waveform.numel() // 2, round(0.005 * rate))
    ramp = torch.linspace(0, 1, n)
    waveform = waveform.clone()
    waveform[:n] *= ramp
    waveform[-n:] *= ramp.flip(0)
    return waveform


def _check_text(text: str | None, speech: float, notices: Notices) -> None:
    """A transcript far too long or short for the sound belongs to something else."""
    if text is None or speech <= 0:
        return
    wide = sum(2.5 if ord(c) > 0x2E80 else 1.0 for c in text if not c.isspace())
    pace = wide / speech
    if not 4 <= pace <= 28:
        notices.warn(
            f"the transcript has {pace:.1f} characters per second of speech, usual are 8 to 20: does it belong to this file?"
        )
