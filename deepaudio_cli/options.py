"""Options that several commands share, each written once; defaults come from the library's frozen options."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepaudio.options import (
    DUCK_DB,
    F5_TTS,
    MAX_PAUSE,
    MAX_SEED,
    MINI_SOUND,
    MINI_SPEECH,
    AudioMode,
    Bed,
    DropTracks,
    EngineDefaults,
    FitOptions,
    FixedLoudness,
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
TRACK = "track"
MAX_TAKE = 99
MAX_JOBS = 256  # processes at a time

# --- panels of the help, behind the options that come first
script_option = partial(typer.Option, rich_help_panel="Script")
voices_option = partial(typer.Option, rich_help_panel="Voices")
timing_option = partial(typer.Option, rich_help_panel="Timing")
sound_option = partial(typer.Option, rich_help_panel="Sound")
output_option = partial(typer.Option, rich_help_panel="Output")
batch_option = partial(typer.Option, rich_help_panel="Batch")
machine_option = partial(typer.Option, rich_help_panel="Machine")

# --- how the command talks
Json = Annotated[bool, machine_option("--json", help="Print one JSON object on stdout.")]
Verbose = Annotated[
    int, machine_option("-v", "--verbose", count=True, help="Say more; -vv adds tracebacks.")
]
Quiet = Annotated[bool, machine_option("-q", "--quiet", help="Only errors.")]

# --- where it runs
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"], machine_option(help="auto is the GPU when there is one.")
]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    machine_option(
        help="Precision of the networks; auto is bfloat16 on a GPU, and for a full size on a CPU that has it."
    ),
]
Offline = Annotated[
    bool, machine_option("--offline", help="Never use the network; weights must be there already.")
]
Compile = Annotated[
    bool,
    machine_option(
        "--compile", help="Compile the networks: slow to begin, for many steps or many jobs."
    ),
]
LowMemory = Annotated[
    bool,
    machine_option("--low-memory", help="One group of a full size's networks in memory at a time."),
]
Preset = Annotated[str, machine_option(help="A preset's name, or a folder with its parts.")]

# --- what is asked for
Instruction = Annotated[
    str, machine_option(help="What to do, in words; the gate decides which modules run.")
]
Force = Annotated[
    bool, machine_option("--force", help="Go on where the gate reads the instruction differently.")
]
Prompt = Annotated[str, sound_option(help="What the scene sounds like.")]
Negative = Annotated[str, sound_option(help="What it must not sound like.")]

# --- who speaks what
Script = Annotated[
    Path | None,
    typer.Option(
        help="File with the lines to speak: text, SRT, VTT, ASS or SSA, TTML, CSV or TSV, JSON, .lst."
    ),
]
Text = Annotated[str | None, script_option(help="The words themselves, instead of --script.")]
Transcribe = Annotated[
    bool,
    script_option(
        "--transcribe",
        help="Make the script from the speech of the clip, with its times (extra: transcribe).",
    ),
]
Recogniser = Annotated[
    str,
    script_option(
        metavar="NAME|DIR",
        help="Who listens: whisper-tiny.en, whisper-base, or a folder with a CTranslate2 Whisper model.",
    ),
]
Ref = Annotated[
    Path | None, typer.Option(help="Recording of the voice, 3 to 12 s of clear speech.")
]
RefText = Annotated[
    str | None, voices_option(help="What the reference says, or a text file with it. Optional.")
]
VoiceOf = Annotated[
    list[str] | None,
    typer.Option("--voice", metavar="NAME=FILE", help="Voice of one speaker; may be repeated."),
]
Voices = Annotated[
    Path | None,
    voices_option(
        help="Voices of a cast: voices.toml, or a folder with NAME.wav for each speaker (docs/dubbing.md)."
    ),
]
Consent = Annotated[bool, voices_option("--consent", help="The speakers have consented.")]
RequireConsent = Annotated[
    bool,
    voices_option(
        "--require-consent",
        help="Refuse voices without --consent or a FILE.consent beside the recording.",
    ),
]

# --- how it is sampled
Steps = Annotated[
    int | None,
    machine_option(
        help="Steps of the flow solver, instead of those of --quality.", min=1, max=1000
    ),
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
    machine_option(
        help="Guidance scale; 1 is off. By default each network's own: "
        f"{MINI_SOUND.guidance_scale:g} for audio and {MINI_SPEECH.guidance_scale:g} for speech of mini, which takes 1 to 3.",
        min=0,
        max=50,
    ),
]
GuidanceInterval = Annotated[
    tuple[float, float],
    machine_option(
        metavar="FROM TO",
        help="Times between noise (0) and sound (1) in which guidance acts; elsewhere a step takes half the time.",
    ),
]
Emotion = Annotated[
    str | None,
    voices_option(help="How it is said: a label that the speech network was trained with."),
]
Seed = Annotated[
    int, machine_option(help="Seed of the noise: same seed, same sound.", min=0, max=MAX_SEED)
]
NoiseScale = Annotated[
    float | None,
    machine_option(
        help="Factor on the noise at which a flow begins; less varies less. By default "
        f"{MINI_SOUND.noise_scale:g}, for speech of mini {MINI_SPEECH.noise_scale:g} "
        f"(from the second take of a line on {MINI_SPEECH.take_noise_scale:g}).",
        min=0,
        max=2,
    ),
]

# --- how it fits and mixes
MinSpeed = Annotated[float, timing_option(help="Slowest pace of a line.", min=0.5, max=1.0)]
MaxSpeed = Annotated[float, timing_option(help="Fastest pace of a line.", min=1.0, max=3.0)]
PitchSource = Annotated[
    Pitch,
    timing_option(
        help="Intonation: of the speech model, or that of the speech in the clip, in the range of the voice."
    ),
]
Pause = Annotated[float, timing_option(help="Seconds between untimed lines.", min=0, max=MAX_PAUSE)]
Clamp = Annotated[
    bool,
    timing_option(
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
    sound_option(
        help="What is under the lines of a mix: the clip's audio, the same with its voice taken out "
        "(extra: separate), generated foley, or none."
    ),
]
Duck = Annotated[
    float | None,
    sound_option(
        metavar="DB",
        help=f"How much quieter the bed is under lines; {DUCK_DB:g}, but 0 with --bed separate.",
        min=0,
        max=60,
    ),
]
Loudness = Annotated[
    LoudnessName,
    sound_option(help="ebu-r128 -23 LUFS, streaming -14, podcast -16, match the original, or off."),
]
SpeechLoudness = Annotated[
    FixedLoudness, sound_option(help="ebu-r128 -23 LUFS, streaming -14, podcast -16, or off.")
]

Drop = Annotated[
    DropTracks,
    sound_option(
        help="Other tracks of the clip to leave out: audio, subtitle or all; by default they stay."
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        help="Language of the dub, for players: deu, de or German. By default what the script says.",
    ),
]

# --- what of it is heard
Only = Annotated[
    str,
    script_option(
        metavar="LINES", help="Speak only these lines, by their ids in --dry-run: 2,5-7."
    ),
]
From = Annotated[
    str | None,
    script_option(
        "--from", metavar="TIME", help="Dub only the part of the clip from here: 75 or 1:15.5."
    ),
]
To = Annotated[str | None, script_option("--to", metavar="TIME", help="... up to here.")]
Takes = Annotated[
    int,
    voices_option(
        help="Speak each line so many times with other seeds, as files in --stems.",
        min=1,
        max=MAX_TAKE,
    ),
]
Taken = Annotated[
    list[str] | None,
    voices_option(
        "--take", metavar="LINE=N", help="The take of a line that goes into the mix; repeatable."
    ),
]

# --- what is written
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Where to write; by default beside the input.")
]
Encoding = Annotated[
    str | None,
    script_option(
        metavar="NAME",
        help="Encoding of the script, e.g. cp1251; by default it is found from the content.",
    ),
]
SpeakSdh = Annotated[
    bool, script_option("--speak-sdh", help="Speak what is in brackets, e.g. \\[door slams].")
]
Strict = Annotated[
    bool, timing_option("--strict", help="Fail (exit 9) when a line overflows its slot.")
]
AllowDamaged = Annotated[
    bool, output_option("--allow-damaged", help="Use what can be decoded of a damaged clip.")
]
