"""Dubbing a clip end to end with stand-in modules: what is written, what is measured, what is refused."""

import json
import logging
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepaudio import script
from deepaudio.dubbing import soundtrack
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.foley import foley
from deepaudio.dubbing.jobs import Cast, DubJob, Extras, FoleyJob, Policy, SpeakJob
from deepaudio.dubbing.line_cache import line_cache_folder
from deepaudio.dubbing.read_aloud import read_aloud
from deepaudio.dubbing.record import record_path
from deepaudio.errors import (
    InputError,
    PolicyError,
    QualityError,
    ResourceError,
    ToolError,
    UsageError,
)
from deepaudio.media import ffmpeg
from deepaudio.media.audio import read_native
from deepaudio.media.mux import mux, space_for
from deepaudio.media.probe import probe
from deepaudio.media.verify import video_digest
from deepaudio.media.video import frames
from deepaudio.options import FitOptions, MixOptions
from deepaudio.waves import LazyWave
from tests.stand_ins import convert

TEXT = "We should leave before it rains."


def files(folder):
    return sorted(p.name for p in folder.rglob("*"))


@pytest.fixture
def job(silent_clip, voice):
    return DubJob(silent_clip, text=TEXT, cast=Cast(voice))


def test_a_silent_clip_gets_a_track(model, job):
    done = dub(model, job)
    assert done.output == job.clip.with_name("clip [x].dub.mp4")
    made, source = probe(done.output), probe(job.clip)
    assert video_digest(made) == video_digest(source)
    assert abs(made.duration - source.duration) <= 1 / source.fps
    waveform, rate = read_native(done.output)
    assert (rate, len(waveform)) == (24_000, 1)
    assert abs(soundtrack.measured(done.output, None)["lufs"] + 23.0) < 0.5
    (line,) = done.facts["lines"]
    assert 0.9 < line["start"] < 1.1 and line["end"] <= 3.1, "the voiced stretch is 1 to 3 s"
    assert done.facts["rule"] == "voiced stretches of the video"
    assert done.facts["audio"] == "replace"


def test_the_record_tells_how_it_was_made(model, job):
    done = dub(model, job)
    record = json.loads((job.clip.parent / (done.output.name + ".deepaudio.json")).read_text())
    assert record["schema"] == 1 and record["output"] == done.output.name
    assert record["arguments"]["options"]["seed"] == 0
    assert record["lines"][0]["text"] == TEXT and record["lines"][0]["lufs"] < 0
    assert set(record["versions"]) >= {"deepaudio", "torch", "python"}
    assert len(record["clip"]["sha256"]) == len(record["voices"]["*"]["sha256"]) == 64
    assert "the clip has no audio" in record["notes"] and record["warnings"] == []


def test_same_job_same_sound(model, job, tmp_path):
    first = dub(model, replace(job, output=tmp_path / "a.mp4"))
    second = dub(model, replace(job, output=tmp_path / "b.mp4"))
    assert torch.equal(read_native(first.output)[0], read_native(second.output)[0])


@pytest.mark.slow
def test_the_bed_steps_back_under_a_line(model, sound_clip, voice, tmp_path):
    job = DubJob(sound_clip, text=TEXT, cast=Cast(voice), extras=Extras(stems=tmp_path / "stems"))
    done = dub(model, job)
    assert done.facts["audio"] == "mix" and done.facts["bed"] == {"source": "keep", "duck_db": 15}
    bed, rate = read_native(tmp_path / "stems/bed.wav")
    level = lambda a, b: float(bed[:, round(a * rate) : round(b * rate)].square().mean().log10())  # noqa: E731
    assert 10 * (level(0.1, 0.6) - level(1.5, 2.0)) == pytest.approx(15, abs=0.3)
    assert {p.name for p in (tmp_path / "stems").iterdir()} == {
        "bed.wav",
        "dub.wav",
        "mix.wav",
        "lines",
    }
    assert read_native(done.output)[1] == 48_000


def test_add_keeps_the_original_behind(model, sound_clip, voice):
    done = dub(model, DubJob(sound_clip, text=TEXT, cast=Cast(voice), mix=MixOptions("add")))
    tracks = [s for s in probe(done.output).streams if s.kind == "audio"]
    assert [t.default for t in tracks] == [True, False]


