"""Voices of a cast in a dub: pace, gain, moods, several recordings, consent; what the record says of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepaudio.dubbing.batch import fingerprint
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import BatchJob, Cast, DubJob, Extras, Policy, SpeakJob
from deepaudio.dubbing.read_aloud import read_aloud
from deepaudio.errors import InputError, PolicyError, UsageError
from deepaudio.inference.voices import HEARD, read_voice, read_voices
from deepaudio.media.audio import read_native, write_wav

TEXT = "MARA (angry): Go away now.\nMARA: I am sorry.\nMARA (sad): So sorry.\nJON: No."


@pytest.fixture
def cast(voice):
    """A file of two voices, one of them with a mood, and the recordings."""
    for name in ("mara", "angry", "jon", "jon2"):
        sound, rate = read_native(voice)
        write_wav(voice.with_name(f"{name}.wav"), sound * {"angry": 0.9}.get(name, 1), rate)
    path = voice.with_name("voices.toml")
    path.write_text(
        '[MARA]\nfile = "mara.wav"\nspeed = 0.8\nconsent = "signed, 2026-03-01"\n'
        '[MARA.angry]\nfile = "angry.wav"\nspeed = 1.2\ngain = 6\n'
        '[JON]\nfile = ["jon.wav", "jon2.wav"]\n'
    )
    return Cast(file=path)


@pytest.fixture
def job(silent_clip, cast):
    return DubJob(silent_clip, text=TEXT, cast=cast, extras=Extras(cache=False))


def test_moods_take_their_own_recording_and_what_is_missing_is_said(model, job):
    done = dub(model, job)
    references = [call[1] for call in model.tts.calls]
    angry = read_voice(job.cast.file.with_name("angry.wav")).reference.waveform
    assert torch.equal(references[0].waveform, angry)
    assert references[1] is references[2] and not torch.equal(references[1].waveform, angry)
    assert [line["mood"] for line in done.facts["lines"]] == ["angry", None, "sad", None]
    (words,) = [w for w in done.notices.warnings if "no voice for" in w]
    assert words == "MARA has no voice for 'sad' (angry): the plain one is taken"


@pytest.mark.parametrize("mood", ["V.O.", "O.S.", "cont'd"])
def test_marks_of_screenplays_are_no_moods(model, job, mood):
    done = dub(model, replace(job, text=f"MARA ({mood}): Go away now."))
    assert not any("no voice for" in w for w in done.notices.warnings)
    assert model.tts.calls[0][0] == "Go away now."


def test_pace_and_gain_of_a_voice(model, job, tmp_path):
    text = "[0:00.2-0:01.8] MARA (angry): Go.\n[0:02-0:03.8] MARA: Go."
    extras = Extras(stems=tmp_path / "stems", cache=False)
    done = dub(model, replace(job, text=text, extras=extras))
    angry, calm = done.facts["lines"]
    assert angry["end"] - angry["start"] < calm["end"] - calm["start"]
    first, second = (
        read_native(path)[0].abs().max() for path in sorted((tmp_path / "stems/lines").iterdir())
    )
    assert float(first / second) == pytest.approx(10 ** (6 / 20), rel=0.02)


def test_several_recordings_are_one_voice(model, job, voice):
    dub(model, job)
    joined = model.tts.calls[-1][1]
    assert 5.9 < len(joined.waveform) / joined.sample_rate < 6.5, "two times three seconds"
    three = read_voices([voice] * 3, ["One two three."] * 3)
    assert three.reference.text == "One two three. One two three. One two three."
    assert len(three.others) == 2


def test_long_recordings_have_equal_shares(voice):
    sound, rate = read_native(voice)
    long = write_wav(voice.with_name("long.wav"), sound.repeat(1, 4), rate)
    made = read_voices([long] * 4, [None] * 4).reference
    assert HEARD / 2 < len(made.waveform) / rate <= HEARD + 1


def test_a_transcript_that_is_known_in_part_is_not_used_and_that_is_said(voice):
    made = read_voices([voice, voice], ["One two three.", None])
    assert made.reference.text is None
    assert any("not all recordings have a transcript" in w for w in made.notices.warnings)


def test_the_record_tells_of_every_voice(model, job):
    record = json.loads(Path(dub(model, job).facts["record"]).read_text())
    voices = record["voices"]
    assert set(voices) == {"MARA", "MARA.angry", "JON"}
    assert voices["MARA.angry"]["consent"] == "signed, 2026-03-01"
    assert voices["JON"]["others"][0].endswith("jon2.wav") and voices["JON"]["consent"] is None
    assert (voices["MARA"]["speed"], voices["MARA.angry"]["gain"]) == (0.8, 6.0)


def test_consent_may_be_in_the_file(model, job, cast):
    policy = Policy(require_consent=True)
    with pytest.raises(PolicyError, match=r"jon\.wav") as caught:
        dub(model, replace(job, policy=policy))
    assert "voices.toml" in caught.value.hint
    for name in ("jon.wav.consent", "jon2.wav.consent"):
        cast.file.with_name(name).write_text("by letter of May 2\nmore")
    record = dub(model, replace(job, policy=policy)).facts["record"]
    assert json.loads(Path(record).read_text())["voices"]["JON"]["consent"] == "by letter of May 2"


def test_a_folder_is_a_cast(model, job, tmp_path, voice):
    folder = tmp_path / "cast"
    folder.mkdir()
    for name in ("MARA.wav", "JON.wav", "MARA.angry.wav"):
        (folder / name).write_bytes(voice.read_bytes())
    done = dub(model, replace(job, cast=Cast(file=folder)))
    assert len(done.facts["lines"]) == 4


def test_a_changed_recording_of_the_cast_is_another_job(job, cast, tmp_path):
    (tmp_path / "preset").mkdir()
    batch = BatchJob(tmp_path / "m.jsonl", tmp_path, preset=str(tmp_path / "preset"))
    before = fingerprint(job, batch)
    assert fingerprint(job, batch) == before
    write_wav(cast.file.with_name("jon2.wav"), torch.ones(24_000), 24_000)
    assert fingerprint(job, batch) != before


def test_an_unknown_speaker_is_told_the_voices_without_their_moods(model, job):
    with pytest.raises(InputError) as caught:
        dub(model, replace(job, text="MARRA (angry): Go."))
    assert "known voices: JON, MARA" in caught.value.hint


def test_the_output_is_no_recording_of_the_cast(model, job):
    with pytest.raises(UsageError, match="used already"):
        dub(model, replace(job, output=job.cast.file.with_name("jon2.wav")))


def test_text_is_read_aloud_in_moods(model, cast, tmp_path):
    job = SpeakJob(text="MARA (angry): Go.\nMARA: Stay.", cast=cast, output=tmp_path / "s.wav")
    read_aloud(model, job)
    first, second = (call[1] for call in model.tts.calls)
    assert first is not second
