"""A model on disk: a folder with config.json and model.safetensors, written atomically, read strictly.

Beside the sizes of its network, config.json says which network it is (`network`: v2a/mmdit, tts/dit ...) and the preset
whose other parts it is used with (`preset`).
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from deepaudio.config import build
from deepaudio.discover import find_network
from deepaudio.errors import InputError, ResourceError, WeightsError

PACKAGE = Path(__file__).resolve().parent
CONFIG, WEIGHTS = "config.json", "model.safetensors"
NAMED_AT_MOST = 5


class Identity(NamedTuple):
    """Which network a folder holds, and the preset whose other parts it is used with; None where it does not say."""

    network: str | None = None
    preset: str | None = None


def save(
    folder: Path | str,
    state_dict: Mapping[str, Tensor],
    config: Mapping[str, Any],
    dtype: torch.dtype | None = None,
    identity: Identity = Identity(),
) -> Path:
    """Write `folder`; floating tensors are stored in `dtype` if given (float16 halves the size).

    Each file is complete or absent: it is written beside its name, flushed to disk and renamed.
    Raises WeightsError when a finite value does not fit into `dtype`, ResourceError when the disk does not take it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: _stored(name, tensor, dtype) for name, tensor in state_dict.items()}
    said = {name: value for name, value in identity._asdict().items() if value is not None}
    text = json.dumps(said | dict(config), indent=2, ensure_ascii=False) + "\n"
    try:
        _replace(folder / WEIGHTS, lambda path: save_file(tensors, path))
    except SafetensorError as error:
        message = f"{folder / WEIGHTS} could not be written: {error}"
        raise ResourceError("resource.write", message, "is there space?") from error
    _replace(folder / CONFIG, lambda path: path.write_text(text, encoding="utf-8"))
    return folder


def load(
    folder: Path | str, dtype: torch.dtype = torch.float32
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """(config without identity, state dict) of `folder`; floating tensors come back in `dtype`.

    They are converted one by one: no second copy of the network lies in memory meanwhile.
    Raises WeightsError for a file that is missing or damaged or holds NaN.
    """
    folder = Path(folder)
    config = {k: v for k, v in _config(folder).items() if k not in Identity._fields}
    if not (folder / WEIGHTS).is_file():
        message = f"no {WEIGHTS} in {folder}"
        raise WeightsError("weights.missing", message, path=str(folder / WEIGHTS))
    try:
        return config, _read(folder / WEIGHTS, dtype)
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            "weights.damaged",
            f"{folder / WEIGHTS}: {error}",
            hint="fetch or train the weights again",
            path=str(folder / WEIGHTS),
        ) from error


def identity_of(folder: Path | str) -> Identity:
    """What config.json of `folder` says of itself. WeightsError when it is missing or damaged."""
    config = _config(Path(folder))
    return Identity(*(config.get(name) for name in Identity._fields))


def load_network(folder: Path | str, default: str, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The network in `folder`, found by the name in its config.json (`default` where it has none), in evaluation mode.

    Raises WeightsError for missing or damaged files, an unknown network, and weights or sizes that are not its own.
    """
    name = identity_of(folder).network or default
    config, state = load(folder, dtype)
    try:
        module = find_network(name)
        with Unfilled():
            model = module.Model(build(module.Config, config, str(folder)))
    except InputError as error:
        raise WeightsError("weights.config", f"{folder}: {error.message}", error.hint) from error
    load_into(model, state, str(folder))
    return model.eval()


class Unfilled(TorchFunctionMode):
    """Inside, networks are built without drawing the random weights that a strict load overwrites all the same."""

    def __torch_function__(self, function, types, arguments=(), named=None):
        if function in _DRAWN:
            return arguments[0] if arguments else named["tensor"]
        return function(*arguments, **(named or {}))


_DRAWN = {Tensor.uniform_, Tensor.normal_, Tensor.erfinv_}
_DRAWN |= {nn.init.uniform_, nn.init.normal_, nn.init.trunc_normal_, nn.init.xavier_uniform_}
_DRAWN |= {nn.init.kaiming_uniform_, nn.init.kaiming_normal_}


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        message = f"no {CONFIG} in {folder}"
        raise WeightsError("weights.missing", message, path=str(folder / CONFIG))
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WeightsError("weights.config", f"{folder / CONFIG}: {error}") from error
    if not isinstance(config, dict):
        raise WeightsError("weights.config", f"{folder / CONFIG}: expected an object")
    return config


def load_into(model: nn.Module, state_dict: Mapping[str, Tensor], where: str) -> None:
    """Give `model` exactly the tensors it has; any difference is a WeightsError that names them."""
    wanted = model.state_dict()
    problems = [
        ("missing", sorted(wanted.keys() - state_dict.keys())),
        ("unknown", sorted(state_dict.keys() - wanted.keys())),
        (
            "misshapen",
            [
                f"{name} {list(state_dict[name].shape)} instead of {list(wanted[name].shape)}"
                for name in sorted(wanted.keys() & state_dict.keys())
                if state_dict[name].shape != wanted[name].shape
            ],
        ),
    ]
    found = [f"{kind} {_list(names)}" for kind, names in problems if names]
    if found:
        raise WeightsError(
            "weights.mismatch",
            f"{where}: {'; '.join(found)}",
            hint="are the weights those of this config?",
            **{kind: names for kind, names in problems},
        )
    model.load_state_dict(dict(state_dict), strict=True)


def _list(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _stored(name: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().cpu()
    if dtype is not None and tensor.is_floating_point():
        small = tensor.to(dtype)
        if not torch.equal(small.isfinite(), tensor.isfinite()):
            raise WeightsError("weights.range", f"{name}: values do not fit into {dtype}")
        tensor = small
    return tensor.contiguous().clone()  # safetensors refuses tensors that share memory


def _read(path: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    if PACKAGE in path.resolve().parents:  # small, and looked at when the package is built
        return {
            name: tensor.to(dtype) if tensor.is_floating_point() else tensor
            for name, tensor in load_file(path).items()
        }
    with safe_open(path, "pt") as file:
        names = list(file.keys())
    tensors = {}
    for name in names:
        with safe_open(path, "pt") as file:  # opened anew: what was read before can leave memory
            tensor = file.get_tensor(name)
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            message = f"{path}: {name} {list(tensor.shape)} has NaN or infinite values"
            raise WeightsError("weights.not_finite", message, path=str(path))
        tensors[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    return tensors


def _replace(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `target`, flush it and rename it over `target`."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    os.close(handle)
    partial = Path(name)
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~_umask())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
