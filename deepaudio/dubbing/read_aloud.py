"""Read a text aloud: script and voices in, a sound file and the record of its making out."""

from dataclasses import replace
from pathlib import Path

from deepaudio.dubbing import soundtrack
from deepaudio.dubbing.checks import agree, read_voices
from deepaudio.dubbing.jobs import Done, SpeakJob
from deepaudio.dubbing.outputs import text_facts
from deepaudio.dubbing.provenance.tag import speech_tag
from deepaudio.dubbing.record import Clock, complete, plain, write_record
from deepaudio.errors import UsageError
from deepaudio.inference.model import DeepAudio
from deepaudio.inference.plan import as_script
from deepaudio.media.audio import write_wav
from deepaudio.media.output import preflight
from deepaudio.notices import Notices
from deepaudio.options import MixOptions
from deepaudio.presets.identity import weights_of
from deepaudio.progress import Progress
from deepaudio.script import Line
from deepaudio.script.speakers import speakers_of
from deepaudio.waves import LazyWave

SUFFIXES = (".wav",)


def read_aloud(model: DeepAudio, job: SpeakJob, progress: Progress | None = None) -> Done:
    """Speak the lines one after the other, or at their times, into one WAV file."""
    clock, notices = Clock(), Notices()
    voices = read_voices(job.cast, job.policy, notices)
    inputs = [job.script, job.cast.file]
    inputs += [path for voice in voices.values() for path in (voice.path, *voice.others)]
    output = sound_output(job.output, inputs)
    source = job.script if job.script is not None else job.text
    script = as_script(
        source,
        literal=job.script is None,
        speakers=speakers_of(voices),
        encoding=job.encoding,
    )
    script = replace(script, lines=tuple(_at(line, job.speed) for line in script.lines))
    route = agree(model, job.instruction, "tts", job.policy)
    clock.lap("checks")
    result = model.generate(
        job.instruction,
        transcript=script,
        reference=voices,
        options=job.options,
        fit=job.fit,
        direction="tts",
        progress=progress,
    )
    clock.lap("speech")
    notices.warn(*script.warnings, *result.plan.warnings)
    voice = LazyWave.of(result.waveform, result.sample_rate)
    seconds = len(result.waveform) / result.sample_rate
    mix = MixOptions("replace", loudness=job.loudness)
    track = soundtrack.compose(voice, None, None, seconds, mix, notices)
    tag = speech_tag(model.preset.name, voices)
    write_wav(output, track.sound, track.sound.sample_rate, comment=tag)
    loudness = soundtrack.measured(output, track.target)
    clock.lap("write")
    facts = {
        "command": "tts",
        "direction": result.direction,
        "probabilities": route.probabilities,
        "duration": round(seconds, 3),
        "sample_rate": result.sample_rate,
        "rule": result.plan.rule,
        "sampling": result.sampling,
        "lines": [line.as_dict() for line in result.lines],
        "loudness": loudness,
        "seconds": clock.seconds,
    }
    full = facts | notices.as_dict()
    full |= {
        "arguments": job,
        "voices": {name or "*": voice.as_dict() for name, voice in voices.items()},
        "text": text_facts(script),
        "preset": model.preset.name,
        "weights": weights_of(model.preset),
        "provenance": {"tag": tag},
    } | model.precision
    record = write_record(output, complete(output, full))
    summary = (f"{len(result.lines)} lines, {seconds:.2f} s, {soundtrack.level_words(loudness)}",)
    return Done(output, plain(facts | {"record": record}), summary, notices)


def _at(line: Line, speed: float) -> Line:
    """The line at `speed` times its pace, within what a line may ask for."""
    return replace(line, speed=min(2.0, max(0.5, line.speed * speed)))


def sound_output(output: Path, inputs: list[Path | None]) -> Path:
    """The checked path of a sound file; UsageError for a name that does not end in .wav."""
    if output.suffix.lower() not in SUFFIXES:
        message = f"'{output.name}' is not a name of a sound file"
        raise UsageError("output.suffix", message, "end it with .wav")
    return preflight(output, [path for path in inputs if path is not None])
