"""`deepaudio tts`: speech from text alone."""

from pathlib import Path
from typing import Annotated

import typer

from deepaudio.dubbing.jobs import Policy, SpeakJob
from deepaudio.options import INSTRUCTIONS, FitOptions
from deepaudio_cli import arguments as arg
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console


def tts(
    text: opt.Text = None,
    script: opt.Script = None,
    ref: opt.Ref = None,
    ref_text: opt.RefText = None,
    encoding: opt.Encoding = None,
    voice: opt.VoiceOf = None,
    voices: opt.Voices = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE.wav",
            help="Where to write; by default SCRIPT.speech.wav beside the script, speech.wav here for --text.",
        ),
    ] = None,
    instruction: opt.Instruction = INSTRUCTIONS["tts"],
    force: opt.Force = False,
    preset: opt.Preset = opt.PRESET,
    speed: Annotated[
        float, typer.Option(help="Pace; 1 is natural.", min=0.5, max=2.0)
    ] = SpeakJob.speed,
    pause: opt.Pause = opt.FIT.pause,
    quality: opt.QualityName = opt.SAMPLING.quality,
    steps: opt.Steps = None,
    guidance: opt.Guidance = None,
    guidance_interval: opt.GuidanceInterval = opt.SAMPLING.guidance_interval,
    seed: opt.Seed = opt.SAMPLING.seed,
    noise_scale: opt.NoiseScale = None,
    emotion: opt.Emotion = None,
    loudness: opt.SpeechLoudness = opt.MIX.loudness,
    consent: opt.Consent = False,
    require_consent: opt.RequireConsent = False,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    low_memory: opt.LowMemory = False,
    compile: opt.Compile = False,
    offline: opt.Offline = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Read a text or a script aloud in the voice of a short recording."""
    console = Console("tts", json, verbose, quiet)
    arg.prepare(offline)
    script, text = arg.source(script, text, encoding)
    cast = arg.cast(ref, ref_text, voice, voices)
    arg.look_for(None, cast)
    from deepaudio.dubbing.read_aloud import read_aloud
    from deepaudio.inference.model import load

    job = SpeakJob(
        text=text,
        script=script,
        encoding=encoding,
        cast=cast,
        output=output or (script.with_suffix(".speech.wav") if script else Path("speech.wav")),
        instruction=instruction,
        speed=speed,
        options=arg.sampling(
            steps, quality, guidance, seed, emotion, guidance_interval, noise_scale
        ),
        fit=FitOptions(pause=pause),
        loudness=loudness,
        policy=Policy(require_consent, consent, force),
    )
    with console.progress() as progress:
        done = read_aloud(
            load(preset, device, dtype=dtype, low_memory=low_memory, compile=compile), job, progress
        )
    console.finish(done)
