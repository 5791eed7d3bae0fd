"""Ray (extra `cluster`): joined when it runs, started on this machine when it does not."""

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deepaudio.errors import ResourceError, ToolError


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """The module of Ray while it is connected.

    ToolError when it is not installed or does not answer at `address`, ResourceError when it ends or loses its workers meanwhile.
    """
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        message = f"--engine ray needs {error.name}, which is not installed"
        raise ToolError("batch.ray", message, "pip install 'deepaudio[cluster]'") from error
    ours = not ray.is_initialized()
    if ours:
        _connect(ray, address)
    try:
        yield ray
    except ray.exceptions.RayTaskError:  # of what was run, not of Ray
        raise
    except ray.exceptions.RayError as error:
        message = f"Ray was lost: {_first_line(error)}"
        raise ResourceError(
            "batch.ray_lost", message, "run it again: what is finished stays (dub: with --resume)"
        ) from error
    finally:
        if ours:
            ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters comes back as an error
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        local = {} if address else {"include_dashboard": False}
        ray.init(address=address, **quiet, **local)
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        message = f"no Ray at {address or 'this machine'}: {_first_line(error)}"
        raise ToolError("batch.ray", message, "ray start --head starts one") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def forgiving(ray: Any) -> None:
    """A dead worker costs its row, not the run, and nothing is printed."""
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def most_workers(ray: Any, device: str) -> int:
    """One for each GPU of the cluster where there are some and they may be used, else one for each processor."""
    return max(1, int(ray.cluster_resources().get("GPU" if _on_gpu(ray, device) else "CPU", 1)))


def share_of(ray: Any, device: str, workers: int, kept: float = 0.0) -> dict[str, float]:
    """Of each of so many workers: a GPU, or its part of the processors, of which `kept` are left to others."""
    if _on_gpu(ray, device):
        return {"num_gpus": 1, "num_cpus": 1}
    share = (ray.cluster_resources().get("CPU", 1) - kept) / workers
    # Ray takes whole processors, or a part of one
    return {"num_cpus": math.floor(share) if share >= 1 else math.floor(100 * share) / 100}


def take_threads() -> None:
    """In a worker: as many threads of torch as Ray gave it processors."""
    import ray
    import torch

    granted = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
    torch.set_num_threads(max(1, int(granted)))


def _on_gpu(ray: Any, device: str) -> bool:
    return device in ("auto", "cuda") and bool(ray.cluster_resources().get("GPU"))
