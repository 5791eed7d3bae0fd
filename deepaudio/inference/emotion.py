"""The emotion that is asked for, as a network that was trained with emotions takes it."""

import torch
from jaxtyping import Int
from torch import Tensor

from deepaudio.data.labels import number_of
from deepaudio.errors import UsageError
from deepaudio.models.tts import dit


def emotion_for(network: dit.Model, label: str) -> Int[Tensor, " 1"] | None:
    """The number of a label of the network's list, None for an empty one.

    UsageError for a network without emotions, InputError for a label that it does not know.
    """
    if not label:
        return None
    if not network.config.emotions:
        message = "the speech of this preset knows no emotions"
        raise UsageError("condition.emotion", message, "leave --emotion out")
    number = number_of(label, network.config.emotions, "--emotion")
    return torch.tensor([number], device=next(network.parameters()).device)
