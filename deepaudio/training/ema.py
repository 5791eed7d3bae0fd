"""Exponential moving average of the weights, with a warm-up so that early steps are forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Ema:
    """Shadow weights: decay min(limit, (1 + step) / (10 + step))."""

    def __init__(self, model: nn.Module, limit: float):
        self.limit = limit
        self.shadow = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the shadow towards the model after update number `step` (from 0)."""
        decay = min(self.limit, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.shadow[name].lerp_(value.to(self.shadow[name].dtype), 1 - decay)
            else:
                self.shadow[name].copy_(value)


@contextmanager
def averaged(model: nn.Module, ema: Ema | None) -> Iterator[None]:
    """The model with the averaged weights, if there are such; its own come back bit by bit."""
    if ema is None:
        yield
        return
    own = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.load_state_dict(ema.shadow)
    try:
        yield
    finally:
        model.load_state_dict(own)
