"""Where things are kept that can be made again: $DEEPAUDIO_CACHE_DIR, else the user's cache."""

import os
from pathlib import Path

import platformdirs

PLACE_VARIABLE = "DEEPAUDIO_CACHE_DIR"


def cache_folder(what: str) -> Path:
    """The folder for one kind of thing; it may not be there yet."""
    given = os.environ.get(PLACE_VARIABLE)
    return (Path(given) if given else platformdirs.user_cache_path("deepaudio")) / what
