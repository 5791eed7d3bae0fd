"""The options of sampling and dubbing: every default of the command line and of Python is written here, once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, get_args

from deepaudio.errors import UsageError

Quality = Literal["draft", "normal", "high"]
QUALITIES: tuple[str, ...] = get_args(Quality)
AudioMode = Literal["auto", "replace", "mix", "add"]
Bed = Literal["keep", "separate", "foley", "none"]
FixedLoudness = Literal["ebu-r128", "streaming", "podcast", "off"]  # of a sound without a clip
LoudnessName = Literal[FixedLoudness, "match"]
DropTracks = Literal["none", "audio", "subtitle", "all"]  # of the clip's other tracks
Pitch = Literal["own", "original"]  # intonation: of the speech model, or of the clip's own speech
Engine = Literal["processes", "ray"]  # of a batch, and of shards
ShardForm = Literal["safetensors", "webdataset"]

PRESET = "mini"
RECOGNISER = "whisper-tiny.en"
DUCK_DB = 15.0  # of a bed in which the clip's voice may still sound, or that was generated
SAMPLE = 4  # items that an estimate dubs
MAX_SEED = 2**63 - 1
MAX_PAUSE = 60.0  # seconds

INSTRUCTIONS = {
    "dub": "dub the speaker",
    "foley": "add the sounds of the scene",
    "tts": "read the text aloud",
}


def _whole(value: float, most: int) -> bool:
    return hasattr(value, "__index__") and 0 <= value <= most


@dataclass(frozen=True)
class SampleOptions:
    """How a flow is integrated. What is None is chosen by the engine that samples (`EngineDefaults`)."""

    steps: int | None = None
    """Euler steps of the solver; None: as many as the engine takes for `quality`."""
    guidance_scale: float | None = None
    """Classifier-free guidance; 1 is off."""
    seed: int = 0
    """Of the noise."""
    sway: float | None = None
    """Step grid of F5-TTS: 0 is uniform, -1 puts more steps near the noise."""
    quality: Quality = "normal"
    noise_scale: float | None = None
    """Factor on the noise at which the flow begins: the temperature of the prior of Glow-TTS (arXiv 2005.11129) and
    Grad-TTS (arXiv 2105.06337). Below 1 a sample varies less and keeps nearer to what is most likely."""
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    """Times of the flow, from noise at 0, between which guidance acts; outside a step is one evaluation, not two."""
    emotion: str = ""
    """How speech is said: a label of a network that was trained with emotions; empty: no matter."""

    def __post_init__(self):
        if self.steps is not None and not _whole(self.steps, 1000):
            raise ValueError(f"steps must be a whole number in 0..1000, got {self.steps}")
        if self.guidance_scale is not None and not 0 <= self.guidance_scale <= 50:
            raise ValueError(f"guidance_scale must be in 0..50, got {self.guidance_scale}")
        first, last = self.guidance_interval
        if not 0 <= first <= last <= 1:
            raise ValueError(f"guidance_interval must be in 0..1, got {self.guidance_interval}")
        if self.sway is not None and not -1 <= self.sway <= 1:
            raise ValueError(f"sway must be in -1..1, got {self.sway}")
        if self.noise_scale is not None and not 0 <= self.noise_scale <= 2:
            raise ValueError(f"noise_scale must be in 0..2, got {self.noise_scale}")
        if not _whole(self.seed, MAX_SEED):
            raise ValueError(f"seed must be a whole number in 0..2**63-1, got {self.seed}")
        if self.quality not in QUALITIES:
            raise ValueError(f"quality must be one of {QUALITIES}, got {self.quality!r}")

    def of_piece(self, number: int) -> "SampleOptions":
        """Those of the piece `number` of what is sampled: each has a seed of its own."""
        return replace(self, seed=(self.seed + number) % (MAX_SEED + 1))


@dataclass(frozen=True)
class EngineDefaults:
    """What an engine takes where `SampleOptions` leaves a value open; steps by quality."""

    steps: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({"draft": 8, "normal": 16, "high": 32})
    )
    guidance_scale: float = 2.0
    sway: float = 0.0
    noise_scale: float = 1.0
    take_noise_scale: float = 1.0
    """That of a line's takes from the second on, which are to differ."""

    def fill(self, options: SampleOptions) -> SampleOptions:
        """The values that are used: no None is left. UsageError for fewer steps than the engine can take."""
        least = min(1, *self.steps.values())
        if options.steps is not None and options.steps < least:
            raise UsageError("options.steps", f"steps must be at least {least} for this engine")
        scale, sway, noise = options.guidance_scale, options.sway, options.noise_scale
        return replace(
            options,
            steps=self.steps[options.quality] if options.steps is None else options.steps,
            guidance_scale=self.guidance_scale if scale is None else scale,
            sway=self.sway if sway is None else sway,
            noise_scale=self.noise_scale if noise is None else noise,
        )


