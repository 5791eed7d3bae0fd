"""Loudness after ITU-R BS.1770-4: measured, brought to a target, its true peak kept under a ceiling."""

import math
import warnings
from dataclasses import dataclass

import pyloudnorm
import torch
from jaxtyping import Float
from torch import Tensor
from torchaudio.functional import resample

BLOCK = 0.4
SILENT = -70.0
"""LUFS below which nothing is scaled: the absolute gate of BS.1770."""
OVERSAMPLED_RATE = 192_000
FILTER_WIDTH = 24
CONTEXT, BLOCK_SAMPLES = 64, 1024
MAX_GAIN_DB = 40.0
ROUNDS = 5
MARGIN_DB = 0.08
"""Meters differ by this much in what they find between the samples."""
LOOK_AHEAD = 0.005
RELEASE = 0.08


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
class Loudness:
    """What was measured. -inf where the sound is silent."""

    lufs: float
    true_peak_db: float


@dataclass(frozen=True)
class Adjusted:
    """A waveform at its target, and how it got there."""

    waveform: Float[Tensor, "*channels s"]
    before: Loudness
    after: Loudness
    gain_db: float
    limited: bool
    """Peaks were held down by the limiter."""
    note: str | None = None


def measure(waveform: Float[Tensor, "*channels s"], sample_rate: int) -> Loudness:
    """Integrated loudness and true peak of [s] or [channels s] (at most 5 channels counted, in the order of BS.1770).

    Sounds under 0.4 s are measured as one block of their own length; silence gives -inf, never NaN.
    """
    _check(waveform)
    return Loudness(integrated(waveform, sample_rate), true_peak_db(waveform, sample_rate))


def integrated(waveform: Float[Tensor, "*channels s"], sample_rate: int) -> float:
    """LUFS of the whole, gated."""
    samples = waveform.detach().to("cpu", torch.float64)
    samples = (samples[None] if samples.ndim == 1 else samples)[:5].T.numpy()
    seconds = samples.shape[0] / sample_rate
    if samples.shape[0] < 64 or not samples.any():
        return -math.inf
    block = BLOCK if seconds >= BLOCK else seconds * (1 - 1e-9)
    meter = pyloudnorm.Meter(sample_rate, block_size=block)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # log of zero in gated-out blocks
        value = float(meter.integrated_loudness(samples))
    return value if math.isfinite(value) else -math.inf


def true_peak_db(waveform: Float[Tensor, "*channels s"], sample_rate: int) -> float:
    """dBTP: the highest magnitude between the samples too, by four- to eightfold oversampling; -inf for silence."""
    highest = float(waveform.abs().max()) if waveform.numel() else 0.0
    peak = float(_envelope(waveform, sample_rate, 0.5 * highest).max()) if highest else 0.0
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def adjust(
    waveform: Float[Tensor, "*channels s"],
    sample_rate: int,
    target: str | Target = "ebu-r128",
    *,
    like: Float[Tensor, "*channels t"] | None = None,
    like_rate: int | None = None,
) -> Adjusted:
    """The waveform at the loudness of a target: a name of TARGETS, "match" (the loudness of `like`), or a Target.

    One gain for the whole; where that would lift a true peak over the ceiling, those moments alone are turned down.
    Silence is returned as it is, with a note.
    """
    before = measure(waveform, sample_rate)
    goal = _goal(target, like, like_rate or sample_rate)
    if goal.lufs is None:
        return Adjusted(waveform, before, before, 0.0, False, goal_note(target, goal))
    if before.lufs < SILENT:
        return Adjusted(waveform, before, before, 0.0, False, "silent: loudness left as it is")
    scaled, limited, gain_db = waveform, False, 0.0
    after = before
    for _ in range(ROUNDS):  # the limiter takes loudness away; later rounds give it back
        missing = goal.lufs - after.lufs
        gain_db = min(gain_db + (1.5 * missing if limited else missing), MAX_GAIN_DB)
        scaled = waveform * 10 ** (gain_db / 20)
        limited = true_peak_db(scaled, sample_rate) > goal.peak_db
        if limited:
            scaled = limit(scaled, sample_rate, goal.peak_db)
        after = measure(scaled, sample_rate)
        if abs(after.lufs - goal.lufs) < 0.05 or gain_db == MAX_GAIN_DB:
            break
    note = None
    if abs(after.lufs - goal.lufs) > 0.5:
        note = f"loudness is {after.lufs:.1f} LUFS instead of {goal.lufs:.1f}: peaks or gain at their limit"
    return Adjusted(scaled, before, after, gain_db, limited, note)


