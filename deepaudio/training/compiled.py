"""A network compiled in place, so that names of parameters and the state dict stay as they are."""

import torch
from torch import nn


def compiled(model: nn.Module) -> None:
    """Compile `forward` and, where there is one, `encode`: what a stage calls for every batch."""
    model.compile()
    if hasattr(model, "encode"):
        model.encode = torch.compile(model.encode)