MINI_SOUND = EngineDefaults()
# draft is the mel prior that the flow is conditioned on; noise at its start costs words and quality (docs/mini.md)
MINI_SPEECH = EngineDefaults(
    MappingProxyType({"draft": 0, "normal": 4, "high": 8}),
    guidance_scale=1.5,
    sway=-1.0,
    noise_scale=0.0,
    take_noise_scale=0.3,
)
# the published guidance; F5-TTS counts its strength of 2 from the conditional side, YingSound likewise
MMAUDIO = EngineDefaults(guidance_scale=4.5)
# draft is the seven steps of Fast F5-TTS (flow/time.py)
F5_TTS = EngineDefaults(
    MappingProxyType({"draft": 7, "normal": 16, "high": 32}), guidance_scale=3.0, sway=-1.0
)
YINGSOUND = EngineDefaults(guidance_scale=3.0, sway=-1.0)


@dataclass(frozen=True)
class FitOptions:
    """How lines are fitted to their slots; speeds are factors of the natural pace, `pause` seconds between lines."""

    min_speed: float = 0.85
    max_speed: float = 1.3
    pause: float = 0.6
    clamp: bool = (
        False  # shorten or leave out cues that run past the clip's end instead of refusing them
    )

    def __post_init__(self):
        if not 0.5 <= self.min_speed <= 1.0 <= self.max_speed <= 3.0:
            raise ValueError(
                "speeds must satisfy 0.5 <= min_speed <= 1 <= max_speed <= 3, "
                f"got {self.min_speed} and {self.max_speed}"
            )
        if not 0 <= self.pause <= MAX_PAUSE:
            raise ValueError(f"pause must be in 0..{MAX_PAUSE:g} s, got {self.pause}")


@dataclass(frozen=True)
class MixOptions:
    """What becomes of the clip's own sound, and how loud the result is."""

    audio: AudioMode = "auto"  # replace when the clip has no sound, else mix
    bed: Bed = "keep"
    duck_db: float | None = None
    """How far the bed steps back under a line; None: DUCK_DB, and 0 for a bed without the clip's voice."""
    loudness: LoudnessName = "ebu-r128"
    drop: DropTracks = "none"  # of the clip's other audio and subtitle tracks

    def __post_init__(self):
        if not 0 <= self.ducking <= 60:
            raise ValueError(f"duck_db must be in 0..60, got {self.duck_db}")

    @property
    def ducking(self) -> float:
        """`duck_db`, or what stands for None."""
        if self.duck_db is not None:
            return self.duck_db
        return 0.0 if self.bed == "separate" else DUCK_DB

    @property
    def has_bed(self) -> bool:
        """Something may sound under the dub; alone and as a track of its own it has no bed."""
        return self.audio in ("auto", "mix")

    @property
    def separates(self) -> bool:
        """The clip's voice is taken out of its sound."""
        return self.bed == "separate" and self.has_bed
