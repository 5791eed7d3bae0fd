"""The stand-in modules and clips of the pipeline tests, for the commands."""

from tests.pipelines.conftest import (  # noqa: F401 - fixtures
    _clips,
    _own_cache,
    model,
    silent_clip,
    sound_clip,
    voice,
)
