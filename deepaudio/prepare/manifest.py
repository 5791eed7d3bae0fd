"""Manifests of corpora, for training and for `deepaudio eval`."""

import logging
from pathlib import Path

from deepaudio.data.corpora import corpora
from deepaudio.data.corpora.talkers import of_talkers
from deepaudio.data.manifest import write_manifest
from deepaudio.discover import suggest
from deepaudio.errors import UsageError

log = logging.getLogger(__name__)


def write_corpus(
    name: str,
    root: Path,
    out: Path,
    index: Path | None = None,
    talkers: str | None = None,
    part: str | None = None,
) -> int:
    """Write the manifest of a corpus; the number of its items.

    `talkers`: "train" leaves out those kept for validation, "held-out" takes only them. `part`: of a corpus that is divided.
    UsageError for an unknown corpus or part, and where a list file is missing or not wanted.
    """
    known = corpora()
    if name not in known:
        raise UsageError("prepare.corpus", f"no corpus '{name}'", suggest(name, list(known)))
    corpus = known[name]
    if corpus.needs_list != (index is not None) and not corpus.takes_list:
        wants = "needs" if corpus.needs_list else "takes no"
        raise UsageError("prepare.list", f"{name} {wants} --list FILE")
    if part is not None and part not in corpus.parts:
        divided = [other for other, entry in known.items() if entry.parts]
        hint = ", ".join(corpus.parts) or f"{' and '.join(divided)} are divided"
        raise UsageError("prepare.part", f"{name} has no part '{part}'", hint)
    if corpus.parts and not corpus.needs_list and part is None:
        log.warning("%s: every part, the test set too; --part train is what may be learned", name)
    items = corpus.items(root.absolute(), index, part)
    if talkers is not None:
        items = of_talkers(items, talkers == "held-out")
    return write_manifest(out, items)
