"""FD: Frechet distance of clip embeddings of output and target sound (PANNs in the paper).

One embedding an item.
"""

import torch
from torch import Tensor

from deepaudio.metrics.frechet import frechet_distance

TITLE = "FD"
NEEDS = ("output_sound", "target_sound")
BETTER = "lower"
PER = "set"
TASKS = ("v2a",)


def compute(output_sound: list[Tensor], target_sound: list[Tensor]) -> float:
    """Frechet distance between lists of [d]."""
    return frechet_distance(torch.stack(output_sound), torch.stack(target_sound))
