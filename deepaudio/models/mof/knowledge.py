"""The knowledge pool of M_mof and its fusion by the gate (eq. 8-9).

The pool holds what M_v2a knows of the clip, here its energy contour (`audio/energy.py`), and the empty
feature phi, which says nothing. M_tts takes the fused contour as its energy input:

    M_mof = G_v2s * M_v2a(video, prompts) + G_tts * phi

phi is the zero contour: the energy projection of M_tts maps it to its bias alone, as the released
DeepAudio-V1 does for plain text-to-speech. Training fuses softly; eq. 2 routes hard, so at inference
the contour is kept or dropped as a whole, which is the same once the gate is certain.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from deepaudio.models.mof.gate import TTS, V2S, Direction


def empty_feature(like: Float[Tensor, "*b n"]) -> Float[Tensor, "*b n"]:
    """phi: a contour of zeros, as long as another one."""
    return torch.zeros_like(like)


def fuse(gate: Float[Tensor, "b k"], energy: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    """The soft fusion of training: `gate` are probabilities, `energy` the contours M_v2a predicts."""
    return gate[:, V2S, None] * energy + gate[:, TTS, None] * empty_feature(energy)


def choose(direction: Direction, energy: Float[Tensor, "*b n"]) -> Float[Tensor, "*b n"]:
    """The hard choice of inference: the contour for v2s, phi for tts; v2a has no speech to condition."""
    if direction == "v2a":
        raise ValueError("v2a takes no knowledge: no speech is made")
    return energy if direction == "v2s" else empty_feature(energy)
