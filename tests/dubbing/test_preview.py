"""A quick listen: chosen lines, part of a clip, takes of a line; the whole dub of before stays as it was."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepaudio.dubbing.batch import run_batch
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import BatchJob, Cast, Choice, DubJob, Extras, Part
from deepaudio.errors import InputError, UsageError
from deepaudio.media import ffmpeg
from deepaudio.media.audio import read_native
from deepaudio.media.probe import probe
from deepaudio.media.video import frames
from deepaudio.options import MixOptions

LINES = (
    "[0:00.5-0:01.2] One goes.\n[0:01.5-0:02.2] Two goes.\n"
    "[0:02.4-0:03.0] Three goes.\n[0:03.2-0:03.9] Four goes.\n"
)
SUFFIXES = [".mp4", ".mkv", ".mov"]


@pytest.fixture
def job(sound_clip, voice):
    return DubJob(sound_clip, text=LINES, cast=Cast(voice), mix=MixOptions("replace"))


def loud(path, start, end):
    """Peak of these seconds."""
    sound, rate = read_native(path)
    return float(sound[:, round(start * rate) : round(end * rate)].abs().max())


def test_only_some_lines_are_spoken_and_the_whole_dub_is_not_touched(model, job):
    whole = dub(model, job).output
    before = whole.read_bytes()
    model.tts.calls.clear()
    done = dub(model, replace(job, choice=Choice("2,4-9"), extras=Extras(cache=False)))
    assert done.output.name == "clip [x].preview.mp4" and whole.read_bytes() == before
    assert [call[0] for call in model.tts.calls] == ["Two goes.", "Four goes."]
    assert [line["id"] for line in done.facts["lines"]] == ["2", "4"]
    assert loud(done.output, 0.5, 1.2) < 0.01 < loud(done.output, 1.5, 2.2)


def test_a_line_alone_sounds_as_in_the_whole(model, job, tmp_path):
    stems = [Extras(stems=tmp_path / name, cache=False) for name in ("all", "one")]
    whole = dub(model, replace(job, extras=stems[0]))
    one = dub(model, replace(job, choice=Choice("3"), extras=stems[1]))
    (line,) = one.facts["lines"]
    times = {k: line[k] for k in ("start", "end", "seed", "key")}
    assert times == {k: whole.facts["lines"][2][k] for k in times}
    assert [p.name for p in (tmp_path / "one/lines").iterdir()] == ["0001-3.wav"]


def test_takes_go_to_the_stems_and_the_record_says_which_is_in_the_mix(model, job, tmp_path):
    extras = Extras(stems=tmp_path / "stems")
    choice = Choice("2", takes=3, taken=(("2", 3),))
    done = dub(model, replace(job, choice=choice, extras=extras))
    names = sorted(p.name for p in (tmp_path / "stems/lines").iterdir())
    assert names == ["0001-2.take1.wav", "0001-2.take2.wav", "0001-2.take3.wav"]
    (line,) = json.loads(Path(done.facts["record"]).read_text())["lines"]
    assert line["take"] == 3 and set(line["takes"]) == {"1", "2", "3"}
    assert len(set(line["takes"].values())) == 3 and line["seed"] == line["takes"]["3"]
    takes = [read_native(tmp_path / "stems/lines" / name)[0] for name in names]
    assert not torch.equal(takes[0], takes[1])
    voice, rate = read_native(tmp_path / "stems/dub.wav")
    start, edge, length = round(line["start"] * rate), round(0.1 * rate), round(0.4 * rate)
    inside = slice(edge, edge + length)  # behind the fade at its beginning
    assert torch.allclose(voice[:, start:][:, inside], takes[2][:, inside], atol=2e-4)
    assert not torch.allclose(voice[:, start:][:, inside], takes[0][:, inside], atol=2e-2)


def test_the_chosen_take_of_a_whole_dub(model, job):
    first = dub(model, job)
    done = dub(model, replace(job, choice=Choice(taken=(("2", 4),))))
    takes = [line["take"] for line in done.facts["lines"]]
    assert takes == [1, 4, 1, 1] and done.output == first.output, "it is a whole dub"
    kept = [line["kept"] for line in done.facts["lines"]]
    assert kept == [True, False, True, True]


def test_takes_that_are_all_the_same_are_said(model, job, tmp_path, monkeypatch):
    monkeypatch.setattr(
        model.tts, "speak", lambda *a, duration, **k: torch.ones(round(24e3 * duration)) / 9
    )
    done = dub(
        model, replace(job, choice=Choice("1", 2), extras=Extras(stems=tmp_path / "s", cache=False))
    )
    assert any("all takes of line 1 are the same" in words for words in done.notices.warnings)


@pytest.fixture(scope="session")
def _long(tmp_path_factory):
    """Ten seconds whose frames tell their number by their brightness, a key frame every second, a beep at 6 s."""
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    picture = "color=c=black:size=64x64:rate=25:duration=10,geq=lum='N':cb=128:cr=128"
    beep = "aevalsrc='0.5*sin(2*PI*880*t)*between(t,6,6.2)':s=48000:d=10"
    line = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", beep]
    line += ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-bf", "2", "-g", "25"]
    line += ["-keyint_min", "25", "-sc_threshold", "0", "-c:a", "aac", str(path)]
    subprocess.run([ffmpeg.executable(), "-v", "error", "-y", *line], check=True)
    return path


@pytest.fixture(params=SUFFIXES)
def long_clip(_long, tmp_path, request):
    path = tmp_path / f"long{request.param}"
    line = ["-i", str(_long), "-c", "copy", str(path)]
    subprocess.run([ffmpeg.executable(), "-v", "error", "-y", *line], check=True)
    return path


@pytest.mark.slow
def test_part_of_a_clip_keeps_frames_sound_and_lines_together(model, long_clip, voice):
    text = "[0:01-0:02] Before it.\n[0:05.5-0:06.5] In it.\n[0:07.5-0:09] Over its end.\n"
    job = DubJob(long_clip, text=text, cast=Cast(voice), part=Part(5.3, 8.0))
    job = replace(job, mix=MixOptions("add"))
    done = dub(model, job)
    assert done.output.stem == "long.preview" and not list(long_clip.parent.glob(".deepaudio*"))
    made = probe(done.output)
    begin = done.facts["part"]["start"]
    assert begin == pytest.approx(5.0, abs=0.03), "the key frame before"
    assert f"2 lines in {made.duration:.2f} s from {begin:.2f} s on" in done.summary[0]
    assert made.duration == pytest.approx(9.0 - begin, abs=0.15), "the last line is not cut"
    first = next(iter(frames(made))).pixels.float().mean()
    assert float(first) == pytest.approx((round(begin * 25) - 16) * 255 / 219, abs=2.5)
    lines = [(line["id"], round(line["slot_start"] + begin, 1)) for line in done.facts["lines"]]
    assert lines == [("2", 5.5), ("3", 7.5)]
    original, rate = read_native(done.output, stream=made.streams[2].index)
    heard = (original[0].abs() > 0.1).nonzero()[0] / rate + begin
    assert float(heard) == pytest.approx(6.0, abs=0.03)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"choice": Choice("7")}, UsageError, "no line '7'"),
        ({"choice": Choice("7-9")}, UsageError, "no line '7-9'"),
        ({"choice": Choice("two")}, UsageError, "no line 'two'"),
        ({"choice": Choice(" , ")}, UsageError, "names no line"),
        ({"choice": Choice(taken=(("9", 2),))}, UsageError, "--take: no line '9'"),
        ({"choice": Choice("1", taken=(("2", 2),))}, UsageError, "--take: no line '2'"),
        ({"choice": Choice(takes=2)}, UsageError, "needs --stems"),
        ({"part": Part(5.0)}, InputError, "the clip ends at 4.00 s"),
        ({"part": Part(3.5)}, InputError, "no line begins between 3.50 and 4.00 s"),
        ({"part": Part(0, 2), "text": "No times."}, InputError, "needs a line's time"),
        ({"part": Part(0, 2), "choice": Choice("4")}, UsageError, "no line '4'"),
    ],
)
def test_what_cannot_be_chosen_is_said_before_the_work(model, job, change, kind, words):
    before = sorted(job.clip.parent.iterdir())
    with pytest.raises(kind) as caught:
        dub(model, replace(job, **change))
    assert words in caught.value.message
    assert not model.tts.calls and not model.v2a.looks
    assert sorted(job.clip.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "later"), "'later' is not a time"),
        (("--from", "3", "--to", "2"), "no part of a clip"),
        (("--from", "-1"), "negative"),
        (("--take", "2"), "not LINE=N"),
        (("--take", "2=0"), "not LINE=N"),
        (("--takes", "0"), "--takes"),
        (("--from", "1", "--emit-script", "s.json"), "--emit-script is for the whole clip"),
    ],
)
def test_options_that_say_nothing(command, job, voice, capsys, arguments, words):
    line = ["dub", job.clip, "--text", LINES, "--ref", voice, *arguments]
    assert command(*line) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"part": Part(1.0)}, {"choice": Choice("1")}])
def test_a_batch_has_no_previews(job, tmp_path, change):
    with pytest.raises(UsageError, match="for one clip"):
        run_batch(BatchJob(tmp_path / "m.jsonl", tmp_path), replace(job, **change))
