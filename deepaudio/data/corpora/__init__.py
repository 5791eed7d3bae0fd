"""Readers of published corpora: a file that exports `CORPORA` is known by name, and nothing else needs to know."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from deepaudio import discover
from deepaudio.data.manifest import Item

ROOM = "deepaudio.data.corpora"


class Corpus(NamedTuple):
    """`read(root)`, or `read(list_file, root)` of a corpus that comes with a list of its items."""

    read: Callable[..., Iterable[Item]]
    needs_list: bool = False

    def items(self, root: Path, index: Path | None = None) -> Iterable[Item]:
        """Its items. The list file `index` is None exactly where the corpus has none."""
        return self.read(root) if index is None else self.read(index, root)


def corpora() -> dict[str, Corpus]:
    """All corpora by name."""
    found: dict[str, Corpus] = {}
    for file in discover.names(ROOM):
        found |= getattr(discover.find(ROOM, file), "CORPORA", {})
    return dict(sorted(found.items()))
