"""FAD: Frechet distance of frame embeddings of output and target sound (VGGish in the paper).

Every item may bring several frames; all frames of a side form one Gaussian.
"""

import torch
from torch import Tensor

from deepaudio.metrics.frechet import frechet_distance

TITLE = "FAD"
NEEDS = ("output_soundframes", "target_soundframes")
BETTER = "lower"
PER = "set"
TASKS = ("v2a",)


def compute(output_soundframes: list[Tensor], target_soundframes: list[Tensor]) -> float:
    """Frechet distance between lists of [p d]."""
    return frechet_distance(torch.cat(output_soundframes), torch.cat(target_soundframes))
