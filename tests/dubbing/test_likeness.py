"""How alike a voice is to its reference: which lines are whose, the cosine, and nothing where there is no judge."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from deepaudio.dubbing import likeness as module
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import Cast, DubJob, Extras
from deepaudio.dubbing.likeness import likeness
from deepaudio.dubbing.record import record_path
from deepaudio.errors import InputError, WeightsError
from deepaudio.inference.voices import read_voice
from deepaudio.notices import Notices

RATE = 24_000


def spoken_by(value):
    """A reference of one value, as long as the judge wants."""
    return SimpleNamespace(
        reference=SimpleNamespace(waveform=torch.full((RATE,), value), sample_rate=RATE)
    )


def judge(waveform, rate):
    """An angle from the mean; speech of less than half a second has none."""
    if len(waveform) < rate / 2:
        raise InputError("audio.short", "too short")
    angle = waveform.double().mean()
    return torch.stack([angle.cos(), angle.sin()])


def result(*lines):
    """Speaker, mood, value and seconds of each line."""
    return SimpleNamespace(
        lines=[SimpleNamespace(speaker=speaker, mood=mood) for speaker, mood, *_ in lines],
        parts=[torch.full((round(s * RATE),), v) for _, _, v, s in lines],
        sample_rate=RATE,
    )


@pytest.fixture
def judged(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(module, "_judge", lambda: judge)


def test_every_voice_is_compared_with_its_own_lines(judged):
    voices = {
        "Mara": spoken_by(0.1),
        "Mara.angry": spoken_by(0.9),
        "TOM": spoken_by(0.3),
        "": spoken_by(0.5),
    }
    made = result(
        ("MARA", None, 0.2, 0.6), ("Mara", None, 0.6, 0.6), ("mara", "angry", 0.9, 1.0),
        (None, None, 0.5 + torch.pi / 3, 1.0), ("TOM", "sad", 0.3, 0.2),
    )  # fmt: skip
    found = likeness(made, voices, Notices())["likeness"]
    assert found["judge"] == "resemblyzer"
    assert found["voices"] == {
        "Mara": pytest.approx(torch.tensor(0.3).cos().item(), abs=6e-4),  # 0.4, the mean, and 0.1
        "Mara.angry": 1.0,
        "*": pytest.approx(0.5, abs=6e-4),
        "TOM": None,
    }


def test_a_line_without_a_name_is_of_the_only_voice(judged):
    found = likeness(result((None, None, 0.1, 1.0)), {"TOM": spoken_by(0.1)}, Notices())
    assert found["likeness"]["voices"] == {"TOM": 1.0}
    assert likeness(result(), {"TOM": spoken_by(0.1)}, Notices()) == {}


def test_without_the_judge_there_is_nothing(judged, monkeypatch):
    made, cast, notices = result((None, None, 0.1, 1.0)), {"": spoken_by(0.1)}, Notices()

    def broken():
        raise WeightsError("judge.broken", "its weights are damaged")

    monkeypatch.setattr(module, "_judge", broken)
    assert likeness(made, cast, notices) == {} and "damaged" in notices.notes[0]
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert likeness(made, cast, Notices()) == {}


def test_the_report_and_the_record_say_it(judged, model, silent_clip, voice, tmp_path):
    page = tmp_path / "r.html"
    job = DubJob(
        clip=silent_clip, text="Hello there.", cast=Cast(voice), extras=Extras(report=page)
    )
    done = dub(model, job)
    (alike,) = done.facts["likeness"]["voices"].values()
    assert 0 < alike <= 1
    record = json.loads(record_path(done.output).read_text())
    assert record["likeness"] == {"judge": "resemblyzer", "voices": {"*": alike}}
    assert f"the voice, {alike:.2f} alike" in page.read_text()
    plain = dub(model, replace(job, extras=Extras(), output=tmp_path / "plain.mp4"))
    assert "likeness" not in plain.facts, "it takes a moment, so only a report has it"


@pytest.mark.slow
def test_the_judge_itself_hears_a_recording_as_itself():
    pytest.importorskip("resemblyzer")
    one = read_voice(Path(__file__).resolve().parents[2] / "examples" / "voice.wav")
    samples, rate = one.reference.waveform, one.reference.sample_rate
    made = SimpleNamespace(
        lines=[SimpleNamespace(speaker=None, mood=None)], parts=[samples], sample_rate=rate
    )
    assert likeness(made, {"": one}, Notices())["likeness"]["voices"]["*"] == 1.0
