"""`deepaudio foley`: the sounds of a scene."""

from pathlib import Path
from typing import Annotated

import typer

from deepaudio.dubbing.jobs import Extras, FoleyJob, Policy
from deepaudio.options import INSTRUCTIONS, MixOptions
from deepaudio_cli import arguments as arg
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console


def foley(
    clip: Annotated[Path, typer.Argument(help="The video.")],
    prompt: opt.Prompt = "",
    negative: opt.Negative = "",
    output: opt.Output = None,
    instruction: opt.Instruction = INSTRUCTIONS["foley"],
    force: opt.Force = False,
    preset: opt.Preset = opt.PRESET,
    audio: opt.Audio = opt.MIX.audio,
    quality: opt.QualityName = opt.SAMPLING.quality,
    steps: opt.Steps = None,
    guidance: opt.Guidance = None,
    guidance_interval: opt.GuidanceInterval = opt.SAMPLING.guidance_interval,
    seed: opt.Seed = opt.SAMPLING.seed,
    noise_scale: opt.NoiseScale = None,
    loudness: opt.Loudness = opt.MIX.loudness,
    allow_damaged: opt.AllowDamaged = False,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    low_memory: opt.LowMemory = False,
    compile: opt.Compile = False,
    offline: opt.Offline = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Make ambient sound and effects for a clip; `-o sound.wav` writes the sound alone."""
    console = Console("foley", json, verbose, quiet)
    arg.prepare(offline)
    arg.look_for(clip)
    from deepaudio.dubbing.foley import foley as make
    from deepaudio.inference.model import load

    job = FoleyJob(
        clip=clip,
        prompt=prompt,
        negative=negative,
        output=output,
        instruction=instruction,
        options=arg.sampling(
            steps,
            quality,
            guidance,
            seed,
            interval=guidance_interval,
            noise_scale=noise_scale,
        ),
        mix=MixOptions(audio=audio, bed="keep", loudness=loudness),
        policy=Policy(force=force),
        extras=Extras(allow_damaged=allow_damaged),
    )
    with console.progress() as progress:
        done = make(
            load(preset, device, dtype=dtype, low_memory=low_memory, compile=compile), job, progress
        )
    console.finish(done)
