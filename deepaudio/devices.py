"""Where networks run, and in which precision."""

import functools
import gc
import logging
import os
import platform
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from deepaudio.errors import ResourceError, ToolError

log = logging.getLogger(__name__)


def device_of(name: str) -> torch.device:
    """`auto` is the GPU when there is one; a GPU that was asked for by name and is not there is a ToolError."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((kind for kind, found in there.items() if found), "cpu"))
    kind = name.partition(":")[0]
    if kind != "cpu" and not there.get(kind, False):
        raise ToolError("device.missing", f"no {name} device here", "--device auto, or cpu")
    return torch.device(name)


def dtype_of(name: str, device: torch.device, full_size: bool = False) -> torch.dtype:
    """`auto` is bfloat16 on a GPU, and for a full size on a processor that multiplies in it; else float32."""
    if name == "auto":
        half = device.type == "cuda" or (full_size and device.type == "cpu" and fast_bfloat16())
        return torch.bfloat16 if half else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]


def usable_cores() -> int:
    """Processors that this process may run on, not all that the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def autocast(device: torch.device, dtype: str) -> Callable[[], AbstractContextManager]:
    """Makes the context in which `dtype` is computed with; float32 on processors without bfloat16 arithmetic."""
    if device.type == "cpu" and dtype == "bfloat16" and not fast_bfloat16():
        dtype = "float32"
    if dtype == "float32":
        return nullcontext
    return lambda: torch.autocast(device.type, dtype=getattr(torch, dtype))


def fast_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16 (AMX, AVX-512 BF16, ARM); those that do not are many times slower."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def retry_on_oom(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, tried again after `self.free_memory()` when memory runs out; ResourceError when that is not enough."""

    @functools.wraps(method)
    def tried(self, *args, **given):
        try:
            return method(self, *args, **given)
        except torch.OutOfMemoryError as error:
            log.warning(
                "out of GPU memory, trying again with fewer networks loaded: %s", _first_line(error)
            )
        self.free_memory()  # outside of `except`: the traceback holds what must go
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            return method(self, *args, **given)
        except torch.OutOfMemoryError as error:
            hint = "take a shorter clip, a smaller preset or --device cpu"
            raise ResourceError("resource.gpu_memory", _first_line(error), hint) from error

    return tried


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
