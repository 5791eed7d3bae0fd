"""IS: inception score, exp of the mean divergence of each output's classes from their mean."""

import numpy as np
import torch
from torch import Tensor

TITLE = "IS"
NEEDS = ("output_classes",)
BETTER = "higher"
PER = "set"
TASKS = ("v2a",)
SPLITS = 10
SEED = 2020  # of the permutation before the split, as published numbers used it


def compute(output_classes: list[Tensor]) -> float:
    """Mean over ten splits (one, when there are fewer than ten items) of logits [k]."""
    return mean_and_deviation(torch.stack(output_classes))[0]


def mean_and_deviation(logits: Tensor, splits: int = SPLITS) -> tuple[float, float]:
    """Inception score of logits [n k]: mean and deviation over the splits."""
    n = len(logits)
    splits = splits if n >= splits else 1
    order = np.random.RandomState(SEED).permutation(n)
    logs = logits.double()[torch.from_numpy(order)].log_softmax(-1)
    scores = []
    for i in range(splits):
        part = logs[i * n // splits : (i + 1) * n // splits]
        mean = part.exp().mean(0, keepdim=True).log()
        scores.append(float((part.exp() * (part - mean)).sum(-1).mean().exp()))
    return float(np.mean(scores)), float(np.std(scores))
