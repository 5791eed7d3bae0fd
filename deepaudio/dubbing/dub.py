"""Dub one clip: script, voices and video in; a video with new sound and the record of its making out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from deepaudio import __version__
from deepaudio.audio.energy import wave_contour
from deepaudio.audio.pitch import wave_pitch
from deepaudio.dubbing import soundtrack
from deepaudio.dubbing.checks import agree, read_voices
from deepaudio.dubbing.jobs import Done, DubJob, Extras
from deepaudio.dubbing.line_cache import LineCache, line_cache_folder
from deepaudio.dubbing.record import (
    Clock,
    complete,
    plain,
    write_record,
)
from deepaudio.errors import QualityError, UsageError
from deepaudio.inference.model import DeepAudio, Result
from deepaudio.inference.plan import as_script
from deepaudio.inference.voices import Voice
from deepaudio.media import containers
from deepaudio.media.clip import ClipInfo
from deepaudio.media.mux import encoder_for, mux, space_for
from deepaudio.media.output import beside, folder_to_be, preflight, refuse_inputs, write_bytes
from deepaudio.media.probe import probe
from deepaudio.notices import Notices
from deepaudio.options import SampleOptions
from deepaudio.presets.identity import weights_of
from deepaudio.presets.store import sha256_of
from deepaudio.progress import Progress
from deepaudio.script import Script
from deepaudio.script.emit import to_json, with_times
from deepaudio.script.fit import Plan
from deepaudio.script.subtitles import check_suffix, to_subtitles
from deepaudio.waves import LazyWave

VOICE_RATE = 24_000  # of every preset


def dub(
    model: DeepAudio,
    job: DubJob,
    progress: Progress | None = None,
    mark: Mapping[str, Any] | None = None,
) -> Done:
    """Route, plan, speak, mix and mux one clip; nothing is written before the sound is complete.

    `mark` goes into the record as it is, and so does what is logged as a warning. Raises what the checks of clip, script, voices and output raise; QualityError under `strict` when a line overflows.
    """
    notices = Notices()
    with notices.listening():
        return _dub(model, job, progress, mark, notices)


def _dub(
    model: DeepAudio,
    job: DubJob,
    progress: Progress | None,
    mark: Mapping[str, Any] | None,
    notices: Notices,
) -> Done:
    clock, extras = Clock(), job.extras
    info = probe(
        job.clip,
        video_stream=job.video_stream,
        audio_stream=job.audio_stream,
        allow_damaged=extras.allow_damaged,
    )
    notices.note(*info.notes)
    voices = read_voices(job.cast, job.policy, notices)
    script = as_script(
        job.script if job.script is not None else job.text,
        speakers=[name for name in voices if name],
        duration=info.duration,
        clamp=job.fit.clamp,
        encoding=extras.encoding,
        speak_sdh=extras.speak_sdh,
        allow_empty=extras.allow_empty,
    )
    output = _checked_outputs(job, info, voices)
    route = agree(model, job.instruction, "v2s", job.policy)
    original = soundtrack.original_sound(info, output.parent)
    clock.lap("checks")
    pitch = _pitch(job, original)
    weights = weights_of(model.preset)
    kept = LineCache(
        line_cache_folder(), repr((__version__, weights, model.preset.name, model.precision))
    )
    result = model.generate(
        job.instruction,
        info,
        script,
        voices,
        options=job.options,
        fit=job.fit,
        direction="v2s",
        original=None if original is None else wave_contour(original),
        pitch=pitch,
        kept=kept if extras.cache else None,
        on_plan=_refuse_overflow if extras.strict else None,
        dry_run=extras.dry_run,
        progress=progress,
    )
    kept.tidy()
    clock.lap("speech")
    notices.warn(*script.warnings, *result.plan.warnings, *_overflows(result.plan))
    facts: dict[str, Any] = {
        "direction": result.direction,
        "probabilities": route.probabilities,
        "duration": round(info.duration, 3),
        "rule": result.plan.rule,
        "pitch": job.pitch,
    }
    facts |= _timed_texts(extras, script, result.plan, info)
    if extras.dry_run:
        facts |= {"dry_run": True, "lines": [line.as_dict() for line in result.plan.lines]}
        words = _plan_words(result.plan)
        return Done(output, plain(facts), words, notices)
    bed, sampled = _bed(model, job, info, original)
    passages = [(x.start, x.end) for x in script.lines if not x.dub and x.end is not None]
    track = soundtrack.compose(
        LazyWave.of(result.waveform, result.sample_rate),
        original,
        bed,
        info.duration,
        job.mix,
        notices,
        passages,
    )
    clock.lap("mix")
    made = mux(
        info,
        track.sound,
        track.sound.sample_rate,
        output,
        audio="add" if track.mode == "add" else "replace",
        language=_language(script),
        strict=extras.strict,
        keep_temp=extras.keep_temp,
        remux_fix=extras.remux_fix,
    )
    notices.warn(*made.losses, *soundtrack.losses(info, track.mode, job.mix.bed))
    loudness = soundtrack.measured(made.path, track.target)
    clock.lap("mux")
    facts |= {
        "audio": track.mode,
        "sampling": {**result.sampling, **sampled},
        "lines": _spoken(result, track),
        "loudness": loudness,
        "seconds": clock.seconds,
    }
    if extras.stems:
        facts["stems"] = soundtrack.write_stems(
            extras.stems, track, result.lines, result.parts, result.sample_rate
        )
    full = facts | _provenance(job, info, script, voices)
    full |= {"preset": model.preset.name, "weights": weights} | model.precision
    full |= notices.as_dict()
    full = complete(made.path, full | dict(mark or {}))
    facts["record"] = write_record(made.path, full)
    if extras.report:
        facts["report"] = _report(extras.report, full, result, made.path)
    words = (
        f"{len(result.lines)} lines in {made.duration:.2f} s, {soundtrack.level_words(loudness)}"
    )
    return Done(made.path, plain(facts), (words,), notices)


def _checked_outputs(job: DubJob, info: ClipInfo, voices: Mapping[str, Voice]) -> Path:
    """The path to write to, after the checks of every file that will be written."""
    inputs = [info.path, job.script, job.cast.file, *(voice.path for voice in voices.values())]
    given = [path for path in inputs if path is not None]
    output = job.output or beside(info.path, "dub")
    if job.extras.subtitles is not None:
        check_suffix(job.extras.subtitles.suffix)
    for extra in (job.extras.report, job.extras.emit_script, job.extras.subtitles):
        if extra is not None:
            preflight(extra, [*given, output])
    if job.extras.stems is not None:
        folder_to_be(job.extras.stems)
        for name in soundtrack.STEMS:
            refuse_inputs(job.extras.stems / f"{name}.wav", given)
    channels, rate = soundtrack.form(info, job.mix, VOICE_RATE)
    needed = space_for(info, channels, round(info.duration * rate))
    place = preflight(output, given, needed_bytes=0 if job.extras.dry_run else needed)
    mode = "add" if job.mix.audio == "add" else "replace"
    encoder_for(containers.plan(info, place, audio=mode, strict=job.extras.strict))  # may refuse
    return place


def _pitch(job: DubJob, original: LazyWave | None) -> Tensor | None:
    """The intonation of the clip's own speech, where it is asked for. UsageError when the clip has no audio."""
    if job.pitch == "own":
        return None
    if original is None:
        hint = "leave --pitch out, or give a clip that speaks"
        raise UsageError("pitch.no_audio", "--pitch original needs a clip with audio", hint)
    return wave_pitch(original)


