"""Labels of a recipe's list as the numbers that a network embeds; 0 is no label."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from deepaudio.discover import suggest
from deepaudio.errors import InputError, UsageError


def number_of(label: str | None, known: Sequence[str], where: str) -> int:
    """The place of an emotion in `known`, counted from 1; 0 for none. InputError naming `where` for one that is not in it."""
    if not label:
        return 0
    if label not in known:
        message = f"{where}: no emotion '{label}'; known: {', '.join(known)}"
        raise InputError("emotion.unknown", message, suggest(label, list(known)))
    return list(known).index(label) + 1


def emotion_asked(label: str, known: Sequence[str]) -> Int[Tensor, " 1"] | None:
    """The number of an emotion that is asked for, as a network with the list `known` takes it; None for an empty one.

    UsageError for a network without emotions, InputError for a label that is not in its list.
    """
    if not label:
        return None
    if not known:
        message = "the speech of this preset knows no emotions"
        raise UsageError("condition.emotion", message, "leave --emotion out")
    return torch.tensor([number_of(label, known, "--emotion")])
