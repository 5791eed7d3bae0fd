"""MCD-SL: MCD weighted by the mismatch of speech length (section 4.2)."""

from torch import Tensor

from deepaudio.metrics.distortion import length_ratio, warped

TITLE = "MCD-SL"
NEEDS = ("output_cepstra", "target_cepstra")
BETTER = "lower"
TASKS = ("v2s", "tts")


def compute(output_cepstra: Tensor, target_cepstra: Tensor) -> float:
    """MCD times the longer length over the shorter."""
    ratio = length_ratio(output_cepstra, target_cepstra)
    return ratio * warped(output_cepstra, target_cepstra)
