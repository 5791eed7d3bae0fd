"""What a person would call a drawn scene: phrases by kind, words by material."""

import numpy as np

WORDS = {
    "metal": ("metal", "steel", "iron"), "glass": ("glass", "crystal"), "wood": ("wooden", "wood"),
    "plastic": ("plastic",), "rubber": ("rubber",), "stone": ("stone", "rock"), "cardboard": ("cardboard", "paper"),
}  # fmt: skip
PHRASES = {
    "bounce": (
        "a {m} {s} bounces on the floor", "a bouncing {m} {s}", "{m} {s} bouncing", "a {m} {s} falls and bounces",
        "{m} {s} hitting the ground", "a {m} object drops and bounces",
    ),
    "fall": (
        "a {m} thing falls to the ground", "a {m} {s} drops", "dropping a {m} {s}", "something {m} crashes on the floor",
        "a {m} {s} lands with a thud",
    ),
    "hit": (
        "hitting a {m} thing with a stick", "a hammer strikes {m}", "someone hits {m}", "banging on a {m} box",
        "{m} hits", "drumming on {m}", "knocking on {m}",
    ),
    "steps": (
        "footsteps on {s}", "a person walks on {s}", "walking on {s}", "steps on a {s} floor", "someone walking",
    ),
    "roll": (
        "a {m} ball rolls", "a {m} wheel rolling on the floor", "rolling {m} ball", "something {m} rolls by",
    ),
    "rain": ("rain", "it is raining", "heavy rain falls", "rain pouring down", "rain drops falling"),
    "splash": ("something falls into the water", "a splash", "a stone splashes into a pond", "water splash"),
    "still": ("", "a quiet room", "a {m} box stands still", "silence", "nothing happens", "a {m} ball"),
}  # fmt: skip
PLAIN = (
    "{m}",
    "the sound of {m}",
    "{m} sounds",
    "something made of {m}",
    "a {m} thing",
    "a {m} ball",
)


def say(kind: str, rng: np.random.Generator, material: str = "", thing: str = "") -> str:
    """A phrase for a scene of `kind`."""
    return _fill(PHRASES[kind], rng, material, thing)


def name(rng: np.random.Generator, material: str) -> str:
    """A phrase that names the material and leaves open what happens."""
    return _fill(PLAIN, rng, material, "")


def _fill(phrases: tuple[str, ...], rng: np.random.Generator, material: str, thing: str) -> str:
    words = WORDS.get(material, ("",))
    phrase = phrases[rng.integers(len(phrases))]
    return phrase.format(m=words[rng.integers(len(words))], s=thing)
