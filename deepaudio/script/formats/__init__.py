"""Script formats: a file that exports `FORMATS` is read by its suffixes, and nothing else needs to know."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from deepaudio import discover
from deepaudio.script.cue import Parsed

ROOM = "deepaudio.script.formats"


class Format(NamedTuple):
    """What a format is called in messages, the ends of its file names, and `parse(text, *, known, speak_sdh)`."""

    title: str
    suffixes: tuple[str, ...]
    parse: Callable[..., Parsed]


@cache
def formats() -> dict[str, Format]:
    """All formats by the name that `format=` takes."""
    found: dict[str, Format] = {}
    for file in discover.names(ROOM):
        found |= getattr(discover.find(ROOM, file), "FORMATS", {})
    return found


def by_suffix() -> dict[str, str]:
    """The format of each suffix."""
    return {suffix: name for name, known in formats().items() for suffix in known.suffixes}
