"""Manifests of corpora, for training and for `deepaudio eval`."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from deepaudio.data.corpora import v2c
from deepaudio.data.corpora.grid import grid_items
from deepaudio.data.corpora.librispeech import cross_sentence_items, librispeech_items
from deepaudio.data.corpora.speechocean import speechocean_items
from deepaudio.data.corpora.talkers import of_talkers
from deepaudio.data.corpora.vctk import vctk_items
from deepaudio.data.corpora.vggsound import vggsound_items
from deepaudio.data.manifest import Item, write_manifest
from deepaudio.errors import UsageError

log = logging.getLogger(__name__)
# Readers of a folder, and of a list with the folder its files lie in.
FOLDERS: dict[str, Callable[[Path], Iterable[Item]]] = {
    "grid": grid_items,
    "grid-held-out": lambda root: grid_items(root, held_out=True),
    "vctk": vctk_items,
    "librispeech": librispeech_items,
    "v2c": v2c.layout_items,
    "speechocean": speechocean_items,
}
LISTS: dict[str, Callable[[Path, Path], Iterable[Item]]] = {
    "librispeech-pc": cross_sentence_items,
    "vggsound": vggsound_items,
}


PARTED = ("v2c", "vggsound")


def write_corpus(
    kind: str,
    root: Path,
    out: Path,
    index: Path | None = None,
    talkers: str | None = None,
    part: str | None = None,
) -> int:
    """Write the manifest of a corpus; the number of its items. UsageError where a list is missing or not wanted.

    `talkers`: "train" leaves out those kept for validation, "held-out" takes only them. `part`: of `PARTED` corpora, as they are divided.
    """
    root = root.absolute()
    if part is not None and kind not in PARTED:
        raise UsageError("prepare.part", f"{kind} has no parts", hint=", ".join(PARTED) + " have")
    if part is None and (kind == "v2c" or (kind in PARTED and index and index.suffix == ".csv")):
        log.warning("%s: every part, the test set too; --part train is what may be learned", kind)
    if kind == "v2c":
        return write_manifest(out, v2c.layout_items(root, part, index))
    if (kind in LISTS) != (index is not None):
        wants = "needs" if kind in LISTS else "takes no"
        raise UsageError("prepare.list", f"{kind} {wants} --list FILE")
    if kind == "vggsound":
        items = vggsound_items(index, root, part=part)
    else:
        items = LISTS[kind](index, root) if index is not None else FOLDERS[kind](root)
    if talkers is not None:
        items = of_talkers(items, talkers == "held-out")
    return write_manifest(out, items)