def test_replace_drops_the_original_and_foley_makes_a_bed(model, sound_clip, voice, tmp_path):
    cast = Cast(voice)
    done = dub(model, DubJob(sound_clip, text=TEXT, cast=cast, mix=MixOptions("replace")))
    assert len([s for s in probe(done.output).streams if s.kind == "audio"]) == 1
    mix = MixOptions("mix", "foley")
    extras = Extras(stems=tmp_path / "stems")
    dub(model, DubJob(sound_clip, text=TEXT, cast=cast, mix=mix, extras=extras))
    assert model.v2a.looks == 1 and (tmp_path / "stems/bed.wav").is_file()


def test_two_speakers_and_their_voices(model, silent_clip, voice):
    other = voice.with_name("other.wav")
    other.write_bytes(voice.read_bytes())
    cast = Cast(named=(("MARA", voice), ("JON", other)))
    done = dub(model, DubJob(silent_clip, text="MARA: Hello.\nJON: Good day.", cast=cast))
    assert [line["speaker"] for line in done.facts["lines"]] == ["MARA", "JON"]
    with pytest.raises(InputError, match="MARRA") as caught:
        dub(model, DubJob(silent_clip, text="MARRA: Hello.\nJON: Good day.", cast=cast))
    assert "MARA" in caught.value.hint


def test_voices_from_a_file(model, silent_clip, voice):
    voices = voice.with_name("voices.toml")
    voices.write_text(
        f'MARA = "{voice.name}"\n[JON]\nfile = "{voice.name}"\ntext = "Hello there."\n'
    )
    cast = Cast(file=voices)
    assert dub(model, DubJob(silent_clip, text="JON: Good day.", cast=cast)).output.is_file()
    assert model.tts.calls[-1][1].text == "Hello there."
    voices.write_text("MARA = 3\n")
    with pytest.raises(InputError, match="file is 3"):
        dub(model, DubJob(silent_clip, text="MARA: Hi.", cast=cast))


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ({"text": TEXT * 12}, InputError, "script.too_long"),
        ({"text": "# nothing"}, InputError, "script.empty"),
        ({"instruction": "add the sounds"}, UsageError, "instruction.contradiction"),
        ({"cast": Cast()}, InputError, "voice.missing"),
        ({"policy": Policy(require_consent=True)}, PolicyError, "consent.missing"),
    ],
)
def test_refusals_write_nothing(model, job, change, kind, code):
    before = files(job.clip.parent)
    with pytest.raises(kind) as caught:
        dub(model, replace(job, **change))
    assert caught.value.code == code
    assert files(job.clip.parent) == before


def test_a_line_that_overflows_is_reported_or_refused(model, job):
    script = job.clip.with_name("lines.srt")
    script.write_text(
        "1\n00:00:01,000 --> 00:00:01,500\n" + TEXT + "\n\n2\n00:00:01,600 --> 00:00:02,000\nOh.\n"
    )
    timed = replace(job, script=script, text=None)
    before = files(job.clip.parent)
    with pytest.raises(QualityError):
        dub(model, replace(timed, extras=Extras(strict=True)))
    assert files(job.clip.parent) == before
    done = dub(model, timed)
    assert any("line 1 needs" in warning for warning in done.notices.warnings)
    assert done.facts["lines"][0]["overflow"] > 0
    assert done.facts["rule"] == "script"


def test_force_goes_on_against_the_gate(model, job):
    forced = replace(job, instruction="add the sounds", policy=Policy(force=True))
    assert dub(model, forced).facts["direction"] == "v2s"


def test_consent_is_stated_or_lies_beside(model, job):
    stated = Policy(require_consent=True, consent=True)
    assert dub(model, replace(job, policy=stated)).output.is_file()
    job.cast.ref.with_name("voice.wav.consent").write_text("yes")
    assert dub(model, replace(job, policy=Policy(require_consent=True))).output.is_file()


