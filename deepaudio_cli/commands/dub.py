"""`deepaudio dub`: new speech for a clip, or for every clip of a manifest."""

from pathlib import Path
from typing import Annotated

import typer

from deepaudio.dubbing.jobs import BatchJob, Choice, DubJob, Extras, Policy
from deepaudio.errors import UsageError
from deepaudio.options import INSTRUCTIONS, RECOGNISER, FitOptions, MixOptions
from deepaudio.text.languages import find_language
from deepaudio_cli import arguments as arg
from deepaudio_cli import options as opt
from deepaudio_cli.console import Console


def dub(
    clip: Annotated[
        Path | None,
        typer.Argument(help="The video to dub."),
    ] = None,
    script: opt.Script = None,
    text: opt.Text = None,
    transcribe: opt.Transcribe = False,
    recogniser: opt.Recogniser = RECOGNISER,
    ref: opt.Ref = None,
    ref_text: opt.RefText = None,
    voice: opt.VoiceOf = None,
    voices: opt.Voices = None,
    output: opt.Output = None,
    instruction: opt.Instruction = INSTRUCTIONS["dub"],
    force: opt.Force = False,
    prompt: opt.Prompt = "",
    negative: opt.Negative = "",
    preset: opt.Preset = opt.PRESET,
    quality: opt.QualityName = opt.SAMPLING.quality,
    steps: opt.Steps = None,
    guidance: opt.Guidance = None,
    seed: opt.Seed = opt.SAMPLING.seed,
    emotion: opt.Emotion = None,
    min_speed: opt.MinSpeed = opt.FIT.min_speed,
    max_speed: opt.MaxSpeed = opt.FIT.max_speed,
    pause: opt.Pause = opt.FIT.pause,
    pitch: opt.PitchSource = "own",
    clamp: opt.Clamp = False,
    audio: opt.Audio = opt.MIX.audio,
    bed: opt.BedName = opt.MIX.bed,
    duck: opt.Duck = opt.MIX.duck_db,
    loudness: opt.Loudness = opt.MIX.loudness,
    drop: opt.Drop = opt.MIX.drop,
    language: opt.Language = None,
    only: opt.Only = "",
    start: opt.From = None,
    end: opt.To = None,
    takes: opt.Takes = Choice.takes,
    take: opt.Taken = None,
    stems: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write speech, bed and each line as WAV files."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Also write one self-contained report."),
    ] = None,
    emit_script: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Also write the script with the chosen times."),
    ] = None,
    subtitles: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE.srt|track",
            help="Subtitles of the dub: a file (.srt or .vtt), or 'track' for a track in the output "
            "(.mp4, .mov, .mkv, .webm); may be given twice.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check and plan; speak nothing, write only --emit-script and --subtitles.",
        ),
    ] = False,
    encoding: opt.Encoding = None,
    speak_sdh: opt.SpeakSdh = False,
    strict: opt.Strict = False,
    allow_damaged: opt.AllowDamaged = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="A script without lines copies the clip.")
    ] = False,
    video_stream: Annotated[
        int | None,
        typer.Option(help="Video stream to dub, counted from 0 among the video streams.", min=0),
    ] = None,
    audio_stream: Annotated[
        int | None,
        typer.Option(help="Audio stream to use, counted from 0 among the audio streams.", min=0),
    ] = None,
    keep_temp: Annotated[
        bool, typer.Option("--keep-temp", help="Keep the unfinished file when muxing fails.")
    ] = False,
    remux_fix: Annotated[
        bool,
        typer.Option("--remux-fix", help="Regenerate decoding times (DTS) that are out of order."),
    ] = False,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Reuse lines that were spoken before.")
    ] = Extras.cache,
    consent: opt.Consent = False,
    require_consent: opt.RequireConsent = False,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="JOBS.jsonl", help="Dub many clips, one JSON object a line."),
    ] = None,
    out_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where a batch writes."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Processes of a batch.", min=1, max=256)
    ] = BatchJob.jobs,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Only the I-th of N parts of the manifest, from 1."),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going/--stop-at-first", help="Go on after a failed item.")
    ] = BatchJob.keep_going,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip items that are finished and unchanged.")
    ] = False,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    low_memory: opt.LowMemory = False,
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
    if manifest is None:
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
        options=arg.sampling(steps, quality, guidance, seed, emotion),
        fit=FitOptions(min_speed, max_speed, pause, clamp),
        pitch=pitch,
        language=language,
        mix=MixOptions(audio, bed, duck, loudness, drop),
        part=arg.part(start, end),
        choice=arg.choice(only, takes, take),
        policy=Policy(require_consent, consent, force),
        extras=Extras(
            stems=stems,
            report=report,
            emit_script=emit_script,
            subtitles=subtitle_file,
            subtitle_track=subtitle_track,
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
    if manifest is not None:
        if out_dir is None:
            raise UsageError("batch.out_dir", "--manifest needs --out-dir DIR")
        from deepaudio.dubbing.batch import run_batch

        batch = BatchJob(
            manifest, out_dir, jobs, shard, keep_going, resume, preset, device, dtype, low_memory
        )
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
    from deepaudio.dubbing.dub import dub as make
    from deepaudio.inference.model import load

    with console.progress() as progress:
        done = make(load(preset, device, dtype=dtype, low_memory=low_memory), job, progress)
    console.finish(done)
