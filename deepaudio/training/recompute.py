"""Activation checkpointing: a block's activations are computed again in the backward pass instead of being kept."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from deepaudio.errors import InputError


def recompute(model: nn.Module) -> None:
    """Change `model.blocks()` in place; outputs, gradients and state dict stay what they are. InputError without such blocks."""
    if not hasattr(model, "blocks"):
        message = f"{type(model).__name__} has no blocks whose activations could be recomputed"
        raise InputError("recipe.checkpoint_activations", message, "leave the key out")
    for block in model.blocks():
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
