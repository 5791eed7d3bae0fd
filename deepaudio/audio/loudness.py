"""Normalise loudness (ITU-R BS.1770-4) under a true-peak ceiling, block by block."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.meter import ABSOLUTE_GATE, Loudness, between, measure, metered
from deepaudio.waves import LazyWave

MAX_GAIN_DB = 40.0
ROUNDS = 5
MARGIN_DB = 0.08
"""Meters differ by this much in what they find between the samples."""
LOOK_AHEAD = 0.005
RELEASE = 0.08
CONTEXT_SECONDS = 1.0
"""What the limiter did so long ago does not matter any more."""


@dataclass(frozen=True)
class Target:
    """Integrated loudness and the highest true peak; `lufs` None means: leave the loudness as it is."""

    lufs: float | None
    peak_db: float = -1.0


TARGETS = {
    "ebu-r128": Target(-23.0),
    "streaming": Target(-14.0),
    "podcast": Target(-16.0),
    "off": Target(None, 0.0),
}


@dataclass(frozen=True)
class Adjusted:
    """A sound at its target, and how it got there."""

    wave: LazyWave
    before: Loudness
    after: Loudness
    gain_db: float
    limited: bool
    """Peaks were held down by the limiter."""
    note: str | None = None


def adjust(wave: LazyWave, goal: Target) -> Adjusted:
    """The sound at the loudness of a target.

    One gain for the whole; where that would lift a true peak over the ceiling, those moments alone are turned down.
    Silence is returned as it is, with a note. ValueError for NaN or infinite samples.
    """
    heard = metered(wave.blocks(), wave.sample_rate)
    before = after = heard.result()
    if goal.lufs is None:
        return Adjusted(wave, before, before, 0.0, False)
    if before.lufs < ABSOLUTE_GATE:
        return Adjusted(wave, before, before, 0.0, False, "silent: loudness left as it is")
    scaled, limited, gain_db = wave, False, 0.0
    for _ in range(ROUNDS):  # the limiter takes loudness away; later rounds give it back
        missing = goal.lufs - after.lufs
        gain_db = min(gain_db + (1.5 * missing if limited else missing), MAX_GAIN_DB)
        scaled = gained(wave, gain_db)
        limited = before.true_peak_db + gain_db > goal.peak_db
        if limited:
            scaled = limit(scaled, goal.peak_db)
            after = measure(scaled.blocks(), wave.sample_rate)
        else:
            after = heard.result(gain_db)
        if abs(after.lufs - goal.lufs) < 0.05 or gain_db == MAX_GAIN_DB:
            break
    note = None
    if abs(after.lufs - goal.lufs) > 0.5:
        note = f"loudness is {after.lufs:.1f} LUFS instead of {goal.lufs:.1f}: peaks or gain at their limit"
    return Adjusted(scaled, before, after, gain_db, limited, note)


def gained(wave: LazyWave, gain_db: float) -> LazyWave:
    """Louder by so many dB."""
    return wave.through(lambda piece: piece * 10 ** (gain_db / 20))


def limit(wave: LazyWave, peak_db: float = -1.0) -> LazyWave:
    """Peaks held under `peak_db` dBTP: the gain falls over 5 ms before a peak and returns over 80 ms; all channels alike."""
    return wave.through(
        lambda piece: _limited(piece, wave.sample_rate, peak_db),
        context=round(CONTEXT_SECONDS * wave.sample_rate),
        grid=_hop(wave.sample_rate),
    )


def _limited(waveform: Float[Tensor, "c s"], sample_rate: int, peak_db: float) -> Tensor:
    ceiling = 10 ** ((peak_db - MARGIN_DB) / 20)
    for _ in range(4):
        envelope = between(waveform, sample_rate, 0.5 * ceiling)
        if float(envelope.max()) <= ceiling * 1.002:
            return waveform
        wanted = (ceiling / envelope.clamp(min=ceiling)).to(waveform.dtype)
        ahead = max(1, round(LOOK_AHEAD * sample_rate))
        lowest = -torch.nn.functional.max_pool1d(
            torch.nn.functional.pad(-wanted[None, None], (ahead, ahead), value=-1.0),
            2 * ahead + 1,
            1,
        )
        released = _released(lowest[0, 0], sample_rate)
        padded = torch.nn.functional.pad(released[None, None], (ahead, ahead), mode="replicate")
        gain = torch.nn.functional.avg_pool1d(padded, 2 * ahead + 1, 1)[0, 0]
        waveform = waveform * gain
    return waveform


def _released(gain: Tensor, sample_rate: int) -> Tensor:
    """The gain with a slow way back up, worked out in blocks of 1 ms."""
    hop = _hop(sample_rate)
    padded = torch.nn.functional.pad(gain, (0, -gain.numel() % hop), value=1.0)
    blocks = padded.reshape(-1, hop).amin(1).tolist()
    keep = math.exp(-hop / (RELEASE * sample_rate))
    level, made = 1.0, []
    for value in blocks:
        level = min(value, 1 - (1 - level) * keep)
        made.append(level)
    slow = torch.tensor(made, dtype=gain.dtype, device=gain.device).repeat_interleave(hop)
    return torch.minimum(slow[: gain.numel()], gain)


def _hop(sample_rate: int) -> int:
    return max(1, sample_rate // 1000)
