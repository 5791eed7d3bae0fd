"""Optimisers and learning-rate schedules as recipes name them."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import nn

from deepaudio.training.recipe import Optim


def build(parameters: Iterable[nn.Parameter], config: Optim) -> torch.optim.Optimizer:
    """The optimiser of a recipe over the trainable parameters."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    trainable = [p for p in parameters if p.requires_grad]
    return kind(trainable, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay)


class Schedule(NamedTuple):
    """A decay from `peak` at update `start` to `final_lr` at update `steps`; before `warmup` the rate rises to `lr`."""

    steps: int
    start: int
    peak: float

    @classmethod
    def whole(cls, steps: int, config: Optim) -> "Schedule":
        """Of a run that is planned at once."""
        return cls(steps, config.warmup, config.lr)

    def rate(self, step: int, config: Optim) -> float:
        """Learning rate of update `step` (from 0)."""
        if step < config.warmup:
            return config.lr * (step + 1) / (config.warmup + 1)
        done = min(1.0, (step - self.start) / max(1, self.steps - self.start))
        left = {
            "constant": 1.0,
            "linear": 1.0 - done,
            "cosine": 0.5 * (1.0 + math.cos(math.pi * done)),
        }[config.schedule]
        final = self.peak if config.schedule == "constant" else config.final_lr
        return final + (self.peak - final) * left

    def replanned(self, step: int, steps: int, config: Optim) -> "Schedule":
        """Of a run that is at update `step` and is to have `steps` now: the decay goes on from the rate that it has there.

        So the rate never jumps, whether more or fewer steps are asked for, and a run that has ended stays at its final rate.
        """
        if step <= config.warmup:
            return self.whole(steps, config)
        return Schedule(steps, step, self.rate(step, config))


def rebuilt(
    optimiser: torch.optim.Optimizer,
    state: dict,
    spread: Callable[[dict, dict], dict] = lambda state, like: state,
) -> None:
    """Load a saved state but for the settings: those are the recipe's, which may have changed.

    `spread` shards the tensors of a parameter as the parameter is.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    values = {
        number: spread(tensors, dict.fromkeys(tensors, parameters[number]))
        for number, tensors in state["state"].items()
    }
    state = state | {"state": values}
    own = [{k: v for k, v in g.items() if k != "params"} for g in optimiser.param_groups]
    optimiser.load_state_dict(state)
    for group, values in zip(optimiser.param_groups, own, strict=True):
        group.update(values)