def _overflows(plan: Plan) -> list[str]:
    """The lines that do not fit, in words."""
    return [
        f"line {line.id} needs {line.overflow:.2f} s more than its slot "
        f"({line.slot_start:.2f} to {line.slot_end:.2f} s) at {line.speed:.2f} times its pace"
        for line in plan.overflowing
    ]


def _refuse_overflow(plan: Plan) -> None:
    """QualityError when a line does not fit: nothing is spoken, nothing is written."""
    if plan.overflowing:
        message = f"{len(plan.overflowing)} lines overflow: {_overflows(plan)[0]}"
        raise QualityError("script.overflow", message, "shorten them, or raise --max-speed")


def _bed(
    model: DeepAudio, job: DubJob, info: ClipInfo, original: LazyWave | None
) -> tuple[LazyWave | None, Mapping[str, SampleOptions]]:
    """The sound under the lines (kept, generated, or none), and how it was sampled."""
    if job.mix.bed == "keep":
        return original, {}
    if job.mix.bed == "none":
        return None, {}
    made = model.generate(
        job.instruction,
        info,
        prompt=job.prompt,
        negative=job.negative,
        options=job.options,
        direction="v2a",
    )
    return LazyWave.of(made.waveform, made.sample_rate), made.sampling


def _language(script: Script) -> str:
    """ISO 639-2 code of the dub: what the script says, else Chinese where it is written so, else English."""
    declared = next((line.language for line in script.lines if line.language), None)
    chinese = any("\u4e00" <= c <= "\u9fff" for line in script.lines for c in line.text)
    return declared or ("zho" if chinese else "eng")


