"""The processes of a run: one alone, or several that `torchrun` or `accelerate launch` has started."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from deepaudio.devices import device_of
from deepaudio.errors import ToolError


class Alone:
    """One process: everything is as it is without processes."""

    rank, world = 0, 1

    def __init__(self, device: str):
        self.device = device_of(device)

    @property
    def first(self) -> bool:
        """Whether this process writes, prints and locks."""
        return self.rank == 0

    @contextmanager
    def first_goes_ahead(self) -> Iterator[None]:
        """The first process does what is inside before the others: it may make files that they find."""
        yield

    def wait(self) -> None:
        """Until all processes are here."""

    def losses(self, stage: Any) -> Callable[[Any, Any], Any]:
        """The loss of a batch, by a network that the processes share. Before the optimiser is made."""
        return getattr(stage, "loss", None)  # some take whole steps of their own

    def local(self, losses: Any, is_last: bool) -> AbstractContextManager:
        """Where the gradients of a batch stay in this process until the last batch of an update."""
        return nullcontext()

    def summed(self, *values: float) -> list[float]:
        """Over all processes."""
        return list(values)

    def gathered(self, value: Any) -> list[Any]:
        """Of all processes, in their order."""
        return [value]

    def whole(self, state: dict[str, Any]) -> dict[str, Any]:
        """A state dict without sharded tensors."""
        return state

    def spread(self, state: dict[str, Tensor], like: dict[str, Tensor]) -> dict[str, Tensor]:
        """Whole tensors sharded as those of the same name in `like` are."""
        return state

    def leave(self) -> None:
        """The run is over."""


def join(device: str, parallel: str = "ddp") -> Alone:
    """The processes of this run. ToolError without accelerate where there are several."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ:
        return Alone(device)
    try:
        from deepaudio.training.distributed.together import Together
    except ModuleNotFoundError as error:
        message = f"several processes need {error.name}, which is not installed"
        raise ToolError("train.accelerate", message, "pip install 'deepaudio[train]'") from error
    return Together(device, parallel)


def number_of(norm: Tensor) -> Tensor:
    """A scalar as a plain tensor, gathered where it is sharded."""
    return norm.full_tensor() if hasattr(norm, "full_tensor") else norm


def parameters_of(optimiser: torch.optim.Optimizer) -> list[nn.Parameter]:
    """All that it trains, in order."""
    return [p for group in optimiser.param_groups for p in group["params"]]
