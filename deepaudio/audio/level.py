"""The level of speech: RMS over its active part, so that pauses do not count."""

import torch
from jaxtyping import Float
from torch import Tensor

SPEECH_RMS = 0.1  # level at which models hear a reference (F5-TTS's target)


def active_rms(waveform: Float[Tensor, " s"], hop: int = 256) -> float:
    """RMS of the hops within 40 dB of the loudest hop; 0 for silence."""
    n = waveform.shape[-1] // hop
    if n == 0:
        return float(waveform.square().mean().sqrt()) if waveform.numel() else 0.0
    power = waveform[: n * hop].reshape(n, hop).square().mean(-1)
    loud = power >= power.max() * 1e-4
    return float(power[loud].mean().sqrt())


def at_level(
    waveform: Float[Tensor, " s"], rms: float = SPEECH_RMS
) -> tuple[Float[Tensor, " s"], float]:
    """The waveform with its active RMS at `rms`, and the gain that did it (1 for silence)."""
    own = active_rms(waveform)
    gain = rms / own if own > 0 else 1.0
    return torch.as_tensor(waveform) * gain, gain
