"""Readers of published corpora: a file that exports `CORPORA` is known by name, and nothing else needs to know."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from deepaudio import discover
from deepaudio.data.manifest import Item

ROOM = "deepaudio.data.corpora"


class Corpus(NamedTuple):
    """`read(root)`, or `read(list_file, root)` of a corpus that comes with a list of its items, or may take one.

    One that is divided names its `parts`, and its reader takes `part=`.
    """

    read: Callable[..., Iterable[Item]]
    needs_list: bool = False
    takes_list: bool = False
    parts: tuple[str, ...] = ()

    def items(
        self, root: Path, index: Path | None = None, part: str | None = None
    ) -> Iterable[Item]:
        """Its items, or those of a part. The list file `index` is None where the corpus has none."""
        places = (root,) if index is None else (index, root)
        return self.read(*places) if part is None else self.read(*places, part=part)


def corpora() -> dict[str, Corpus]:
    """All corpora by name."""
    found: dict[str, Corpus] = {}
    for file in discover.names(ROOM):
        found |= getattr(discover.find(ROOM, file), "CORPORA", {})
    return dict(sorted(found.items()))
