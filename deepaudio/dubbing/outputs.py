"""What a dub writes beside the video: checked before the work, written after it, and said in words."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from deepaudio.dubbing import soundtrack
from deepaudio.dubbing.jobs import DubJob
from deepaudio.dubbing.provenance.signing import check_suffix as check_signable
from deepaudio.dubbing.record import record_path
from deepaudio.errors import UsageError
from deepaudio.inference.model import Result
from deepaudio.inference.voices import Voice
from deepaudio.media import containers
from deepaudio.media.clip import ClipInfo
from deepaudio.media.mux import encoder_for, space_for
from deepaudio.media.output import (
    beside,
    folder_to_be,
    preflight,
    refuse_inputs,
    refuse_inside,
    write_bytes,
)
from deepaudio.media.sniff import shown_path
from deepaudio.notices import Notices
from deepaudio.presets.store import sha256_of
from deepaudio.script import Line, Script
from deepaudio.script.emit import to_json, with_times
from deepaudio.script.fit import Plan
from deepaudio.script.subtitles import check_suffix, to_subtitles
from deepaudio.text.languages import Language, find_language

VOICE_RATE = 24_000  # of every preset


def checked_outputs(job: DubJob, info: ClipInfo, voices: Mapping[str, Voice]) -> Path:
    """The path to write to, after the checks of every file that will be written."""
    extras = job.extras
    inputs = [info.path, job.script, job.cast.file, extras.c2pa]
    inputs += [path for voice in voices.values() for path in (voice.path, *voice.others)]
    given = [path for path in inputs if path is not None]
    output = job.output or beside(info.path, "preview" if job.is_preview else "dub")
    if extras.subtitles is not None:
        check_suffix(extras.subtitles.suffix)
    channels, rate = soundtrack.form(info, job.mix, VOICE_RATE)
    needed = space_for(info, channels, round(info.duration * rate))
    place = preflight(output, given, needed_bytes=0 if extras.dry_run else needed)
    planned = containers.plan(
        info,
        place,
        audio="add" if job.mix.audio == "add" else "replace",
        strict=extras.strict,
        drop=job.mix.drop,
        subtitles=extras.subtitle_track,
    )
    if planned.out != place:
        _refuse_another(planned.out, info.path, given)
    taken = [*given, place, planned.out, record_path(planned.out)]
    refuse_inputs(record_path(planned.out), given)
    for extra in (extras.report, extras.emit_script, extras.subtitles):
        if extra is not None:
            taken.append(preflight(extra, taken))
    if extras.stems is not None:
        folder_to_be(extras.stems)
        for name in soundtrack.STEMS:
            refuse_inputs(extras.stems / f"{name}.wav", taken)
        refuse_inside(soundtrack.lines_folder(extras.stems), taken)
    if extras.c2pa is not None:
        check_signable(planned.out.suffix)
    encoder_for(planned)  # may refuse
    return place


def _refuse_another(out: Path, clip: Path, given: list[Path]) -> None:
    """UsageError where the name that an output gets instead of the asked one is that of another file than a dub of this clip."""
    refuse_inputs(out, given)
    if not out.exists():
        return
    try:
        made_from = json.loads(record_path(out).read_text(encoding="utf-8"))["clip"]["file"]
    except (OSError, ValueError, LookupError, TypeError):
        made_from = None
    if made_from is None or os.path.abspath(made_from) != os.path.abspath(clip):
        message = (
            f"the output would become {shown_path(out)}, which exists and is no dub of the clip"
        )
        raise UsageError("output.taken", message, "give another name with -o")


def language_of(job: DubJob, script: Script, notices: Notices) -> Language:
    """What the dub is tagged with: what is asked for, what the script says, else Chinese where it is written so, else English."""
    if job.language is not None:
        return find_language(job.language)
    declared = next((line.language for line in script.lines if line.language), None)
    if declared is not None:
        try:
            return find_language(declared)
        except UsageError as error:
            notices.warn(f"the script's language: {error.message}")
    chinese = any("\u4e00" <= c <= "\u9fff" for line in script.lines for c in line.text)
    return find_language("zho" if chinese else "eng")


def code_in(output: Path, language: Language) -> str:
    """The code that a file of that name can hold: QuickTime has a list of its own, with the bibliographic ones."""
    return language.bibliographic if output.suffix.lower() in (".mov", ".qt") else language.code


def spoken_lines(script: Script, result: Result) -> list[Line]:
    """The script with the times of the plan; lines that were not chosen keep their own."""
    planned = iter(result.plan.lines)
    times = [
        (p.start, p.start + p.duration) if p else (line.start, line.end)
        for line, p in ((line, next(planned) if line.dub else None) for line in script.lines)
    ]
    return with_times(script.lines, times)


def write_texts(
    job: DubJob, lines: list[Line], heard: list[Line], info: ClipInfo
) -> dict[str, Path]:
    """The script with all its lines, and subtitles of those that are heard, where they are asked for."""
    extras, wanted = job.extras, {}
    if extras.emit_script:
        wanted["script"] = extras.emit_script, to_json(lines, info.path.name)
    if extras.subtitles:
        suffix = check_suffix(extras.subtitles.suffix)
        wanted["subtitles"] = extras.subtitles, to_subtitles(heard, suffix)
    return {
        name: write_bytes(path, text.encode("utf-8", "surrogatepass"))
        for name, (path, text) in wanted.items()
    }


def subtitle_track(job: DubJob, lines: list[Line]) -> str | None:
    """Subtitles for a track of the output; None where none is asked for or nothing is said."""
    timed = [line for line in lines if line.start is not None]
    return to_subtitles(timed, ".srt") if job.extras.subtitle_track and timed else None


def plan_words(plan: Plan) -> tuple[str, ...]:
    """The plan for a reader."""
    return (
        f"slots from {plan.rule}",
        *(
            f"{line.id:>4} {line.start:7.2f} to {line.start + line.duration:7.2f} s  x{line.speed:.2f}  "
            f"{line.speaker + ': ' if line.speaker else ''}{line.text}"
            for line in plan.lines
        ),
    )


def line_facts(result: Result, track: soundtrack.Track, notices: Notices) -> list[dict[str, Any]]:
    """What the record says of each line; that all its takes are the same goes to `notices`."""
    levels = soundtrack.line_levels(result.parts, result.sample_rate, track.gain)
    found = []
    for line, level, takes in zip(result.lines, levels, result.takes, strict=True):
        seeds = {take.number: take.seed for take in takes}
        more = {"takes": dict(sorted(seeds.items()))} if len(takes) > 1 else {}
        found.append(line.as_dict() | {"lufs": level} | more)
        if more and all(torch.equal(takes[0].waveform, take.waveform) for take in takes):
            notices.warn(
                f"all takes of line {line.id} are the same: --quality draft knows no chance"
            )
    return found


def write_report(
    path: Path,
    record: dict[str, Any],
    result: Result,
    track: soundtrack.Track,
    voices: Mapping[str, Voice],
    media: Path,
) -> Path:
    """The report of a dub."""
    from deepaudio.reports.dub import dub_report  # brings matplotlib

    heard = {name or "*": voice.reference for name, voice in voices.items()}
    return dub_report(
        path,
        record,
        result.waveform,
        result.sample_rate,
        result.energy,
        media,
        parts=result.parts,
        mix=track.sound,
        references={name: (r.waveform, r.sample_rate) for name, r in heard.items()},
    )


def sources(
    job: DubJob, info: ClipInfo, script: Script, voices: Mapping[str, Voice]
) -> dict[str, Any]:
    """What the record says of that from which the dub was made."""
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
        "text": text_facts(script),
    }


def text_facts(script: Script) -> dict[str, Any]:
    """What the record says of the text: how it was read, and what of it is not spoken."""
    skipped = [{"line": s.row, "text": s.text, "reason": s.reason} for s in script.skipped]
    return {"encoding": script.encoding, "format": script.format, "skipped": skipped}
