"""Strict loading: every difference between a file and a network is an error that names the tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from deepaudio.errors import WeightsError

_SHOWN = 8


def fill(build: Callable[[], nn.Module], state: Mapping[str, Tensor], kind: str) -> nn.Module:
    """A module in evaluation mode holding exactly `state`, without the cost of drawing weights first."""
    with torch.device("meta"):
        skeleton = build()
    check(state, skeleton.state_dict(), kind)
    skeleton.load_state_dict(state, strict=True, assign=True)
    if hasattr(skeleton, "restore_tables"):
        skeleton.restore_tables()
    left = [name for name, tensor in skeleton.named_buffers() if tensor.is_meta]
    if left:
        raise RuntimeError(f"{kind}: nothing fills {left[0]}; give the module a restore_tables()")
    return skeleton.eval()


def check(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], kind: str) -> None:
    """Raise WeightsError for unknown, missing, misshapen, mistyped or non-finite tensors."""
    problems = []
    where: dict[str, Any] = {}
    unknown = [name for name in found if name not in wanted]
    missing = [name for name in wanted if name not in found]
    misshapen = [
        name for name in wanted if name in found and found[name].shape != wanted[name].shape
    ]
    if unknown:
        problems.append(f"unknown tensors: {_listed(unknown)}")
        where["unknown"] = unknown[:_SHOWN]
    if missing:
        problems.append(f"missing tensors: {_listed(missing)}")
        where["missing"] = missing[:_SHOWN]
    if misshapen:
        shapes = [
            f"{n} has shape {list(found[n].shape)}, expected {list(wanted[n].shape)}"
            for n in misshapen
        ]
        problems.append(f"misshapen tensors: {_listed(shapes)}")
        where["misshapen"] = misshapen[:_SHOWN]
    mistyped = [
        f"{name} holds {str(found[name].dtype).removeprefix('torch.')}"
        for name in wanted
        if name in found
        and wanted[name].is_floating_point()
        and not found[name].is_floating_point()
    ]
    if mistyped:
        problems.append(f"not numbers with a fraction: {_listed(mistyped)}")
        where["mistyped"] = mistyped[:_SHOWN]
    if problems:
        raise WeightsError(
            "weights.mismatch",
            f"{kind}: {'; '.join(problems)}",
            hint="is this the file of another model or size?",
            **where,
        )
    for name, tensor in found.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                "weights.not_finite", f"{kind}: {name} holds NaN or infinite values", tensor=name
            )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