def test_a_full_disk_is_found_before_anything_is_spoken(model, sound_clip, voice, monkeypatch):
    """What the mux will ask for is asked for before the work."""
    job = DubJob(sound_clip, text=TEXT, cast=Cast(voice))
    usage = shutil.disk_usage(sound_clip)
    asked = []
    monkeypatch.setattr(
        "deepaudio.media.output.full",
        lambda place, free, needed: asked.append(needed) or ResourceError("disk.full", "full"),
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    with pytest.raises(ResourceError):
        dub(model, job)
    info = probe(sound_clip)
    assert asked == [space_for(info, 2, round(info.duration * 48_000))] and model.tts.calls == []


def test_the_longest_name_of_an_output_has_a_record(model, job, tmp_path):
    done = dub(model, replace(job, output=tmp_path / f"{'n' * 251}.mp4"))
    record = Path(done.facts["record"])
    assert (
        record.parent == tmp_path and json.loads(record.read_text())["output"] == done.output.name
    )


def test_dry_run_plans_and_writes_nothing(model, job):
    before = files(job.clip.parent)
    done = dub(model, replace(job, extras=Extras(dry_run=True)))
    assert files(job.clip.parent) == before
    assert done.facts["lines"][0]["text"] == TEXT and model.tts.calls == []


def test_the_emitted_script_gives_the_same_times(model, job):
    emitted = job.clip.with_name("lines.json")
    first = dub(model, replace(job, extras=Extras(emit_script=emitted)))
    again = dub(model, replace(job, text=None, script=emitted))
    times = [[(x["start"], x["end"]) for x in d.facts["lines"]] for d in (first, again)]
    assert times[0][0] == pytest.approx(times[1][0], abs=0.002)


def test_subtitles_have_the_times_of_the_speech(model, job):
    place = job.clip.with_name("dub.srt")
    done = dub(model, replace(job, extras=Extras(subtitles=place)))
    (line,), (cue,) = done.facts["lines"], script.read(place).lines
    assert done.facts["subtitles"] == str(place) and cue.text == TEXT
    assert (cue.start, cue.end) == pytest.approx((line["start"], line["end"]), abs=0.002)
    before = files(job.clip.parent)
    with pytest.raises(UsageError, match="no subtitles end in"):
        dub(model, replace(job, extras=Extras(subtitles=place.with_suffix(".txt"))))
    assert files(job.clip.parent) == before


def test_the_output_may_not_be_an_input(model, job):
    for output in (job.clip, job.cast.ref):
        with pytest.raises((UsageError, InputError)):
            dub(model, replace(job, output=output))
    assert probe(job.clip).duration == pytest.approx(4.0)


def test_no_voice_of_a_file_and_no_stem_is_written_over(model, job, tmp_path):
    recording = job.cast.ref.rename(tmp_path / "mix.wav")
    cast = tmp_path / "voices.toml"
    cast.write_text('MARA = "mix.wav"\n')
    before = files(tmp_path)
    mine = replace(job, text="MARA: Hello.", cast=Cast(file=cast))
    for refused in (
        lambda: dub(model, replace(mine, extras=Extras(stems=tmp_path))),
        lambda: dub(model, replace(mine, extras=Extras(report=recording))),
        lambda: dub(
            model,
            replace(mine, output=tmp_path / "o.mp4", extras=Extras(report=tmp_path / "o.mp4")),
        ),
        lambda: read_aloud(model, SpeakJob(text="MARA: Hello.", cast=mine.cast, output=recording)),
    ):
        with pytest.raises(UsageError) as caught:
            refused()
        assert caught.value.code == "output.is_input"
    with pytest.raises(InputError, match="not a folder"):
        dub(model, replace(mine, extras=Extras(stems=cast)))
    assert files(tmp_path) == before and model.tts.calls == []


def test_tts_reads_aloud(model, voice, tmp_path):
    job = SpeakJob(
        text="One.\nTwo words.", cast=Cast(voice), output=tmp_path / "out.wav", instruction="read"
    )
    done = read_aloud(model, job)
    waveform, rate = read_native(done.output)
    natural = [model.tts.natural_duration(t) for t in ("One.", "Two words.")]
    assert waveform.shape[1] / rate == pytest.approx(sum(natural) + FitOptions().pause, abs=0.01)
    faster = read_aloud(model, replace(job, speed=2.0, fit=FitOptions(pause=0.0)))
    assert faster.facts["duration"] == pytest.approx(sum(natural) / 2, abs=0.01)
    with pytest.raises(UsageError, match="sound file"):
        read_aloud(model, replace(job, output=tmp_path / "out.mp4"))


@pytest.mark.slow
def test_foley_beside_the_clip_or_alone(model, silent_clip, sound_clip, tmp_path):
    done = foley(model, FoleyJob(silent_clip, instruction="add the sounds"))
    assert done.output.name == "clip [x].foley.mp4" and probe(done.output).has_audio
    alone = foley(
        model, FoleyJob(sound_clip, output=tmp_path / "a.wav", instruction="add the sounds")
    )
    assert read_native(alone.output)[0].shape == (1, 4 * 24_000)


def test_match_takes_the_loudness_of_the_original(model, sound_clip, voice):
    mix = MixOptions("replace", loudness="match")
    done = dub(model, DubJob(sound_clip, text=TEXT, cast=Cast(voice), mix=mix))
    source = soundtrack.measured(sound_clip, None)
    assert done.facts["loudness"]["lufs"] == pytest.approx(source["lufs"], abs=0.5)


def test_foley_alone_takes_the_loudness_of_the_clip(model, sound_clip, tmp_path):
    mix = MixOptions(bed="keep", loudness="match")
    job = FoleyJob(sound_clip, output=tmp_path / "a.wav", instruction="add the sounds", mix=mix)
    done = foley(model, job)
    source = soundtrack.measured(sound_clip, None)
    assert done.facts["loudness"]["target_lufs"] == pytest.approx(source["lufs"], abs=0.1)
    assert not done.notices.warnings and done.facts["audio"] == "replace"
    record = json.loads(Path(done.facts["record"]).read_text())
    assert record["preset"] == model.preset.name


def test_a_mode_of_audio_is_refused_for_the_sound_alone(model, sound_clip, tmp_path):
    job = FoleyJob(sound_clip, output=tmp_path / "a.wav", mix=MixOptions("mix"))
    with pytest.raises(UsageError, match=r"--audio mix is for a video, and a\.wav is the sound"):
        foley(model, job)
    assert not (tmp_path / "a.wav").exists()


def test_a_51_bed_becomes_stereo():
    channels = torch.zeros(6, 10)
    channels[2] = 1.0
    assert (
        soundtrack.stereo(LazyWave.of(channels, 24_000)).whole().allclose(torch.tensor(0.5).sqrt())
    )


@pytest.mark.slow
def test_lines_spoken_before_are_kept_and_a_damaged_one_is_made_again(model, job, caplog):
    two = replace(job, text="One line.\nAnother line.")
    first = dub(model, two)
    assert len(model.tts.calls) == 2
    second = dub(model, two)
    assert len(model.tts.calls) == 2 and all(x["kept"] for x in second.facts["lines"])
    assert first.facts["loudness"] == second.facts["loudness"]
    for path in line_cache_folder().glob("*.f32"):
        path.write_bytes(path.read_bytes()[:-4] + b"\0\0\1\0")
    dub(model, two)
    assert len(model.tts.calls) == 4 and "damaged" in caplog.text
    dub(model, replace(two, extras=Extras(cache=False)))
    assert len(model.tts.calls) == 6


def test_a_line_that_is_not_to_be_dubbed_keeps_its_sound(model, sound_clip, voice):
    script = sound_clip.with_name("lines.csv")
    script.write_text("id,start,end,text,dub\n1,0.2,1.0,Stay.,false\n2,2.0,3.0,Go now.,true\n")
    mix = MixOptions("replace", loudness="off")
    done = dub(model, DubJob(sound_clip, script=script, cast=Cast(voice), mix=mix))
    waveform, rate = read_native(done.output)
    level = lambda a, b: float(waveform[:, round(a * rate) : round(b * rate)].abs().mean())  # noqa: E731
    assert [line["id"] for line in done.facts["lines"]] == ["2"]
    assert level(0.4, 0.8) > 0.02 and level(1.2, 1.8) < 0.002


@pytest.mark.slow
def test_an_empty_script_copies_the_clip_when_allowed(model, silent_clip, sound_clip, voice):
    empty = Extras(allow_empty=True)
    for clip in (silent_clip, sound_clip):
        done = dub(model, DubJob(clip, text="# nothing", cast=Cast(voice), extras=empty))
        assert done.facts["lines"] == [] and probe(done.output).has_audio


def test_the_report_is_one_file(model, job):
    page = job.clip.with_name("report.html")
    done = dub(model, replace(job, extras=Extras(report=page)))
    text = page.read_text()
    assert TEXT in text and "data:image" in text and "http" not in text.split("</style>")[1]
    assert done.facts["report"]


def test_characters_without_a_sound_are_listed(model, job):
    done = dub(model, replace(job, text="We go \N{SNOWMAN} now."))
    assert any("no sound for \N{SNOWMAN}" in warning for warning in done.notices.warnings)


def test_what_is_logged_as_a_warning_stands_in_the_record(model, job, monkeypatch):
    home = str(job.clip.parent)
    monkeypatch.setenv("HOME", home)
    looked = model.v2a.features

    def features(clip, progress=None):
        logging.getLogger("deepaudio.media.video").warning("%s/x.mp4: 3 damaged frames", home)
        return looked(clip)

    monkeypatch.setattr(model.v2a, "features", features)
    done = dub(model, job)
    record = json.loads(Path(done.facts["record"].replace("~", home)).read_text())
    assert record["warnings"] == ["~/x.mp4: 3 damaged frames"]


def test_a_missing_ffmpeg_is_found_before_anything_is_spoken(model, job, monkeypatch):
    before = files(job.clip.parent)
    monkeypatch.setenv("DEEPAUDIO_FFMPEG", "/nowhere/ffmpeg")
    ffmpeg.executable.cache_clear()
    ffmpeg.encoders.cache_clear()
    try:
        with pytest.raises(ToolError, match="/nowhere/ffmpeg"):
            dub(model, job)
    finally:
        ffmpeg.executable.cache_clear()
    assert not model.tts.calls and files(job.clip.parent) == before


@pytest.fixture
def film(tmp_path):
    """4 s with surround sound and a commentary."""
    path = tmp_path / "film.mkv"
    tone = "sine=frequency={}:sample_rate=48000:duration=4"
    command = [ffmpeg.executable(), "-v", "error", "-y", "-f", "lavfi", "-i"]
    command += ["testsrc2=size=96x64:rate=25:duration=4"]
    command += ["-f", "lavfi", "-i", tone.format(440), "-f", "lavfi", "-i", tone.format(220)]
    command += ["-map", "0", "-map", "1", "-map", "2", "-c:a:0", "ac3", "-ac:a:0", "6"]
    command += ["-c:a:1", "aac", "-metadata:s:a:1", "language=eng"]
    command += ["-metadata:s:a:1", "title=Commentary", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.mark.slow
def test_what_is_dropped_or_folded_is_said_and_the_dub_has_its_language(model, job, film):
    tracks = {}
    for mode in ("auto", "replace", "add"):
        done = dub(model, replace(job, clip=film, mix=MixOptions(audio=mode)))
        said = " / ".join(done.notices.warnings)
        assert ("6 channels are mixed down to stereo" in said) == (mode == "auto")
        assert "Commentary" not in said
        assert ("ac3) is left out" in said) == (mode == "replace")
        sounds = [s for s in probe(done.output).streams if s.kind == "audio"]
        assert sounds[0].language == "eng"
        tracks[mode] = len(sounds)
    assert tracks == {"auto": 2, "replace": 2, "add": 3}, "the commentary stays"


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_in_an_avi_frames_and_sound_stay_in_place(model, job, tmp_path, codec):
    """AVI has no edit lists, so the delay of an encoder would move the sound and all frames but the first."""
    clip = tmp_path / "clip.avi"
    command = [ffmpeg.executable(), "-v", "error", "-y", "-f", "lavfi", "-i"]
    command += ["testsrc2=size=96x64:rate=25:duration=3", "-f", "lavfi", "-i", "sine=duration=3"]
    subprocess.run([*command, "-c:v", codec, "-c:a", "pcm_s16le", str(clip)], check=True)
    click = torch.zeros(3 * 24_000)
    click[24_000] = 0.9
    made = mux(clip, click, 24_000, tmp_path / "out.avi")
    times = [[frame.time for frame in frames(probe(path))] for path in (clip, made.path)]
    assert times[0] == pytest.approx(times[1], abs=0.001) and len(times[0]) == 75
    assert made.duration == pytest.approx(3.0, abs=0.001)
    waveform, rate = read_native(made.path)
    assert abs(int(waveform[0].abs().argmax()) / rate - 1.0) < 0.01


def test_a_lossy_track_for_a_clip_with_lossless_sound_is_said(model, job, sound_clip, tmp_path):
    clip = tmp_path / "master.mov"
    command = [ffmpeg.executable(), "-v", "error", "-i", str(sound_clip), "-c:v", "copy"]
    subprocess.run([*command, "-c:a", "pcm_s24le", str(clip)], check=True)
    done = dub(model, replace(job, clip=clip))
    assert any("encoded as aac, the clip's is pcm_s24le" in text for text in done.notices.warnings)


@pytest.mark.slow
def test_the_intonation_of_the_clip_is_followed_where_asked(
    model, job, _clips, sound_clip, tmp_path
):
    done = dub(model, replace(job, clip=sound_clip, pitch="original"))
    assert done.facts["pitch"] == "original"
    pitch = model.tts.calls[-1][3].pitch
    assert pitch is not None and len(pitch) == len(model.tts.calls[-1][3].energy)
    dub(model, replace(job, clip=sound_clip, output=tmp_path / "own.mkv"))
    assert model.tts.calls[-1][3].pitch is None
    with pytest.raises(UsageError, match="needs a clip with audio"):
        dub(model, replace(job, clip=_clips["silent"], output=tmp_path / "s.mkv", pitch="original"))


def test_no_output_is_another_output(model, job, tmp_path):
    before = files(tmp_path)
    out = tmp_path / "out.mp4"
    record = record_path(out)
    for extras in (
        Extras(report=record),
        Extras(emit_script=record),
        Extras(report=tmp_path / "x", emit_script=tmp_path / "x"),
        Extras(subtitles=tmp_path / "x.srt", report=tmp_path / "x.srt"),
        Extras(stems=tmp_path / "stems", report=tmp_path / "stems/mix.wav"),
        Extras(stems=tmp_path / "stems", report=tmp_path / "stems/lines/0001-narrator.wav"),
    ):
        with pytest.raises((UsageError, InputError)):
            dub(model, replace(job, output=out, extras=extras))
    assert files(tmp_path) == before
    (tmp_path / "stems").mkdir()
    (tmp_path / "stems/lines").mkdir()
    recording = job.cast.ref.rename(tmp_path / "stems/lines/0001-narrator.wav")
    mine = replace(job, cast=Cast(recording), extras=Extras(stems=tmp_path / "stems"))
    with pytest.raises(UsageError, match="where files will be written"):
        dub(model, mine)
    assert files(tmp_path / "stems/lines") == [recording.name] and model.tts.calls == []


def test_the_name_that_an_output_gets_instead_is_free_or_of_the_same_clip(model, job, tmp_path):
    clip = tmp_path / "lossless.mkv"
    convert(job.clip, "-an", "-c:v", "ffv1", clip)
    mine = replace(job, clip=clip, output=tmp_path / "out.mp4")
    (tmp_path / "out.mkv").write_bytes(b"a film")
    with pytest.raises(UsageError) as caught:
        dub(model, mine)
    assert caught.value.code == "output.taken" and (tmp_path / "out.mkv").read_bytes() == b"a film"
    with pytest.raises(UsageError, match="lossless"):
        dub(model, replace(mine, output=clip.with_suffix(".mp4")))
    (tmp_path / "out.mkv").unlink()
    assert dub(model, mine).output == dub(model, mine).output == tmp_path / "out.mkv"


def test_words_are_never_a_file_name(model, job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Stop").write_text("Not these words.")
    assert dub(model, replace(job, text="Stop")).facts["lines"][0]["text"] == "Stop"
    spoken = read_aloud(model, SpeakJob(text="Stop", cast=job.cast, output=tmp_path / "a.wav"))
    assert spoken.facts["lines"][0]["text"] == "Stop"


def test_no_bed_is_made_where_none_is_heard(model, job):
    dub(model, replace(job, mix=MixOptions("add", "foley")))
    assert "sound" not in dict(model.v2a.calls)


def test_what_the_network_has_not_learned_is_refused_before_the_work(model, job, monkeypatch):
    def refuse(options, follows_pitch=False):
        raise UsageError("options.guidance", "not learned")

    monkeypatch.setattr(model.tts, "check", refuse)
    with pytest.raises(UsageError, match="not learned"):
        dub(model, job)
    assert not model.v2a.looks and not model.tts.calls
