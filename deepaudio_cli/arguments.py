"""What was typed, turned into the library's own values; what contradicts itself is refused here."""

import os
import sys
from pathlib import Path

from deepaudio.dubbing.jobs import BatchJob, Cast, Choice, DubJob, Part
from deepaudio.errors import InputError, UsageError
from deepaudio.options import Quality, SampleOptions
from deepaudio.script.formats.times import parse_clock
from deepaudio_cli.options import MAX_TAKE, TRACK

MAX_STDIN = 8_000_000


def sampling(
    steps: int | None,
    quality: Quality,
    guidance: float | None,
    seed: int,
    emotion: str | None = None,
    interval: tuple[float, float] = SampleOptions.guidance_interval,
    noise_scale: float | None = None,
) -> SampleOptions:
    """The frozen options from the flags. UsageError for an interval that is none."""
    if not 0 <= interval[0] <= interval[1] <= 1:
        message = f"--guidance-interval {interval[0]} {interval[1]} is not FROM TO within 0 to 1"
        raise UsageError("options.guidance_interval", message, "e.g. --guidance-interval 0.1 0.8")
    return SampleOptions(
        steps,
        guidance,
        seed,
        quality=quality,
        emotion=emotion or "",
        guidance_interval=interval,
        noise_scale=noise_scale,
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
    script: Path | None, text: str | None, encoding: str | None = None, transcribe: bool = False
) -> tuple[Path | None, str | None]:
    """The script or the text, `-` read from standard input; UsageError unless exactly one is given, none with `transcribe`."""
    if (script is not None) + (text is not None) + transcribe != 1:
        more = ", or --transcribe" if transcribe else ""
        raise UsageError("script.which", f"give either --script FILE or --text TEXT{more}")
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


def part(start: str | None, end: str | None) -> Part | None:
    """The part of the clip that `--from` and `--to` name; UsageError for what is no time, or none that lasts."""
    if start is None and end is None:
        return None
    try:
        begin = 0.0 if start is None else parse_clock(start)
        stop = None if end is None else parse_clock(end)
        return Part(begin, stop)
    except ValueError as error:
        raise UsageError(
            "part.time", f"--from, --to: {error}", "e.g. --from 75 --to 1:30.5"
        ) from error


def choice(only: str, takes: int, taken: list[str] | None) -> Choice:
    """Which lines in which takes; UsageError for what is not LINE=N."""
    pairs = []
    for text in taken or []:
        line, _, number = text.rpartition("=")
        if not (line.strip() and number.isdecimal() and 1 <= int(number) <= MAX_TAKE):
            hint = "e.g. --take 2=3: line 2 in its third take"
            raise UsageError(
                "takes.malformed", f"'{text}' is not LINE=N with N in 1 to {MAX_TAKE}", hint
            )
        pairs.append((line.strip(), int(number)))
    return Choice(only, takes, tuple(pairs))


def subtitles(wanted: list[str] | None) -> tuple[Path | None, bool]:
    """The file of subtitles and whether a track of them is wanted; UsageError for a second file."""
    files = [Path(text) for text in wanted or [] if text != TRACK]
    if len(files) > 1:
        message = f"--subtitles names {len(files)} files; one and '{TRACK}' are possible"
        raise UsageError("subtitles.twice", message)
    return (files[0] if files else None), TRACK in (wanted or [])


def refuse_batch_flags(batch: BatchJob) -> None:
    """UsageError for what belongs to a manifest alone."""
    alone = {"--jobs": batch.jobs, "--shard": batch.shard, "--resume": batch.resume}
    alone |= {"--stop-at-first": not batch.keep_going, "--engine ray": batch.engine == "ray"}
    for flag, given in alone.items():
        if given:
            raise UsageError("batch.flag", f"{flag} is for --manifest JOBS.jsonl")


def refuse_without_effect(batch: BatchJob, job: DubJob) -> None:
    """UsageError for what says nothing of a single clip."""
    if batch.out_dir is not None:
        raise UsageError("batch.out_dir", "--out-dir is for many clips", "-o FILE names one output")
    if (job.prompt or job.negative) and job.mix.bed != "foley":
        flag = "--prompt" if job.prompt else "--negative"
        raise UsageError("dub.prompt", f"{flag} belongs to --bed foley", "give that too")


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
