"""A network compiled in place, so that names of parameters and the state dict stay as they are."""

import torch
from torch import nn

BACKEND = "inductor"


def compiled(model: nn.Module) -> None:
    """Compile `forward` and, where there is one, `encode`: what a stage calls for every batch."""
    model.compile(backend=BACKEND)
    if hasattr(model, "encode"):
        model.encode = torch.compile(model.encode, backend=BACKEND)
