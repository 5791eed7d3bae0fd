"""Activation checkpointing: a block's activations are computed again in the backward pass instead of being kept."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from deepaudio.errors import InputError
from deepaudio.models.tts import dit
from deepaudio.models.v2a import _cross, _joint

# of the YingSound network the parts that hold the most, its layers are no modules of their own
BLOCKS = (
    dit.Block,
    _joint.JointBlock,
    _joint.StreamBlock,
    _cross.GatedAttention,
    _cross.GatedFeedForward,
)


def recompute(model: nn.Module) -> None:
    """Change `model` in place; its outputs, gradients and state dict stay what they are. InputError without such blocks."""
    blocks = [module for module in model.modules() if isinstance(module, BLOCKS)]
    if not blocks:
        message = f"{type(model).__name__} has no blocks whose activations could be recomputed"
        raise InputError("recipe.checkpoint_activations", message, "leave the key out")
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