def _timed_texts(extras: Extras, script: Script, plan: Plan, info: ClipInfo) -> dict[str, Path]:
    """The script and the subtitles with the times of the plan, where they are asked for."""
    planned = iter(plan.lines)
    times = [
        (p.start, p.start + p.duration) if p else (line.start, line.end)
        for line, p in ((line, next(planned) if line.dub else None) for line in script.lines)
    ]
    lines = with_times(script.lines, times)
    wanted = {}
    if extras.emit_script:
        wanted["script"] = extras.emit_script, to_json(lines, info.path.name)
    if extras.subtitles:
        suffix = check_suffix(extras.subtitles.suffix)
        wanted["subtitles"] = extras.subtitles, to_subtitles(lines, suffix)
    return {
        name: write_bytes(path, text.encode("utf-8", "surrogatepass"))
        for name, (path, text) in wanted.items()
    }


def _plan_words(plan: Plan) -> tuple[str, ...]:
    """The plan for a reader."""
    return (
        f"slots from {plan.rule}",
        *(
            f"{line.start:7.2f} to {line.start + line.duration:7.2f} s  x{line.speed:.2f}  "
            f"{line.speaker + ': ' if line.speaker else ''}{line.text}"
            for line in plan.lines
        ),
    )


def _spoken(result: Result, track: soundtrack.Track) -> list[dict[str, Any]]:
    levels = soundtrack.line_levels(result.parts, result.sample_rate, track.gain)
    return [
        line.as_dict() | {"lufs": level} for line, level in zip(result.lines, levels, strict=True)
    ]


def _report(path: Path, record: dict[str, Any], result: Result, media: Path) -> Path:
    from deepaudio.reports.html import dub_report  # brings matplotlib

    return dub_report(path, record, result.waveform, result.sample_rate, result.energy, media)


def _provenance(
    job: DubJob, info: ClipInfo, script: Script, voices: Mapping[str, Voice]
) -> dict[str, Any]:
    return {
        "command": "dub",
        "arguments": job,
        "clip": {
            "file": info.path,
            "sha256": sha256_of(info.path),
            "fps": round(info.fps, 3),
            "frames": info.n_frames,
        },
        "voices": {name or "*": voice.as_dict() for name, voice in voices.items()},
        "text": {
            "encoding": script.encoding,
            "format": script.format,
            "skipped": [
                {"line": s.row, "text": s.text, "reason": s.reason} for s in script.skipped
            ],
        },
        "provenance": "none",
    }
