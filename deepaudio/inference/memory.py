"""Retry once with fewer networks loaded when GPU memory runs out."""

import functools
import gc
import logging
from collections.abc import Callable
from typing import Any

import torch

from deepaudio.errors import ResourceError

log = logging.getLogger(__name__)


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
