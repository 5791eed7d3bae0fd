"""The tracks of an output: which is the default, in which language, what they are for, and subtitles of the dub."""

import subprocess
from dataclasses import replace

import pytest
import torch

from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import Cast, DubJob, Extras
from deepaudio.errors import InputError, ResourceError, UsageError
from deepaudio.media import ffmpeg
from deepaudio.media.mux import mux
from deepaudio.media.probe import probe
from deepaudio.options import MixOptions
from deepaudio.script import read
from deepaudio.text.languages import find_language
from deepaudio.waves import LazyWave

CUES = "1\n00:00:00,500 --> 00:00:01,500\n[a door] Sign: exit\n"
TEXT = "We should leave before it rains."


@pytest.fixture(scope="session")
def _film(tmp_path_factory):
    """4 s with sound, a commentary, and subtitles: plain, forced, for the hard of hearing."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "cues.srt").write_text(CUES)
    tone = "sine=frequency={}:sample_rate=48000:duration=4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=4"]
    inputs += ["-f", "lavfi", "-i", tone.format(440), "-f", "lavfi", "-i", tone.format(220)]
    line = [*inputs, *("-i", str(folder / "cues.srt")) * 3]
    for number in range(6):
        line += ["-map", str(number)]
    line += ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]
    line += ["-c:a", "libopus", "-metadata:s:a:0", "language=fra"]
    line += ["-disposition:a:0", "default", "-disposition:a:1", "comment"]
    line += ["-metadata:s:a:1", "title=Commentary", "-metadata:s:s:1", "title=Signs"]
    line += ["-disposition:s:0", "0", "-disposition:s:1", "forced"]
    line += ["-disposition:s:2", "hearing_impaired", str(folder / "film.mkv")]
    subprocess.run([ffmpeg.executable(), "-v", "error", "-y", *line], check=True)
    return folder / "film.mkv"


@pytest.fixture
def job(_film, tmp_path, voice):
    clip = tmp_path / "film.mkv"
    clip.write_bytes(_film.read_bytes())
    return DubJob(clip, text=TEXT, cast=Cast(voice), mix=MixOptions("add"))


def tracks(path, kind):
    return [s for s in probe(path).streams if s.kind == kind]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".webm"])
def test_players_take_the_dub_and_every_track_keeps_what_it_is_for(model, job, suffix):
    output = job.clip.with_name(f"out{suffix}")
    extras = Extras(subtitle_track=True)
    done = dub(model, replace(job, output=output, language="German", extras=extras))
    first, original, commentary = tracks(done.output, "audio")
    assert [t.default for t in (first, original, commentary)] == [True, False, False]
    assert (first.title, original.title, commentary.title) == ("Dub", "Original", "Commentary")
    assert (
        find_language(first.language).code == "deu"
        and find_language(original.language).code == "fra"
    )
    plain, forced, sdh, own = tracks(done.output, "subtitle")
    assert "forced" not in plain.flags and forced.flags == ("forced",) and forced.title == "Signs"
    assert {"hearing_impaired", "captions"} & set(sdh.flags) and "forced" not in sdh.flags
    assert own.title == "Dub" and find_language(own.language).code == "deu" and not own.default
    lost = any("cannot mark it as comment" in words for words in done.notices.warnings)
    assert ("comment" in commentary.flags) != lost, "kept, or said"


@pytest.mark.slow
def test_subtitles_of_the_dub_have_the_times_of_the_speech(model, job, tmp_path):
    done = dub(model, replace(job, extras=Extras(subtitle_track=True)))
    number = len(tracks(done.output, "subtitle")) - 1
    texts = tmp_path / "read.srt"
    line = ["-i", str(done.output), "-map", f"0:s:{number}", str(texts)]
    subprocess.run([ffmpeg.executable(), "-v", "error", "-y", *line], check=True)
    (cue,) = read(texts).lines
    (spoken,) = done.facts["lines"]
    assert cue.text == TEXT
    assert (cue.start, cue.end) == pytest.approx((spoken["start"], spoken["end"]), abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "drop", "sounds", "texts"),
    [
        ("mix", "none", ["Dub", "Commentary"], 3),
        ("replace", "audio", ["Dub"], 3),
        ("add", "audio", ["Dub", "Original"], 3),
        ("add", "subtitle", ["Dub", "Original", "Commentary"], 0),
        ("mix", "all", ["Dub"], 0),
    ],
)
def test_other_tracks_stay_unless_they_are_asked_to_go(model, job, mode, drop, sounds, texts):
    done = dub(model, replace(job, mix=MixOptions(mode, drop=drop)))
    assert [t.title for t in tracks(done.output, "audio")] == sounds
    assert len(tracks(done.output, "subtitle")) == texts


@pytest.mark.parametrize("suffix", [".avi", ".ts"])
def test_no_place_for_subtitles_is_said_before_the_work(model, silent_clip, voice, suffix):
    output = silent_clip.with_name(f"out{suffix}")
    extras = Extras(subtitle_track=True)
    job = DubJob(silent_clip, text=TEXT, cast=Cast(voice), output=output, extras=extras)
    with pytest.raises(InputError, match=r"subtitles|cannot carry") as caught:
        dub(model, replace(job, extras=replace(extras, strict=suffix == ".avi")))
    assert ".mkv" in caught.value.hint
    assert not model.tts.calls and not output.exists()


def test_a_language_that_is_none(model, silent_clip, voice, command, capsys):
    job = DubJob(silent_clip, text=TEXT, cast=Cast(voice), language="Klingonian")
    with pytest.raises(UsageError, match="no language of ISO 639-2"):
        dub(model, job)
    assert command("dub", silent_clip, "--text", TEXT, "--ref", voice, "--language", "xx") == 2
    assert "'xx' is no language" in capsys.readouterr().err


def test_the_language_of_a_script_that_is_none_is_said_and_english_taken(
    model, silent_clip, voice, tmp_path
):
    script = tmp_path / "lines.json"
    script.write_text('[{"text": "Hello there.", "language": "qq"}]')
    done = dub(model, DubJob(silent_clip, script=script, cast=Cast(voice)))
    assert any("'qq' is no language" in words for words in done.notices.warnings)
    assert tracks(done.output, "audio")[0].language == "eng"


def test_two_files_of_subtitles_are_refused(command, silent_clip, voice, capsys):
    line = ["dub", silent_clip, "--text", TEXT, "--ref", voice]
    assert command(*line, "--subtitles", "a.srt", "--subtitles", "b.vtt") == 2
    assert "2 files" in capsys.readouterr().err


def test_a_script_without_lines_has_no_subtitles(model, silent_clip, voice, tmp_path):
    script = tmp_path / "empty.txt"
    script.write_text("# nothing\n")
    extras = Extras(subtitle_track=True, allow_empty=True)
    done = dub(model, DubJob(silent_clip, script=script, cast=Cast(voice), extras=extras))
    assert tracks(done.output, "subtitle") == []


def test_a_lost_subtitle_track_is_found(silent_clip, tmp_path, monkeypatch):
    """ffmpeg that leaves the track out and exits with 0."""
    run = ffmpeg.run

    def forgets(arguments, timeout):
        first = arguments.index("2:s:0") - 1
        return run([*arguments[:first], *arguments[first + 2 :]], timeout)

    monkeypatch.setattr(ffmpeg, "run", forgets)
    wave = LazyWave.of(torch.zeros(24_000), 24_000)
    with pytest.raises(ResourceError, match="0 subtitle tracks instead of 1"):
        mux(silent_clip, wave, 24_000, tmp_path / "o.mp4", subtitles=CUES)
