"""Where networks run, and in which precision."""

import torch

from deepaudio.errors import ToolError


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
