"""Drawn scenes whose sounds are known to the sample: falls, bounces, hits, steps, rolling, rain, splashes, stillness."""

from collections.abc import Callable

import numpy as np

from deepaudio.data.synthetic.acts import hitting, nothing, raining, rolling_by, walking
from deepaudio.data.synthetic.falls import bouncing, landing, splashing
from deepaudio.data.synthetic.scene import Scene
from deepaudio.data.synthetic.sound import MATERIALS

KINDS: dict[str, Callable[[float, np.random.Generator, str], Scene]] = {
    "bounce": bouncing, "fall": landing, "hit": hitting, "steps": walking,
    "roll": rolling_by, "rain": raining, "splash": splashing, "still": nothing,
}  # fmt: skip


def make(
    kind: str, duration: float, rng: np.random.Generator, material: str | None = None
) -> Scene:
    """A random scene of a kind in KINDS; same generator state, same scene."""
    return KINDS[kind](duration, rng, material or str(rng.choice(list(MATERIALS))))
