"""Several processes that train one network: replicas (DDP) or shards of it (FSDP2), set up by accelerate.

Every process draws the whole batch of the recipe from one generator and takes its share of the items, so a recipe means the
same whatever the number of processes, and a run may go on with another number. Gradients are averaged over processes; the
loop divides them by the mean weight, so the sum is that of one process with the whole batch.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from deepaudio.errors import UsageError
from deepaudio.training.distributed.ranks import Alone

PATIENCE = timedelta(hours=1)  # the first process may make data while the others wait


class _Losses(nn.Module):
    """The loss of a stage as the forward of a module around its network, as DDP and FSDP want it."""

    def __init__(self, stage: Any):
        super().__init__()
        self.network = stage.model
        self._loss = stage.loss

    def forward(self, batch: Any, chance: Any) -> Any:
        return self._loss(batch, chance)


class Together(Alone):
    """This process among those of the run."""

    def __init__(self, device: str, parallel: str):
        self.state = PartialState(cpu=device == "cpu", timeout=PATIENCE)
        self.rank, self.world = self.state.process_index, self.state.num_processes
        self.device = torch.device("cpu") if self.state.device.type == "cpu" else self.state.device
        # what `accelerate launch --use_fsdp` sets
        asked = os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("1", "true", "yes")
        self.sharded = parallel == "fsdp" or asked

    @contextmanager
    def first_goes_ahead(self) -> Iterator[None]:
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def wait(self) -> None:
        self.state.wait_for_everyone()

    def losses(self, stage: Any) -> Callable[[Any, Any], Any]:
        if not hasattr(stage, "draw") or hasattr(stage, "step"):
            message = f"stage {stage.network} trains in one process"
            raise UsageError("train.processes", message, "start it without torchrun or accelerate")
        whole = _Losses(stage)
        if not self.sharded:
            # conditions that are dropped leave parameters without a gradient
            return DistributedDataParallel(
                whole,
                broadcast_buffers=False,
                find_unused_parameters=True,
                gradient_as_bucket_view=True,
            )
        mesh = init_device_mesh(self.device.type, (self.world,))
        for block in stage.model.blocks() if hasattr(stage.model, "blocks") else ():
            fully_shard(block, mesh=mesh)
        return fully_shard(whole, mesh=mesh)

    def local(self, losses: Any, is_last: bool) -> AbstractContextManager:
        return nullcontext() if is_last or self.sharded else losses.no_sync()

    def summed(self, *values: float) -> list[float]:
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def gathered(self, value: Any) -> list[Any]:
        found = [None] * self.world
        dist.all_gather_object(found, value)
        return found

    def whole(self, state: dict[str, Any]) -> dict[str, Any]:
        return _each(
            state, lambda value: value.full_tensor() if isinstance(value, DTensor) else value
        )

    def spread(self, state: dict[str, Tensor], like: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: _as(value, like.get(name)) for name, value in state.items()}

    def leave(self) -> None:
        dist.barrier()
        self.state.destroy_process_group()


def _as(value: Tensor, like: Tensor | None) -> Tensor:
    """A whole tensor, which every process has, sharded like another of its shape."""
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value
    return distribute_tensor(
        value.to(like.device), like.device_mesh, like.placements, src_data_rank=None
    )


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _each(x, change) for name, x in value.items()}
    if isinstance(value, list):
        return [_each(x, change) for x in value]
    return change(value)
