"""Weights of judges that no package carries: a local folder, the local hub cache, or the hub by wish.

A folder holds `model.safetensors` or the file under its published name. A published pickle is read with
`weights_only=True`: tensors and nothing else.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from deepaudio.errors import WeightsError
from deepaudio.upstream import source, strict
from deepaudio.upstream.unwrap import state_dict_of

HUB = Path("hub")  # --judge-folder NAME=hub: download what is not in the cache
SAFE = "model.safetensors"
UNUSED = ("masked_spec_embed",)  # transformers draws it anew; only training reads it


def load_state(name: str, folder: Path | None, published: str) -> dict[str, Tensor]:
    """The tensors of FOLDER/model.safetensors or FOLDER/`published`; WeightsError where neither is there."""
    if folder is None or folder == HUB or not folder.is_dir():
        found = None
    else:
        found = next((p for p in (folder / SAFE, folder / published) if p.is_file()), None)
    if found is None:
        raise WeightsError(
            "judge.missing", f"judge '{name}' needs a folder with {published} (or {SAFE})",
            hint=f"--judge-folder {name}=DIR", judge=name,
        )  # fmt: skip
    try:
        return state_dict_of(source.read(found), found.name)
    except WeightsError as error:
        raise WeightsError(
            "judge.broken", f"judge '{name}': {error.message}", hint=error.hint, judge=name
        ) from error


def filled(build: Callable[[], nn.Module], state: dict[str, Tensor], name: str) -> nn.Module:
    """The network holding exactly `state`, in float32; WeightsError naming every difference."""
    network = build()
    state = {key: strict.float32(value) for key, value in state.items()}
    strict.check(state, network.state_dict(), f"judge '{name}'")
    network.load_state_dict(state)
    return network.eval()


def from_pretrained(kind: Any, name: str, repository: str, folder: Path | None) -> Any:
    """`kind.from_pretrained` of a folder or of a repository in the local cache (or the hub by wish).

    WeightsError also where the file lacks tensors of the network: transformers would draw them at random.
    """
    network = folder == HUB
    place = repository if folder is None or network else str(folder)
    options: dict[str, Any] = {"local_files_only": not network}
    if issubclass(kind, nn.Module):
        options["output_loading_info"] = True
    try:
        made = kind.from_pretrained(place, **options)
    except (OSError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].partition(". ")[0][:160]
        raise WeightsError(
            "judge.missing", f"judge '{name}' needs {repository}: {reason}",
            hint=f"--judge-folder {name}=DIR, or {name}=hub to download it", judge=name,
        ) from error  # fmt: skip
    if not issubclass(kind, nn.Module):
        return made
    model, info = made
    lacking = [key for key in sorted(info["missing_keys"]) if not key.endswith(UNUSED)]
    lacking += [str(key) for key in info["mismatched_keys"]]
    if lacking:
        raise WeightsError(
            "judge.broken",
            f"judge '{name}': the weights in {place} lack {len(lacking)} tensors of the network, "
            f"such as {lacking[0]}",
            judge=name,
        )
    return model
