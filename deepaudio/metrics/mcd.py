"""MCD: mel cepstral distortion after dynamic time warping, in dB (section 4.2)."""

from torch import Tensor

from deepaudio.metrics.distortion import warped

TITLE = "MCD"
NEEDS = ("output_cepstra", "target_cepstra")
BETTER = "lower"
TASKS = ("v2s", "tts")


def compute(output_cepstra: Tensor, target_cepstra: Tensor) -> float:
    """Distortion of cepstra [n 14] against [m 14]."""
    return warped(output_cepstra, target_cepstra)
