"""Optimisers and learning-rate schedules as recipes name them."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from deepaudio.training.recipe import Optim


def build(parameters: Iterable[nn.Parameter], config: Optim) -> torch.optim.Optimizer:
    """The optimiser of a recipe over the trainable parameters."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    trainable = [p for p in parameters if p.requires_grad]
    return kind(trainable, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay)


def learning_rate(step: int, steps: int, config: Optim) -> float:
    """Learning rate of update `step` (from 0) of `steps`: linear warm-up, then the schedule down to `final_lr`."""
    if step < config.warmup:
        return config.lr * (step + 1) / (config.warmup + 1)
    done = min(1.0, (step - config.warmup) / max(1, steps - config.warmup))
    left = {
        "constant": 1.0,
        "linear": 1.0 - done,
        "cosine": 0.5 * (1.0 + math.cos(math.pi * done)),
    }[config.schedule]
    return (
        config.final_lr + (config.lr - config.final_lr) * left
        if config.schedule != "constant"
        else config.lr
    )
