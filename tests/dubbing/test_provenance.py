"""Outputs say that their speech is synthetic and what is known of consent; `doctor FILE` reads it."""

import json
import wave
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch

from deepaudio import __version__
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.foley import foley
from deepaudio.dubbing.jobs import Cast, DubJob, Extras, FoleyJob, Policy, SpeakJob
from deepaudio.dubbing.provenance.tag import inspect, sound_tag, speech_tag, with_comment
from deepaudio.dubbing.read_aloud import read_aloud
from deepaudio.inference.voices import Voice
from deepaudio.media.mux import mux
from deepaudio.media.probe import probe
from tests.media.conftest import run

TAG = f"Synthetic speech: made with deepaudio {__version__} (preset). Consent: the voice: "


@pytest.fixture
def job(sound_clip, voice):
    return DubJob(sound_clip, text="Hello there.", cast=Cast(voice))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".flv", ".wmv"])
def test_the_tag_is_in_the_output_and_in_the_record(model, job, suffix):
    output = job.clip.with_name(f"out{suffix}")
    done = dub(model, replace(job, output=output, policy=Policy(consent=True)))
    tag = TAG + "stated on the command line."
    assert inspect(done.output)["tag"] == tag
    record = json.loads(Path(done.facts["record"]).read_text())
    assert record["provenance"] == {"tag": tag, "signed": False}
    assert not any("cannot carry the tag" in words for words in done.notices.warnings)


@pytest.mark.parametrize("suffix", [".ts"])
def test_a_container_without_a_place_for_it_is_said(model, job, suffix):
    done = dub(model, replace(job, output=job.clip.with_name(f"out{suffix}")))
    assert inspect(done.output)["tag"] is None
    assert any("cannot carry the tag: Synthetic speech" in w for w in done.notices.warnings)


def test_the_comment_of_the_clip_stays_and_an_earlier_tag_gives_way(model, job, tmp_path):
    info = probe(job.clip)
    commented = mux(
        info, torch.zeros(24_000), 24_000, tmp_path / "c.mp4", comment="My holiday"
    ).path
    first = dub(model, replace(job, clip=commented)).output
    assert probe(first).comment == f"My holiday | {TAG}not recorded."
    second = dub(model, replace(job, clip=first)).output
    assert probe(second).comment == f"My holiday | {TAG}not recorded."


def test_ogg_carries_it_on_its_streams(job, tmp_path):
    run("-i", job.clip, "-c:v", "libtheora", "-metadata", "comment=My holiday", tmp_path / "c.ogv")
    info = probe(tmp_path / "c.ogv")
    comment = with_comment(sound_tag("mini"), info.comment)
    made = mux(info, torch.zeros(24_000), 24_000, tmp_path / "out.ogv", comment=comment)
    assert made.losses == () and probe(made.path).comment == f"My holiday | {sound_tag('mini')}"
    assert inspect(made.path)["tag"] == sound_tag("mini")


def test_sound_files_carry_it_and_stay_as_long(model, job, voice, tmp_path):
    speak = SpeakJob(text="Hello there.", cast=Cast(voice), output=tmp_path / "s.wav")
    done = read_aloud(model, speak)
    assert inspect(done.output)["tag"] == TAG + "not recorded."
    assert soundfile.info(done.output).frames / 24_000 == pytest.approx(
        done.facts["duration"], abs=0.01
    )
    with wave.open(str(done.output)) as file:
        assert file.getnframes() == soundfile.info(done.output).frames
    raw = done.output.read_bytes()
    assert int.from_bytes(raw[4:8], "little") == len(raw) - 8


def test_stems_with_speech_carry_it_and_the_bed_does_not(model, job, tmp_path):
    dub(model, replace(job, extras=Extras(stems=tmp_path / "stems")))
    tags = {p.name: inspect(p)["tag"] for p in (tmp_path / "stems").rglob("*.wav")}
    assert tags.pop("bed.wav") is None
    assert len(tags) == 3 and all(tag.startswith("Synthetic speech") for tag in tags.values())


@pytest.mark.parametrize("name", ["f.mp4", "f.wav"])
def test_foley_is_synthetic_sound(model, silent_clip, tmp_path, name):
    done = foley(model, FoleyJob(silent_clip, output=tmp_path / name))
    assert inspect(done.output)["tag"].startswith("Synthetic sound: made with deepaudio")


def test_of_many_voices_the_tag_counts_those_with_consent():
    voices = {
        f"V{n}": Voice(None, Path("v.wav"), "", consent="yes" if n % 2 else None) for n in range(9)
    }
    assert speech_tag("mini", voices).endswith("Consent: recorded for 4 of 9 voices.")


def test_consent_of_each_voice_is_named():
    voices = {
        "MARA": Voice(None, Path("v.wav"), "", consent="letter 5"),
        "JON": Voice(None, Path("v.wav"), ""),
    }
    assert speech_tag("mini", voices).endswith("Consent: MARA: letter 5; JON: not recorded.")
    assert with_comment("T", None) == "T" and with_comment("T", " ") == "T"


def test_doctor_says_what_a_file_tells(command, model, job, capsys, tmp_path):
    done = dub(model, job)
    assert command("doctor", done.output) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"tag: {TAG}not recorded." and out[1].startswith("record: ")
    assert command("doctor", job.clip, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["tag"] is None and facts["record"] is None


@pytest.mark.parametrize("content", [b"", b"hello there, this is text"])
def test_doctor_of_what_is_no_media_file(command, capsys, tmp_path, content):
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    assert command("doctor", path) == 3
    assert command("doctor", tmp_path / "none.mp4") == 3
    assert capsys.readouterr().err.count("error: ") == 2
