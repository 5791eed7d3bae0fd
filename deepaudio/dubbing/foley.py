"""Foley for one clip: the video in; its sounds out, muxed under the untouched video or as a sound file."""

from deepaudio.dubbing import soundtrack
from deepaudio.dubbing.checks import agree
from deepaudio.dubbing.jobs import Done, FoleyJob
from deepaudio.dubbing.provenance.tag import sound_tag, with_comment
from deepaudio.dubbing.read_aloud import SUFFIXES, sound_output
from deepaudio.dubbing.record import Clock, complete, plain, write_record
from deepaudio.errors import UsageError
from deepaudio.inference.model import DeepAudio
from deepaudio.media import containers
from deepaudio.media.audio import write_wav
from deepaudio.media.mux import encoder_for, mux
from deepaudio.media.output import beside, preflight
from deepaudio.media.probe import probe
from deepaudio.notices import Notices
from deepaudio.presets.identity import weights_of
from deepaudio.presets.store import sha256_of
from deepaudio.progress import Progress
from deepaudio.waves import LazyWave


def foley(model: DeepAudio, job: FoleyJob, progress: Progress | None = None) -> Done:
    """Make the sounds of a clip; a clip with sound keeps it under them unless the mix says replace."""
    clock = Clock()
    info = probe(job.clip, allow_damaged=job.extras.allow_damaged)
    wanted = job.output or beside(info.path, "foley")
    alone = wanted.suffix.lower() in SUFFIXES
    if alone and job.mix.audio != "auto":
        message = f"--audio {job.mix.audio} is for a video, and {wanted.name} is the sound alone"
        raise UsageError("audio.alone", message, "leave --audio out, or name a video")
    output = sound_output(wanted, [info.path]) if alone else preflight(wanted, [info.path])
    if not alone:
        encoder_for(containers.plan(info, output))  # refuses what cannot be muxed before the work
    route = agree(model, job.instruction, "v2a", job.policy)
    clock.lap("checks")
    if progress:
        progress("sound", 0, 1)
    result = model.generate(
        job.instruction,
        info,
        prompt=job.prompt,
        negative=job.negative,
        options=job.options,
        direction="v2a",
        progress=progress,
    )
    if progress:
        progress("sound", 1, 1)
    clock.lap("sound")
    notices = Notices(notes=list(info.notes))
    heard = not alone or job.mix.loudness == "match"
    original = soundtrack.original_sound(info, output.parent) if heard else None
    bed = None if alone else original
    sound = LazyWave.of(result.waveform, result.sample_rate)
    track = soundtrack.compose(sound, original, bed, info.duration, job.mix, notices)
    tag = sound_tag(model.preset.name)
    if alone:
        path = write_wav(output, track.sound, track.sound.sample_rate, comment=tag)
        duration = info.duration
    else:
        audio = "add" if track.mode == "add" else "replace"
        made = mux(
            info,
            track.sound,
            track.sound.sample_rate,
            output,
            audio=audio,
            title="Foley",
            comment=with_comment(tag, info.comment),
        )
        path, duration = made.path, made.duration
        notices.warn(*made.losses, *soundtrack.losses(info, track.mode, job.mix))
    loudness = soundtrack.measured(path, track.target)
    clock.lap("write")
    facts = {
        "direction": result.direction,
        "probabilities": route.probabilities,
        "duration": round(duration, 3),
        "audio": track.mode,
        "sampling": result.sampling,
        "loudness": loudness,
        "seconds": clock.seconds,
    }
    full = facts | notices.as_dict()
    full |= {
        "command": "foley",
        "arguments": job,
        "clip": {"file": info.path, "sha256": sha256_of(info.path), "duration": info.duration},
        "preset": model.preset.name,
        "weights": weights_of(model.preset),
        "provenance": {"tag": tag},
    } | model.precision
    record = write_record(path, complete(path, full))
    summary = (f"{duration:.2f} s, {soundtrack.level_words(loudness)}",)
    return Done(path, plain(facts | {"record": record}), summary, notices)
