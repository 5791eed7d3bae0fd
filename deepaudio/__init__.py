"""deepaudio: speech and sound for video (DeepAudio-V1), a dubbing toolkit.

Dimensions in shape annotations: `b` batch, `n` latent or mel frames, `d` features, `c` mel channels, `l` text tokens,
`f` video frames, `s` samples, `k` gate classes. Sequences are (b n c), channel last. Times are seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepaudio.errors import DeepAudioError
    from deepaudio.inference.gate import Route
    from deepaudio.inference.mini_tts import Reference
    from deepaudio.inference.model import DeepAudio, Result, load
    from deepaudio.media.mux import mux
    from deepaudio.options import FitOptions, MixOptions, SampleOptions

__version__ = "0.1.0"

__all__ = [
    "DeepAudio",
    "DeepAudioError",
    "FitOptions",
    "MixOptions",
    "Reference",
    "Result",
    "Route",
    "SampleOptions",
    "load",
    "mux",
]

_HOMES = {
    "DeepAudio": "deepaudio.inference.model",
    "DeepAudioError": "deepaudio.errors",
    "FitOptions": "deepaudio.options",
    "MixOptions": "deepaudio.options",
    "Reference": "deepaudio.inference.mini_tts",
    "Result": "deepaudio.inference.model",
    "Route": "deepaudio.inference.gate",
    "SampleOptions": "deepaudio.options",
    "load": "deepaudio.inference.model",
    "mux": "deepaudio.media.mux",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import deepaudio` costs nothing."""
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'deepaudio' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
