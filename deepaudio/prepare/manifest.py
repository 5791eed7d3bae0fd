"""Manifests of corpora, for training and for `deepaudio eval`."""

from pathlib import Path

from deepaudio.data.corpora import corpora
from deepaudio.data.corpora.talkers import of_talkers
from deepaudio.data.manifest import write_manifest
from deepaudio.discover import suggest
from deepaudio.errors import UsageError


def write_corpus(
    name: str, root: Path, out: Path, index: Path | None = None, talkers: str | None = None
) -> int:
    """Write the manifest of a corpus; the number of its items.

    `talkers`: "train" leaves out those kept for validation, "held-out" takes only them. UsageError for an unknown corpus
    and where a list file is missing or not wanted.
    """
    known = corpora()
    if name not in known:
        raise UsageError("prepare.corpus", f"no corpus '{name}'", suggest(name, list(known)))
    if known[name].needs_list != (index is not None):
        wants = "needs" if known[name].needs_list else "takes no"
        raise UsageError("prepare.list", f"{name} {wants} --list FILE")
    items = known[name].items(root.absolute(), index)
    if talkers is not None:
        items = of_talkers(items, talkers == "held-out")
    return write_manifest(out, items)
