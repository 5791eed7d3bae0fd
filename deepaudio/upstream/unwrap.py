"""From what an official file holds to a flat state dict under our names: wrappers, prefixes, old weight norms."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepaudio.errors import WeightsError

# in order of preference: averaged weights are the released ones
_WRAPPERS = ("ema_model_state_dict", "model_state_dict", "state_dict", "generator", "model")
_EMA_COUNTERS = frozenset({"initted", "step", "update"})
# of averages, of data-parallel and of compiled modules, in any order
_PREFIXES = ("ema_model.", "module.", "_orig_mod.")
_GAIN_ENDINGS = (
    (".weight_g", ".weight_v"),
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
)


def state_dict_of(content: Mapping[str, Any], kind: str) -> dict[str, Tensor]:
    """The state dict inside a training checkpoint, EMA dictionary or bare file."""
    for name in _WRAPPERS:
        inner = content.get(name)
        if isinstance(inner, Mapping):
            return state_dict_of(inner, kind)
    flat = {name: value for name, value in content.items() if name not in _EMA_COUNTERS}
    strangers = [
        str(name)
        for name, value in flat.items()
        if not (isinstance(name, str) and isinstance(value, Tensor))
    ]
    if strangers or not flat:
        found = (
            f"entries that are not tensors: {', '.join(strangers[:5])}"
            if strangers
            else "no tensors"
        )
        raise WeightsError("weights.not_weights", f"{kind}: found {found}")
    for _ in _PREFIXES:
        for prefix in _PREFIXES:
            flat = without_prefix(flat, prefix)
    return flat


def without_prefix(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Drop a prefix that every name carries; leave the names alone when any lacks it."""
    if state and all(name.startswith(prefix) for name in state):
        return {name.removeprefix(prefix): value for name, value in state.items()}
    return dict(state)


def without(
    state: Mapping[str, Tensor], names: Iterable[str] = (), prefixes: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Drop tensors that are known to be recomputed or to belong to another part."""
    dropped = frozenset(names)
    return {k: v for k, v in state.items() if k not in dropped and not k.startswith(prefixes)}


def fold_weight_norm(state: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """w = g v / |v| for both spellings of torch's weight normalisation; plain weights pass through."""
    folded = dict(state)
    for gain_ending, direction_ending in _GAIN_ENDINGS:
        for name in [n for n in state if n.endswith((gain_ending, direction_ending))]:
            stem = name.removesuffix(gain_ending).removesuffix(direction_ending)
            gain, direction = state.get(stem + gain_ending), state.get(stem + direction_ending)
            if gain is None or direction is None or not direction.ndim:
                other = direction_ending if name.endswith(gain_ending) else gain_ending
                raise WeightsError(
                    "weights.missing_tensor",
                    f"{kind}: {name} is there but {stem + other} is missing",
                    tensor=stem + other,
                )
            shape = (direction.shape[0],) + (1,) * (direction.ndim - 1)
            if tuple(gain.shape) != shape:
                raise WeightsError(
                    "weights.shape",
                    f"{kind}: {stem + gain_ending} has shape {list(gain.shape)}, expected {list(shape)}",
                    tensor=stem + gain_ending,
                )
            folded.pop(name)
            folded[f"{stem}.weight"] = torch._weight_norm(direction.float(), gain.float(), 0)
    return folded
