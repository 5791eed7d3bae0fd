"""Labels of a recipe's list as the numbers that a network embeds; 0 is no label."""

from collections.abc import Sequence

from deepaudio.discover import suggest
from deepaudio.errors import InputError


def number_of(label: str | None, known: Sequence[str], where: str) -> int:
    """The place of an emotion in `known`, counted from 1; 0 for none. InputError naming `where` for one that is not in it."""
    if not label:
        return 0
    if label not in known:
        message = f"{where}: no emotion '{label}'; known: {', '.join(known)}"
        raise InputError("emotion.unknown", message, suggest(label, list(known)))
    return list(known).index(label) + 1