def goal_note(target: str | Target, goal: Target) -> str | None:
    """Why nothing was changed, if that was not asked for."""
    if target == "match" and goal.lufs is None:
        return "nothing to match: the original sound is silent or missing"
    return None


def limit(
    waveform: Float[Tensor, "*channels s"], sample_rate: int, peak_db: float = -1.0
) -> Float[Tensor, "*channels s"]:
    """Peaks held under `peak_db` dBTP: the gain falls over 5 ms before a peak and returns over 80 ms; all channels alike."""
    ceiling = 10 ** ((peak_db - MARGIN_DB) / 20)
    for _ in range(4):
        envelope = _envelope(waveform, sample_rate, 0.5 * ceiling)
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
    hop = max(1, sample_rate // 1000)
    padded = torch.nn.functional.pad(gain, (0, -gain.numel() % hop), value=1.0)
    blocks = padded.reshape(-1, hop).amin(1).tolist()
    keep = math.exp(-hop / (RELEASE * sample_rate))
    level, made = 1.0, []
    for value in blocks:
        level = min(value, 1 - (1 - level) * keep)
        made.append(level)
    slow = torch.tensor(made, dtype=gain.dtype, device=gain.device).repeat_interleave(hop)
    return torch.minimum(slow[: gain.numel()], gain)


def _envelope(waveform: Tensor, sample_rate: int, floor: float) -> Tensor:
    """Of each sample, the highest magnitude of any channel at it or up to the next one.

    Between samples only where the samples themselves pass `floor`: band-limited sound does not rise far above them.
    """
    samples = waveform.detach()
    samples = (samples[None] if samples.ndim == 1 else samples).float()
    found = samples.abs().amax(0)
    length = found.numel()
    padded = torch.nn.functional.pad(samples, (CONTEXT, CONTEXT - length % -BLOCK_SAMPLES))
    blocks = padded.unfold(1, BLOCK_SAMPLES + 2 * CONTEXT, BLOCK_SAMPLES)
    loud = (blocks.abs().amax((0, 2)) > floor).nonzero().flatten()
    factor = min(max(math.ceil(OVERSAMPLED_RATE / sample_rate), 4), 8)
    made = torch.nn.functional.pad(found, (0, -length % BLOCK_SAMPLES)).reshape(-1, BLOCK_SAMPLES)
    for some in loud.split(256):  # bounded memory
        fine = resample(blocks[:, some], 1, factor, lowpass_filter_width=FILTER_WIDTH)
        fine = fine.abs().amax(0)[:, CONTEXT * factor :][:, : BLOCK_SAMPLES * factor]
        made[some] = torch.maximum(made[some], fine.unflatten(1, (-1, factor)).amax(2))
    return made.flatten()[:length]


def _goal(target: str | Target, like: Tensor | None, like_rate: int) -> Target:
    if isinstance(target, Target):
        return target
    if target == "match":
        found = -math.inf if like is None else integrated(like, like_rate)
        return Target(found if found >= SILENT else None)
    if target not in TARGETS:
        raise ValueError(f"no loudness target {target!r}; one of {', '.join([*TARGETS, 'match'])}")
    return TARGETS[target]


def _check(waveform: Tensor) -> None:
    if waveform.ndim not in (1, 2):
        raise ValueError(f"a waveform is [s] or [channels s], not {list(waveform.shape)}")
    if not torch.isfinite(waveform).all():
        raise ValueError("the waveform has NaN or infinite samples")
