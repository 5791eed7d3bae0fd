"""Preparing a reference voice as F5-TTS expects it, and joining chunks of speech: levels, edges, cross-fade."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

EDGE_DBFS = -42.0
TAIL_SECONDS = 0.05
TARGET_RMS = 0.1
CROSS_FADE_SECONDS = 0.15
_STEP_SECONDS = 0.01


class Prepared(NamedTuple):
    """A reference ready for the model; the output is multiplied by `gain_back` to return to the speaker's level."""

    waveform: Float[Tensor, " s"]
    gain_back: float


def trim_edges(
    waveform: Float[Tensor, " s"], sample_rate: int, threshold_dbfs: float = EDGE_DBFS
) -> Float[Tensor, " m"]:
    """Without the quiet steps of 10 ms at both ends; a waveform that is quiet throughout stays as it is."""
    step = max(1, round(sample_rate * _STEP_SECONDS))
    whole = waveform[: len(waveform) // step * step].reshape(-1, step)
    loud = (whole.square().mean(dim=1).sqrt() > 10 ** (threshold_dbfs / 20)).nonzero().flatten()
    if not len(loud):
        return waveform
    last = int(loud[-1]) + 1
    end = len(waveform) if last == len(whole) else last * step
    return waveform[int(loud[0]) * step : end]


def prepare_reference(waveform: Float[Tensor, " s"], sample_rate: int) -> Prepared:
    """Trimmed, closed by 50 ms of silence, and raised to an RMS of 0.1 when it is softer.

    Raises ValueError for silence and for samples that are not finite.
    """
    if not torch.isfinite(waveform).all():
        raise ValueError("the reference holds NaN or infinite samples")
    waveform = trim_edges(waveform, sample_rate)
    rms = float(waveform.square().mean().sqrt()) if len(waveform) else 0.0
    if rms < 1e-6:
        raise ValueError("the reference is silent")
    silence = waveform.new_zeros(round(TAIL_SECONDS * sample_rate))
    gain = max(1.0, TARGET_RMS / rms)
    return Prepared(torch.cat([waveform * gain, silence]), 1 / gain)


def cross_faded(
    parts: Sequence[Float[Tensor, " _"]], sample_rate: int, seconds: float = CROSS_FADE_SECONDS
) -> Float[Tensor, " m"]:
    """Parts joined with linear cross-fades, shorter ones where a part is shorter; 0 joins them end to end."""
    if not parts:
        raise ValueError("no parts to join")
    joined = parts[0]
    for part in parts[1:]:
        n = min(max(0, round(seconds * sample_rate)), len(joined), len(part))
        ramp = torch.linspace(0, 1, n, dtype=part.dtype, device=part.device)
        mixed = joined[len(joined) - n :] * (1 - ramp) + part[:n] * ramp
        joined = torch.cat([joined[: len(joined) - n], mixed, part[n:]])
    return joined
