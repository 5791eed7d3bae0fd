"""Prosody of an utterance in three numbers of about unit size: how high, how lively, how fast."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.grid import FRAME_RATE

NUMBERS = ("pitch", "spread", "rate")
LEAST_VOICED = 5  # frames, below which nothing is known of the pitch
MIDDLE_HZ, MIDDLE_RATE = (
    150.0,
    15.0,
)  # between low and high voices; letters a second of unhurried English
OCTAVE = 2.0  # an octave counts as much as two deviations, of the pitch and of the rate
LIVELY = 0.2  # octaves, a usual deviation of F0 within an utterance


def prosody(pitch: Float[Tensor, " n"], letters: int) -> Float[Tensor, " p"]:
    """(4): mean log-F0 and its deviation, letters a second, and 1; all zeros where fewer than five frames are voiced.

    `pitch` is in Hz at 93.75 Hz, 0 where unvoiced. The rate counts the frames from the first voiced to the last;
    without letters it is the middle one. The last number says that the others are known: an absent prosody is all zeros.
    """
    voiced = (pitch > 0).nonzero()[:, 0]
    if len(voiced) < LEAST_VOICED:
        return torch.zeros(len(NUMBERS) + 1)
    octaves = (pitch[voiced].float() / MIDDLE_HZ).log2()
    seconds = float(voiced[-1] - voiced[0] + 1) / FRAME_RATE
    rate = OCTAVE * math.log2(letters / seconds / MIDDLE_RATE) if letters else 0.0
    height, spread = OCTAVE * float(octaves.mean()), float(octaves.std()) / LIVELY - 1
    return torch.tensor([height, spread, rate, 1.0])


def letters_in(text: str) -> int:
    """Letters and digits, without spaces and signs."""
    return sum(character.isalnum() for character in text)
