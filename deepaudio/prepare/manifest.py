"""Manifests of corpora, for training and for `deepaudio eval`."""

from collections.abc import Callable, Iterable
from pathlib import Path

from deepaudio.data.corpora.grid import grid_items
from deepaudio.data.corpora.librispeech import cross_sentence_items, librispeech_items
from deepaudio.data.corpora.speechocean import speechocean_items
from deepaudio.data.corpora.talkers import of_talkers
from deepaudio.data.corpora.v2c import layout_items
from deepaudio.data.corpora.vctk import vctk_items
from deepaudio.data.corpora.vggsound import vggsound_items
from deepaudio.data.manifest import Item, write_manifest
from deepaudio.errors import UsageError

# Readers of a folder, and of a list with the folder its files lie in.
FOLDERS: dict[str, Callable[[Path], Iterable[Item]]] = {
    "grid": grid_items,
    "grid-held-out": lambda root: grid_items(root, held_out=True),
    "vctk": vctk_items,
    "librispeech": librispeech_items,
    "v2c": layout_items,
    "speechocean": speechocean_items,
}
LISTS: dict[str, Callable[[Path, Path], Iterable[Item]]] = {
    "librispeech-pc": cross_sentence_items,
    "vggsound": vggsound_items,
}


def write_corpus(
    kind: str, root: Path, out: Path, index: Path | None = None, talkers: str | None = None
) -> int:
    """Write the manifest of a corpus; the number of its items. UsageError where a list is missing or not wanted.

    `talkers`: "train" leaves out those kept for validation, "held-out" takes only them.
    """
    root = root.absolute()
    if (kind in LISTS) != (index is not None):
        wants = "needs" if kind in LISTS else "takes no"
        raise UsageError("prepare.list", f"{kind} {wants} --list FILE")
    items = LISTS[kind](index, root) if index is not None else FOLDERS[kind](root)
    if talkers is not None:
        items = of_talkers(items, talkers == "held-out")
    return write_manifest(out, items)
