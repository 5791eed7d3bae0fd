"""What is asked for: a clip to dub, a scene to add sound to, a text to read; plain values, no work done."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepaudio.errors import UsageError
from deepaudio.notices import Notices
from deepaudio.options import (
    INSTRUCTIONS,
    PRESET,
    Engine,
    FitOptions,
    LoudnessName,
    MixOptions,
    Pitch,
    SampleOptions,
)


@dataclass(frozen=True)
class Cast:
    """Who speaks with which recording: one reference for all, named ones, or a `voices.toml`."""

    ref: Path | None = None
    ref_text: str | None = None  # the words, or a file with them
    named: tuple[tuple[str, Path], ...] = ()
    file: Path | None = None


@dataclass(frozen=True)
class Policy:
    """Rules of the place where the tool runs."""

    require_consent: bool = False
    consent: bool = False
    force: bool = False  # go on where the gate reads the instruction differently


@dataclass(frozen=True)
class Extras:
    """What else a dub writes or checks."""

    stems: Path | None = None
    report: Path | None = None
    emit_script: Path | None = None
    subtitles: Path | None = None
    subtitle_track: bool = False  # also in the output
    c2pa: Path | None = None  # certificates and key that sign the output
    dry_run: bool = False
    strict: bool = False
    allow_damaged: bool = False
    allow_empty: bool = False
    keep_temp: bool = False
    remux_fix: bool = False  # new decoding times for a clip whose own cannot be copied
    encoding: str | None = None  # of the script; None finds it from the content
    speak_sdh: bool = False  # speak what is in brackets
    cache: bool = True  # lines spoken before are not spoken again


@dataclass(frozen=True)
class Part:
    """Seconds of the clip that are dubbed for a quick listen; None is its end."""

    start: float = 0.0
    end: float | None = None

    def __post_init__(self):
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ValueError(f"from {self.start:g} to {self.end} s is no part of a clip")


@dataclass(frozen=True)
class Choice:
    """Which lines are spoken (`2,5-7`, by id; empty: all), in how many takes, and which take of a line is in the mix."""

    only: str = ""
    takes: int = 1
    taken: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class DubJob:
    """One clip to dub."""

    clip: Path
    script: Path | None = None
    text: str | None = None
    recogniser: str | None = None  # makes the script from the clip's speech where there is none
    cast: Cast = Cast()
    output: Path | None = None
    instruction: str = INSTRUCTIONS["dub"]
    prompt: str = ""
    negative: str = ""
    video_stream: int | None = None
    audio_stream: int | None = None
    options: SampleOptions = SampleOptions()
    fit: FitOptions = FitOptions()
    pitch: Pitch = "own"
    language: str | None = None  # of the dub: code or name; None: what the script says
    mix: MixOptions = MixOptions()
    part: Part | None = None
    choice: Choice = Choice()
    policy: Policy = Policy()
    extras: Extras = field(default_factory=Extras)

    @property
    def is_preview(self) -> bool:
        """The output is not the whole dub, and must not take its place."""
        return self.part is not None or bool(self.choice.only)


@dataclass(frozen=True)
class FoleyJob:
    """One clip to add sound to; the output is a video, or a sound file when its name says so."""

    clip: Path
    prompt: str = ""
    negative: str = ""
    output: Path | None = None
    instruction: str = INSTRUCTIONS["foley"]
    options: SampleOptions = SampleOptions()
    mix: MixOptions = MixOptions(audio="auto", bed="foley")
    policy: Policy = Policy()
    extras: Extras = field(default_factory=Extras)


@dataclass(frozen=True)
class SpeakJob:
    """A text or script to read aloud into a sound file."""

    text: str | None = None
    script: Path | None = None
    encoding: str | None = None  # of the script; None finds it from the content
    cast: Cast = Cast()
    output: Path = Path("speech.wav")
    instruction: str = INSTRUCTIONS["tts"]
    speed: float = 1.0
    options: SampleOptions = SampleOptions()
    fit: FitOptions = FitOptions()
    loudness: LoudnessName = MixOptions.loudness
    policy: Policy = Policy()

    def __post_init__(self):
        if self.loudness == "match":
            message = "--loudness match is that of a clip, and reading aloud has none"
            raise UsageError("options.loudness", message, "e.g. --loudness streaming")


@dataclass(frozen=True)
class BatchJob:
    """Many clips from one manifest, or one after the other from a stream; `shard` is `i/n`, counted from 1."""

    manifest: Path | None
    out_dir: Path | None
    jobs: int | None = None  # processes, of which none is without a core; None: as many as are fast
    shard: str | None = None
    keep_going: bool = True
    resume: bool = False
    preset: str = PRESET
    device: str = "auto"
    dtype: str = "auto"
    low_memory: bool = False
    compile: bool = False
    engine: Engine = "processes"
    address: str | None = None  # of a Ray cluster; None: this machine
    report: Path | None = None  # an index page; every item then has a report beside its output


@dataclass(frozen=True)
class Done:
    """What a job wrote and measured; `summary` is for a reader, `facts` for `--json`."""

    output: Path
    facts: dict[str, Any] = field(default_factory=dict)
    summary: tuple[str, ...] = ()
    notices: Notices = field(default_factory=Notices)
