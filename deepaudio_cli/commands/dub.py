"""`deepaudio dub`: new speech for a clip, or for every clip of a manifest."""

from pathlib import Path
from typing import Annotated

import typer

from deepaudio.dubbing.jobs import BatchJob, Choice, DubJob, Extras, Policy
from deepaudio.errors import UsageError
from deepaudio.options import INSTRUCTIONS, RECOGNISER, SAMPLE, Engine, FitOptions, MixOptions
from deepaudio.text.languages import find_language
from deepaudio_cli import arguments as arg
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console
from deepaudio_cli.estimate import print_estimate
from deepaudio_cli.examples import page
from deepaudio_cli.job_stream import STREAM, dub_stream


def _print_examples(asked: bool) -> None:
    if asked:
        typer.echo(page())
        raise typer.Exit()


Examples = Annotated[
    bool,
    typer.Option(
        "--examples",
        is_eager=True,
        callback=_print_examples,
        help="Print ready commands and leave.",
    ),
]


def dub(
    clip: Annotated[
        Path | None,
        typer.Argument(help="The video to dub, or - for jobs as JSON lines on standard input."),
    ] = None,
    script: opt.Script = None,
    ref: opt.Ref = None,
    voice: opt.VoiceOf = None,
    output: opt.Output = None,
    audio: opt.Audio = opt.MIX.audio,
    language: opt.Language = None,
    subtitles: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE.srt|track",
            help="Subtitles of the dub: a file (.srt or .vtt), or 'track' for a track in the output "
            "(.mp4, .mov, .mkv, .webm); may be given twice.",
        ),
    ] = None,
    quality: opt.QualityName = opt.SAMPLING.quality,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Also write one self-contained report; of a batch an index page, and a report beside each output.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check and plan; speak nothing, write only --emit-script and --subtitles.",
        ),
    ] = False,
    examples: Examples = False,
    text: opt.Text = None,
    transcribe: opt.Transcribe = False,
    recogniser: opt.Recogniser = RECOGNISER,
    only: opt.Only = "",
    start: opt.From = None,
    end: opt.To = None,
    emit_script: Annotated[
        Path | None,
        opt.script_option(metavar="FILE.json", help="Also write the script with the chosen times."),
    ] = None,
    encoding: opt.Encoding = None,
    speak_sdh: opt.SpeakSdh = False,
    allow_empty: Annotated[
        bool, opt.script_option("--allow-empty", help="A script without lines copies the clip.")
    ] = False,
    ref_text: opt.RefText = None,
    voices: opt.Voices = None,
    takes: opt.Takes = Choice.takes,
    take: opt.Taken = None,
    emotion: opt.Emotion = None,
    consent: opt.Consent = False,
    require_consent: opt.RequireConsent = False,
    min_speed: opt.MinSpeed = opt.FIT.min_speed,
    max_speed: opt.MaxSpeed = opt.FIT.max_speed,
    pitch: opt.PitchSource = "own",
    clamp: opt.Clamp = False,
    strict: opt.Strict = False,
    bed: opt.BedName = opt.MIX.bed,
    duck: opt.Duck = opt.MIX.duck_db,
    loudness: opt.Loudness = opt.MIX.loudness,
    drop: opt.Drop = opt.MIX.drop,
    prompt: opt.Prompt = "",
    negative: opt.Negative = "",
    video_stream: Annotated[
        int | None,
        opt.output_option(
            help="Video stream to dub, counted from 0 among the video streams.", min=0
        ),
    ] = None,
    audio_stream: Annotated[
        int | None,
        opt.sound_option(
            help="Audio stream to use, counted from 0 among the audio streams.", min=0
        ),
    ] = None,
    stems: Annotated[
        Path | None,
        opt.output_option(metavar="DIR", help="Also write speech, bed and each line as WAV files."),
    ] = None,
    c2pa: Annotated[
        Path | None,
        opt.output_option(
            metavar="SIGNER.pem",
            help="Sign the output (C2PA) with the certificates and the key in this file (extra: c2pa).",
        ),
    ] = None,
    keep_temp: Annotated[
        bool, opt.output_option("--keep-temp", help="Keep the unfinished file when muxing fails.")
    ] = False,
    remux_fix: Annotated[
        bool,
        opt.output_option(
            "--remux-fix", help="Regenerate decoding times (DTS) that are out of order."
        ),
    ] = False,
    allow_damaged: opt.AllowDamaged = False,
    manifest: Annotated[
        Path | None,
        opt.batch_option(metavar="JOBS.jsonl", help="Dub many clips, one JSON object a line."),
    ] = None,
    out_dir: Annotated[
        Path | None, opt.batch_option(metavar="DIR", help="Where a batch writes.")
    ] = None,
    jobs: Annotated[
        int | None,
        opt.batch_option(
            help="Processes of a batch, at most one a core; by default as many as are fast.",
            min=1,
            max=opt.MAX_JOBS,
        ),
    ] = BatchJob.jobs,
    engine: Annotated[
        Engine,
        opt.batch_option(
            help="Where a batch runs: processes of this machine, or Ray (extra: cluster)."
        ),
    ] = "processes",
    address: Annotated[
        str | None,
        opt.batch_option(
            metavar="HOST:PORT",
            help="Of a running Ray cluster; without it --engine ray starts one on this machine.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        opt.batch_option(metavar="I/N", help="Only the I-th of N parts of the manifest, from 1."),
    ] = None,
    keep_going: Annotated[
        bool, opt.batch_option("--keep-going/--stop-at-first", help="Go on after a failed item.")
    ] = BatchJob.keep_going,
    resume: Annotated[
        bool, opt.batch_option("--resume", help="Skip items that are finished and unchanged.")
    ] = False,
    estimate: Annotated[
        bool,
        opt.batch_option(
            "--estimate", help="Dub a few items into a temporary folder; print what all will cost."
        ),
    ] = False,
    sample: Annotated[
        int | None,
        opt.batch_option(
            metavar="N",
            help=f"How many items --estimate dubs, {SAMPLE} by default.",
            min=1,
            max=10_000,
        ),
    ] = None,
    cache: Annotated[
        bool, opt.machine_option("--cache/--no-cache", help="Reuse lines that were spoken before.")
    ] = Extras.cache,
    instruction: opt.Instruction = INSTRUCTIONS["dub"],
    force: opt.Force = False,
    preset: opt.Preset = opt.PRESET,
    steps: opt.Steps = None,
    guidance: opt.Guidance = None,
    guidance_interval: opt.GuidanceInterval = opt.SAMPLING.guidance_interval,
    seed: opt.Seed = opt.SAMPLING.seed,
    noise_scale: opt.NoiseScale = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    low_memory: opt.LowMemory = False,
    compile: opt.Compile = False,
    offline: opt.Offline = False,
    json: opt.Json = False,
    verbose: opt.Verbose = 0,
    quiet: opt.Quiet = False,
) -> None:
    """Dub a clip: lines from a script, voices from short recordings, timing from the video."""
    console = Console("dub", json, verbose, quiet)
    if (clip is None) == (manifest is None):
        raise UsageError("dub.which", "give either one CLIP or --manifest JOBS.jsonl")
    arg.prepare(offline)
    if manifest is None and clip != STREAM:
        script, text = arg.source(script, text, encoding, transcribe)
    if language is not None:
        find_language(language)
    subtitle_file, subtitle_track = arg.subtitles(subtitles)
    job = DubJob(
        clip=clip or Path(),
        script=script,
        text=text,
        recogniser=recogniser if transcribe else None,
        cast=arg.cast(ref, ref_text, voice, voices),
        output=output,
        instruction=instruction,
        prompt=prompt,
        negative=negative,
        video_stream=video_stream,
        audio_stream=audio_stream,
        options=arg.sampling(
            steps, quality, guidance, seed, emotion, guidance_interval, noise_scale
        ),
        fit=FitOptions(min_speed, max_speed, clamp=clamp),
        pitch=pitch,
        language=language,
        mix=MixOptions(audio, bed, duck, loudness, drop),
        part=arg.part(start, end),
        choice=arg.choice(only, takes, take),
        policy=Policy(require_consent, consent, force),
        extras=Extras(
            stems=stems,
            report=report if manifest is None else None,
            emit_script=emit_script,
            subtitles=subtitle_file,
            subtitle_track=subtitle_track,
            c2pa=c2pa,
            dry_run=dry_run,
            strict=strict,
            allow_damaged=allow_damaged,
            allow_empty=allow_empty,
            keep_temp=keep_temp,
            remux_fix=remux_fix,
            cache=cache,
            encoding=encoding,
            speak_sdh=speak_sdh,
        ),
    )
    batch = BatchJob(
        manifest,
        out_dir,
        jobs,
        shard,
        keep_going,
        resume,
        preset,
        device,
        dtype,
        low_memory,
        compile,
        engine=engine,
        address=address,
        report=report,
    )
    if manifest is None:
        arg.refuse_batch_flags(batch)
        if clip != STREAM:
            arg.refuse_without_effect(batch, job)
    if recogniser != RECOGNISER and not transcribe:
        raise UsageError("script.recogniser", "--recogniser belongs to --transcribe")
    if address and engine != "ray":
        raise UsageError("batch.address", "--address belongs to --engine ray", "give that too")
    if (estimate or sample) and not (estimate and manifest):
        raise UsageError("estimate.which", "--estimate is for --manifest, --sample for --estimate")
    if clip == STREAM:
        return dub_stream(console, batch, job)
    if estimate:
        return print_estimate(console, batch, job, sample or SAMPLE)
    if manifest is not None:
        if out_dir is None:
            raise UsageError("batch.out_dir", "--manifest needs --out-dir DIR")
        from deepaudio.dubbing.batch import run_batch

        with console.progress() as progress:
            done = run_batch(batch, job, progress)
        if dry_run:
            console.say(
                f"{len(done.planned)} of {done.total} items can be dubbed; nothing is written"
            )
        if not (json and done.failed):  # then the error carries the result: one object on stdout
            console.result(done.as_dict(), *done.kept, *done.done)
        done.raise_for_failures()
        return
    arg.look_for(clip, job.cast)
    from deepaudio.dubbing.checks import check_separator
    from deepaudio.dubbing.dub import dub as make
    from deepaudio.inference.model import load

    check_separator(job.mix)
    with console.progress() as progress:
        done = make(
            load(preset, device, dtype=dtype, low_memory=low_memory, compile=compile), job, progress
        )
    console.finish(done)
