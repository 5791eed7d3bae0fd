"""Weights of judges that no package carries: a local folder, the local hub cache, or the hub by wish."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from deepaudio.errors import WeightsError

HUB = Path("hub")  # --judge-folder NAME=hub: download what is not in the cache


def load_state(name: str, folder: Path | None) -> dict[str, Tensor]:
    """FOLDER/model.safetensors as a state dict; WeightsError with what to do where it is missing."""
    if folder is None or not (Path(folder) / "model.safetensors").is_file():
        raise WeightsError(
            "judge.missing", f"judge '{name}' needs a folder with its model.safetensors",
            hint=f"--judge-folder {name}=DIR", judge=name,
        )  # fmt: skip
    try:
        return load_file(Path(folder) / "model.safetensors")
    except SafetensorError as error:
        raise WeightsError(
            "judge.broken", f"judge '{name}': unreadable weights: {error}"
        ) from error


def from_pretrained(kind: Any, name: str, repository: str, folder: Path | None) -> Any:
    """`kind.from_pretrained` of a folder or of a repository in the local cache (or the hub by wish)."""
    network = folder == HUB
    source = repository if folder is None or network else str(folder)
    try:
        return kind.from_pretrained(source, local_files_only=not network)
    except (OSError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].partition(". ")[0][:160]
        raise WeightsError(
            "judge.missing", f"judge '{name}' needs {repository}: {reason}",
            hint=f"--judge-folder {name}=DIR, or {name}=hub to download it", judge=name,
        ) from error  # fmt: skip
