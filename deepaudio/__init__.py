"""deepaudio: speech and sound for video (DeepAudio-V1), a dubbing toolkit.

Dimensions in shape annotations: `b` batch, `n` latent or mel frames, `d` features, `c` mel channels, `l` text tokens,
`f` video frames, `s` samples, `k` gate classes. Sequences are (b n c), channel last. Times are seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepaudio.errors import DeepAudioError
    from deepaudio.media.mux import mux
    from deepaudio.pipelines.deepaudio import DeepAudio, Result, load
    from deepaudio.pipelines.options import FitOptions, MixOptions, SampleOptions
    from deepaudio.pipelines.route import Route
    from deepaudio.pipelines.text_to_speech import Reference

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
    "DeepAudio": "deepaudio.pipelines.deepaudio",
    "DeepAudioError": "deepaudio.errors",
    "FitOptions": "deepaudio.pipelines.options",
    "MixOptions": "deepaudio.pipelines.options",
    "Reference": "deepaudio.pipelines.text_to_speech",
    "Result": "deepaudio.pipelines.deepaudio",
    "Route": "deepaudio.pipelines.route",
    "SampleOptions": "deepaudio.pipelines.options",
    "load": "deepaudio.pipelines.deepaudio",
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
