"""The knowledge pool of M_mof: what is known of a clip and handed to M_tts (eq. 8-9).

Eq. 8 weights it by the gate: G_v2s * knowledge + G_tts * phi. The gate is used one-hot, so M_tts gets the knowledge as it is
(v2s) or the empty feature phi (tts).
"""

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepaudio.models.mof.gate import Direction


class Knowledge(NamedTuple):
    """Contours of the wanted speech at 93.75 Hz; None is the empty feature phi."""

    energy: Float[Tensor, " n"] | None = None
    """0 .. 1, as M_v2a predicts it from the video."""
    pitch: Float[Tensor, " n"] | None = None
    """Octaves above the median of the speech whose intonation is followed, 0 where unvoiced."""

    def part(self, first: int, count: int) -> "Knowledge":
        """`count` frames from frame `first` on; zeros outside the clip."""
        return Knowledge(*(None if x is None else _part(x, first, count) for x in self))


EMPTY = Knowledge()
"""phi in every contour."""


def hand_over(direction: Direction, knowledge: Knowledge) -> Knowledge:
    """What M_tts gets of the pool: all of it where the gate chose speech for the video, phi elsewhere."""
    return knowledge if direction == "v2s" else EMPTY


def _part(contour: Tensor, first: int, count: int) -> Tensor:
    padded = F.pad(contour, (max(0, -first), max(0, first + count - len(contour))))
    return padded[max(0, first) : max(0, first) + count]
