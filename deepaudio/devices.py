"""Where networks run, and in which precision."""

import functools
import gc
import logging
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


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 on a GPU and float32 elsewhere."""
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]


def autocast(device: torch.device, dtype: str) -> Callable[[], AbstractContextManager]:
    """Makes the context in which `dtype` is computed with; float32 on processors without bfloat16 arithmetic."""
    if device.type == "cpu" and dtype == "bfloat16" and not fast_bfloat16():
        dtype = "float32"
    if dtype == "float32":
        return nullcontext
    return lambda: torch.autocast(device.type, dtype=getattr(torch, dtype))


def fast_bfloat16() -> bool:
    """Whether this processor multiplies in bfloat16; those that do not are fifty times slower than in float32."""
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
