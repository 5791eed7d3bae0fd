"""Options that several commands share, each written once; defaults come from the library's frozen options."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepaudio.dubbing.jobs import Cast
from deepaudio.errors import InputError, UsageError
from deepaudio.options import (
    F5_TTS,
    MINI_SOUND,
    MINI_SPEECH,
    AudioMode,
    Bed,
    EngineDefaults,
    FitOptions,
    LoudnessName,
    MixOptions,
    Pitch,
    Quality,
    SampleOptions,
)
from deepaudio.options import PRESET as DEFAULT_PRESET


def _steps(engine: EngineDefaults) -> str:
    return ", ".join(f"{name} {steps}" for name, steps in engine.steps.items())


SAMPLING, FIT, MIX = SampleOptions(), FitOptions(), MixOptions()
PRESET = DEFAULT_PRESET
MAX_STDIN = 8_000_000

# --- how the command talks
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Verbose = Annotated[
    int, typer.Option("-v", "--verbose", count=True, help="Say more; -vv adds tracebacks.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Only errors.")]

# --- where it runs
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="auto is the GPU when there is one.")
]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    typer.Option(
        help="Precision of the networks; auto is bfloat16 on a GPU, and for a full size on a CPU that has it."
    ),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Never use the network; weights must be there already.")
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile", help="Compile the networks: slow to begin, for many steps or many jobs."
    ),
]
LowMemory = Annotated[
    bool,
    typer.Option("--low-memory", help="One group of a full size's networks in memory at a time."),
]
Preset = Annotated[str, typer.Option(help="A preset's name, or a folder with its parts.")]

# --- what is asked for
Instruction = Annotated[
    str, typer.Option(help="What to do, in words; the gate decides which modules run.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Go on where the gate reads the instruction differently.")
]
Prompt = Annotated[str, typer.Option(help="What the scene sounds like.")]
Negative = Annotated[str, typer.Option(help="What it must not sound like.")]

# --- who speaks what
Script = Annotated[
    Path | None,
    typer.Option(
        help="File with the lines to speak: text, SRT, VTT, ASS or SSA, TTML, CSV or TSV, JSON, .lst."
    ),
]
Text = Annotated[
    str | None,
    typer.Option(help="The words themselves, instead of --script."),
]
Ref = Annotated[
    Path | None,
    typer.Option(help="Recording of the voice, 3 to 12 s of clear speech."),
]
RefText = Annotated[
    str | None,
    typer.Option(help="What the reference says, or a text file with it. Optional."),
]
VoiceOf = Annotated[
    list[str] | None,
    typer.Option("--voice", metavar="NAME=FILE", help="Voice of one speaker; may be repeated."),
]
Voices = Annotated[
    Path | None,
    typer.Option(help='TOML file of voices: NAME = "file.wav".'),
]
Consent = Annotated[bool, typer.Option("--consent", help="The speakers have consented.")]
RequireConsent = Annotated[
    bool,
    typer.Option(
        "--require-consent",
        help="Refuse voices without --consent or a FILE.consent beside the recording.",
    ),
]

# --- how it is sampled
Steps = Annotated[
    int | None,
    typer.Option(help="Steps of the flow solver, instead of those of --quality.", min=1, max=1000),
]
QualityName = Annotated[
    Quality,
    typer.Option(
        help=f"Solver steps: {_steps(MINI_SOUND)} for audio, {_steps(F5_TTS)} for speech of the full sizes, "
        f"{_steps(MINI_SPEECH)} for speech of mini."
    ),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        help="Guidance scale; 1 is off. By default each network's own: "
        f"{MINI_SOUND.guidance_scale:g} for audio and {MINI_SPEECH.guidance_scale:g} for speech of mini.",
        min=0,
        max=50,
    ),
]
GuidanceInterval = Annotated[
    tuple[float, float],
    typer.Option(
        metavar="FROM TO",
        help="Times between noise (0) and sound (1) in which guidance acts; elsewhere a step takes half the time.",
    ),
]
Emotion = Annotated[
    str | None,
    typer.Option(help="How it is said: a label that the speech network was trained with."),
]
Seed = Annotated[int, typer.Option(help="Seed of the noise: same seed, same sound.", min=0)]

# --- how it fits and mixes
MinSpeed = Annotated[float, typer.Option(help="Slowest pace of a line.", min=0.5, max=1.0)]
MaxSpeed = Annotated[float, typer.Option(help="Fastest pace of a line.", min=1.0, max=3.0)]
PitchSource = Annotated[
    Pitch,
    typer.Option(
        help="Intonation: of the speech model, or that of the speech in the clip, in the range of the voice."
    ),
]
Pause = Annotated[float, typer.Option(help="Seconds between untimed lines.", min=0, max=60)]
Clamp = Annotated[
    bool,
    typer.Option(
        "--clamp", help="Shorten cues that run past the end of the clip, leave out those after it."
    ),
]
Audio = Annotated[
    AudioMode,
    typer.Option(
        help="replace the clip's audio, mix over it, or add a second track; "
        "auto mixes when the clip has audio."
    ),
]
BedName = Annotated[
    Bed,
    typer.Option(
        help="What is under the lines of a mix: the clip's audio, generated foley, or none."
    ),
]
Duck = Annotated[
    float,
    typer.Option(metavar="DB", help="How much quieter the bed is under lines.", min=0, max=60),
]
Loudness = Annotated[
    LoudnessName,
    typer.Option(help="ebu-r128 -23 LUFS, streaming -14, podcast -16, match the original, or off."),
]

# --- what is written
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Where to write; by default beside the input."),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoding of the script, e.g. cp1251; by default it is found from the content.",
    ),
]
SpeakSdh = Annotated[
    bool, typer.Option("--speak-sdh", help="Speak what is in brackets, e.g. [door slams].")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Fail (exit 9) when a line overflows its slot.")
]
AllowDamaged = Annotated[
    bool, typer.Option("--allow-damaged", help="Use what can be decoded of a damaged clip.")
]


def sampling(
    steps: int | None,
    quality: Quality,
    guidance: float | None,
    seed: int,
    emotion: str | None = None,
    interval: tuple[float, float] = SAMPLING.guidance_interval,
) -> SampleOptions:
    """The frozen options from the flags. UsageError for an interval that is none."""
    if not 0 <= interval[0] <= interval[1] <= 1:
        message = f"--guidance-interval {interval[0]} {interval[1]} is not FROM TO within 0 to 1"
        raise UsageError("options.guidance_interval", message, "e.g. --guidance-interval 0.1 0.8")
    return SampleOptions(
        steps, guidance, seed, quality=quality, emotion=emotion or "", guidance_interval=interval
    )


def cast(
    ref: Path | None, ref_text: str | None, named: list[str] | None, file: Path | None
) -> Cast:
    """Who speaks with which recording; UsageError for what is not NAME=FILE."""
    pairs = []
    for text in named or []:
        name, equals, path = text.partition("=")
        if not (name.strip() and equals and path):
            raise UsageError("voice.malformed", f"'{text}' is not NAME=FILE", "e.g. MARA=mara.wav")
        pairs.append((name.strip(), Path(path)))
    if ref_text and ref is None:
        raise UsageError("voice.ref_text", "--ref-text belongs to --ref", "give --ref as well")
    return Cast(ref, ref_text, tuple(pairs), file)


def source(
    script: Path | None, text: str | None, encoding: str | None = None
) -> tuple[Path | None, str | None]:
    """The script or the text, `-` read from standard input; UsageError unless exactly one is given."""
    if (script is None) == (text is None):
        raise UsageError("script.which", "give either --script FILE or --text TEXT")
    if script is None and encoding is not None:
        message = "--encoding is for a script file; --text is text already"
        raise UsageError("script.encoding", message, "leave --encoding out")
    if script is None or str(script) != "-":
        return script, text
    content = sys.stdin.buffer.read(MAX_STDIN + 1)
    if len(content) > MAX_STDIN:
        raise InputError("script.limits", f"more than {MAX_STDIN} bytes on standard input")
    from deepaudio.script.clean import decode

    return None, decode(content, encoding).text


def look_for(clip: Path | None, voices: Cast | None = None) -> None:
    """Refuse a clip or a recording that is not there at once: what follows takes seconds to import."""
    from deepaudio.media.sniff import regular_file

    if clip is not None:
        regular_file(clip)
    if voices is not None:
        for path in (voices.ref, *(path for _, path in voices.named)):
            if path is not None:
                regular_file(path, "reference")


def prepare(offline: bool) -> None:
    """Settle what libraries read from the environment, before they are imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if offline:
        os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
