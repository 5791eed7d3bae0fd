"""One drawn scene: how to draw it, its sound, when it sounds; and the same scene of another material."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepaudio.data.synthetic.draw import Pen
from deepaudio.data.synthetic.prompts import name, say
from deepaudio.data.synthetic.sound import SAMPLE_RATE, Body, place, rolling, room

Draw = Callable[[Pen, float], None]
LOOKS = {  # colours that go with a material when no prompt says otherwise
    "metal": ((150, 155, 165), (95, 100, 110), (190, 190, 195)),
    "glass": ((170, 215, 235), (200, 230, 240), (150, 200, 220)),
    "wood": ((150, 100, 55), (180, 130, 75), (115, 75, 40)),
    "plastic": ((230, 200, 40), (60, 180, 90), (240, 120, 180)),
    "rubber": ((210, 50, 45), (50, 60, 160), (230, 110, 40)),
    "stone": ((120, 118, 112), (90, 88, 85), (140, 135, 120)),
    "cardboard": ((190, 155, 110), (205, 170, 125), (170, 140, 100)),
}


@dataclass(frozen=True)
class Scene:
    """One drawn clip: how to draw it at a time, its sound, when something sounds, and what a person would call it.

    `blows` (seconds, strength) and `speed` (per sample, of what rolls) are what sounds, whatever it is made of.
    """

    kind: str
    duration: float
    draw: Draw
    waveform: np.ndarray
    onsets: tuple[float, ...]
    prompt: str
    material: str = ""
    blows: tuple[tuple[float, float], ...] = ()
    size: float = 0.5
    speed: np.ndarray | None = None


def of(scene: Scene, material: str, rng: np.random.Generator) -> Scene:
    """The same movement with the sound of another material, called by its name."""
    waveform = render(scene.duration, scene.blows, Body(material, rng, scene.size), rng)
    if scene.speed is not None:
        waveform = waveform + rolling(scene.speed, material, rng)
    thing = "ball" if rng.random() < 0.5 else "thing"
    said = name(rng, material) if rng.random() < 0.5 else say(scene.kind, rng, material, thing)
    return replace(scene, waveform=waveform, material=material, prompt=said)


def render(
    duration: float, blows: Sequence[tuple[float, float]], body: Body, rng: np.random.Generator
):
    """Waveform of (time, strength) blows on one body, in a random room."""
    out = np.zeros(round(duration * SAMPLE_RATE), dtype=np.float32)
    for seconds, strength in blows:
        place(out, body.strike(float(np.clip(strength, 0.02, 1)), rng), seconds)
    return room(out, rng.choice([0.0, rng.uniform(0.1, 0.8)]), rng)


def colour(material: str, rng: np.random.Generator) -> tuple[int, int, int]:
    choices = LOOKS[material]
    base = np.array(choices[rng.integers(len(choices))]) + rng.integers(-15, 16, 3)
    return tuple(int(v) for v in np.clip(base, 0, 255))
