"""The options of sampling and dubbing: every default of the command line and of Python is written here, once."""

from dataclasses import dataclass, replace
from typing import Literal

Quality = Literal["draft", "normal", "high"]
AudioMode = Literal["auto", "replace", "mix", "add"]
Bed = Literal["keep", "foley", "none"]
LoudnessName = Literal["ebu-r128", "streaming", "podcast", "match", "off"]

STEPS_OF_QUALITY: dict[str, int] = {"draft": 8, "normal": 16, "high": 32}

INSTRUCTIONS = {
    "dub": "dub the speaker",
    "foley": "add the sounds of the scene",
    "tts": "read the text aloud",
}


@dataclass(frozen=True)
class SampleOptions:
    """How a flow is integrated: `steps` of the solver, guidance (1 = off), the seed of the noise."""

    steps: int = STEPS_OF_QUALITY["normal"]
    guidance_scale: float = 2.0
    seed: int = 0
    sway: float = -1.0  # step grid of F5-TTS: 0 is uniform, -1 puts more steps near the noise

    def __post_init__(self):
        if not 1 <= self.steps <= 1000:
            raise ValueError(f"steps must lie in 1..1000, got {self.steps}")
        if not 0 <= self.guidance_scale <= 50:
            raise ValueError(f"guidance_scale must lie in 0..50, got {self.guidance_scale}")
        if not -1 <= self.sway <= 1:
            raise ValueError(f"sway must lie in -1..1, got {self.sway}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must lie in 0..2**63-1, got {self.seed}")

    def with_own_scale(self, scale: float) -> "SampleOptions":
        """A model's own guidance where the option has its common default; any other value is the user's."""
        if self.guidance_scale == SampleOptions.guidance_scale:
            return replace(self, guidance_scale=scale)
        return self


@dataclass(frozen=True)
class FitOptions:
    """How lines are fitted to their slots; speeds are factors of the natural pace, `pause` seconds between lines."""

    min_speed: float = 0.85
    max_speed: float = 1.3
    pause: float = 0.35
    clamp: bool = False  # cut cues that run past the clip's end instead of refusing them

    def __post_init__(self):
        if not 0.5 <= self.min_speed <= 1.0 <= self.max_speed <= 3.0:
            raise ValueError(
                "speeds must satisfy 0.5 <= min_speed <= 1 <= max_speed <= 3, "
                f"got {self.min_speed} and {self.max_speed}"
            )


@dataclass(frozen=True)
class MixOptions:
    """What becomes of the clip's own sound, and how loud the result is."""

    audio: AudioMode = "auto"  # replace when the clip has no sound, else mix
    bed: Bed = "keep"
    duck_db: float = 15.0  # how far the bed steps back under a line
    loudness: LoudnessName = "ebu-r128"

    def __post_init__(self):
        if not 0 <= self.duck_db <= 60:
            raise ValueError(f"duck_db must lie in 0..60, got {self.duck_db}")
