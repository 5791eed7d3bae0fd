"""Dub one clip: script, voices and video in; a video with new sound and the record of its making out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from deepaudio import __version__
from deepaudio.audio.energy import wave_contour
from deepaudio.audio.pitch import wave_pitch
from deepaudio.dubbing import outputs, preview, soundtrack
from deepaudio.dubbing.checks import agree, check_separator, read_voices
from deepaudio.dubbing.jobs import Done, DubJob
from deepaudio.dubbing.likeness import likeness
from deepaudio.dubbing.line_cache import LineCache, line_cache_folder
from deepaudio.dubbing.provenance.signing import read_credentials
from deepaudio.dubbing.provenance.tag import speech_tag, with_comment
from deepaudio.dubbing.record import (
    Clock,
    complete,
    plain,
    write_record,
)
from deepaudio.dubbing.transcribe import transcribe
from deepaudio.errors import QualityError, UsageError
from deepaudio.inference.model import DeepAudio, Result
from deepaudio.inference.plan import as_script
from deepaudio.inference.voices import Voice
from deepaudio.media.clip import ClipInfo, check_unchanged
from deepaudio.media.mux import Muxed, mux
from deepaudio.media.output import folder_to_be
from deepaudio.media.probe import probe
from deepaudio.notices import Notices
from deepaudio.options import SampleOptions
from deepaudio.presets.identity import weights_of
from deepaudio.progress import Progress
from deepaudio.script import Line, Script
from deepaudio.script.fit import Plan
from deepaudio.script.speakers import speakers_of
from deepaudio.text.languages import Language
from deepaudio.waves import LazyWave


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
    check_separator(job.mix)
    preview.check_choice(job)
    whole = probe(
        job.clip,
        video_stream=job.video_stream,
        audio_stream=job.audio_stream,
        allow_damaged=extras.allow_damaged,
    )
    notices.note(*whole.notes)
    voices = read_voices(job.cast, job.policy, notices)
    script = _script(model, job, whole, voices, progress)
    language = outputs.language_of(job, script, notices)
    output = outputs.checked_outputs(job, whole, voices)
    signer = None if extras.c2pa is None else read_credentials(extras.c2pa)
    route = agree(model, job.instruction, "v2s", job.policy)
    with preview.excerpt(whole, script, job, output.parent, notices) as piece:
        original = soundtrack.original_sound(piece.info, output.parent)
        clock.lap("checks")
        result = _speak(model, job, piece, voices, original, progress)
        clock.lap("speech")
        notices.warn(*script.warnings, *result.plan.warnings, *_overflows(result.plan))
        lines = outputs.spoken_lines(piece.script, result)
        facts: dict[str, Any] = {
            "direction": result.direction,
            "probabilities": route.probabilities,
            "duration": round(piece.info.duration, 3),
            "rule": result.plan.rule,
            "pitch": job.pitch,
        }
        if job.part is not None:
            facts["part"] = {"start": piece.start, "end": piece.start + piece.info.duration}
        facts |= outputs.write_texts(job, lines, piece.heard(lines), whole)
        if extras.dry_run:
            facts |= {"dry_run": True, "lines": [line.as_dict() for line in result.plan.lines]}
            return Done(output, plain(facts), outputs.plan_words(result.plan), notices)
        bed, sampled = _bed(model, job, piece, original, output.parent, progress)
        track = _track(job, piece, result, original, bed, notices)
        clock.lap("mix")
        tag = speech_tag(model.preset.name, voices)
        made = _muxed(
            job,
            piece.info,
            track,
            output,
            language,
            piece.heard(lines),
            with_comment(tag, whole.comment),
            signer and (lambda path: signer.sign(path, output.suffix, output.name, tag)),
        )
    check_unchanged(whole.path, whole.fingerprint)
    notices.warn(*made.losses, *soundtrack.losses(whole, track.mode, job.mix))
    if job.language and made.language is None:
        notices.warn(f"{made.path.suffix} has no place for the language of the dub")
    loudness = soundtrack.measured(made.path, track.target)
    clock.lap("mux")
    facts |= {
        "audio": track.mode,
        "sampling": {**result.sampling, **sampled},
        "lines": outputs.line_facts(result, track, notices),
        "loudness": loudness,
        "seconds": clock.seconds,
    } | track.bed_facts(job.mix)
    if extras.report:
        facts |= likeness(result, voices, notices)
    if extras.stems:
        facts["stems"] = soundtrack.write_stems(
            extras.stems, track, result.lines, result.takes, result.sample_rate, tag
        )
    full = (
        facts
        | outputs.sources(job, whole, script, voices)
        | {"provenance": {"tag": tag, "signed": signer is not None}}
    )
    full |= {"preset": model.preset.name, "weights": weights_of(model.preset)} | model.precision
    full |= notices.as_dict()
    full = complete(made.path, full | dict(mark or {}))
    facts["record"] = write_record(made.path, full)
    if extras.report:
        facts["report"] = outputs.write_report(
            extras.report, full, result, track, voices, made.path
        )
    words = f"{len(result.lines)} lines in {made.duration:.2f} s"
    words += f" from {piece.start:.2f} s on" if job.part is not None else ""
    words += f", {soundtrack.level_words(loudness)}"
    return Done(made.path, plain(facts), (words,), notices)


def _script(
    model: DeepAudio,
    job: DubJob,
    info: ClipInfo,
    voices: Mapping[str, Voice],
    progress: Progress | None,
) -> Script:
    """The script that is given, or what is heard in the clip."""
    if job.script is None and job.text is None:
        place = folder_to_be((job.output or info.path).parent)
        sound = soundtrack.original_sound(info, place)
        return transcribe(sound, info.duration, job.recogniser, model.device.type, progress)
    return as_script(
        job.script if job.script is not None else job.text,
        literal=job.script is None,
        speakers=speakers_of(voices),
        duration=info.duration,
        clamp=job.fit.clamp,
        encoding=job.extras.encoding,
        speak_sdh=job.extras.speak_sdh,
        allow_empty=job.extras.allow_empty,
    )


def _speak(
    model: DeepAudio,
    job: DubJob,
    piece: preview.Excerpt,
    voices: Mapping[str, Voice],
    original: LazyWave | None,
    progress: Progress | None,
) -> Result:
    """Plan the lines and speak those that are wanted; lines of an earlier run are taken from the cache."""
    name = model.preset.name
    salt = repr((__version__, weights_of(model.preset), name, model.precision))
    kept = LineCache(line_cache_folder(), salt)
    result = model.generate(
        job.instruction,
        piece.info,
        piece.script,
        voices,
        options=job.options,
        fit=job.fit,
        direction="v2s",
        original=None if original is None else wave_contour(original),
        pitch=_pitch(job, original),
        kept=kept if job.extras.cache else None,
        on_plan=_refuse_overflow if job.extras.strict else None,
        wanted=piece.wanted,
        dry_run=job.extras.dry_run,
        progress=progress,
    )
    kept.tidy()
    return result


def _track(
    job: DubJob,
    piece: preview.Excerpt,
    result: Result,
    original: LazyWave | None,
    bed: soundtrack.Bed,
    notices: Notices,
) -> soundtrack.Track:
    """The speech over the bed; lines that are not to be dubbed are heard as they were."""
    return soundtrack.compose(
        LazyWave.of(result.waveform, result.sample_rate),
        original,
        bed.sound,
        piece.info.duration,
        job.mix,
        notices,
        _undubbed(piece.script),
        bed.removed,
    )


def _undubbed(script: Script) -> list[tuple[float, float]]:
    """Seconds of the lines that are not to be dubbed."""
    return [
        (line.start, line.end) for line in script.lines if not line.dub and line.end is not None
    ]


def _muxed(
    job: DubJob,
    info: ClipInfo,
    track: soundtrack.Track,
    output: Path,
    language: Language,
    lines: list[Line],
    comment: str,
    finish: Callable[[Path], None] | None,
) -> Muxed:
    return mux(
        info,
        track.sound,
        track.sound.sample_rate,
        output,
        audio="add" if track.mode == "add" else "replace",
        language=outputs.code_in(output, language),
        subtitles=outputs.subtitle_track(job, lines),
        drop=job.mix.drop,
        comment=comment,
        finish=finish,
        strict=job.extras.strict,
        keep_temp=job.extras.keep_temp,
        remux_fix=job.extras.remux_fix,
    )


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
    model: DeepAudio,
    job: DubJob,
    piece: preview.Excerpt,
    original: LazyWave | None,
    folder: Path,
    progress: Progress | None,
) -> tuple[soundtrack.Bed, Mapping[str, SampleOptions]]:
    """The sound under the lines (kept, without its voice, generated, or none), and how it was sampled."""
    if job.mix.separates:
        passages, device = _undubbed(piece.script), model.device.type
        return soundtrack.separated(original, passages, folder, device, progress), {}
    if job.mix.bed == "keep":
        return soundtrack.Bed(original), {}
    if job.mix.bed != "foley" or not job.mix.has_bed:
        return soundtrack.Bed(), {}
    made = model.generate(
        job.instruction,
        piece.info,
        prompt=job.prompt,
        negative=job.negative,
        options=job.options,
        direction="v2a",
    )
    return soundtrack.Bed(LazyWave.of(made.waveform, made.sample_rate)), made.sampling
