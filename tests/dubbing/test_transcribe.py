"""A script from the clip's own speech: words to lines with their times, in windows; and once with the recogniser itself."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepaudio import script
from deepaudio.dubbing import transcribe as transcribing
from deepaudio.dubbing.batch_manifest import read_batch
from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import Cast, DubJob, Extras, Part
from deepaudio.dubbing.transcribe import SAMPLE_RATE, WINDOW, sentences, transcribe
from deepaudio.errors import InputError, UsageError, WeightsError
from deepaudio.judges.whisper import Heard, Word
from deepaudio.media.audio import read_native
from deepaudio.media.mux import mux
from deepaudio.waves import LazyWave

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TINY = "whisper-tiny.en"


class Listener:
    """Hears one word in every loud stretch."""

    def __init__(self, language="en"):
        self.language, self.pieces = language, []

    def words(self, waveform, rate):
        self.pieces.append(waveform)
        hop = rate // 100
        frames = waveform[: len(waveform) // hop * hop].reshape(-1, hop)
        loud = (frames.square().mean(1) > 1e-3).float()
        edges = torch.diff(torch.nn.functional.pad(loud, (1, 1)))
        starts, ends = (edges == 1).nonzero()[:, 0], (edges == -1).nonzero()[:, 0]
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return Heard([Word(a / 100, b / 100, "word") for a, b in pairs], self.language)


@pytest.fixture
def listener(monkeypatch):
    made = Listener()
    monkeypatch.setattr(transcribing, "open_judge", lambda *a: made)
    return made


def bursts(*times, seconds, rate=SAMPLE_RATE):
    sound = torch.zeros(seconds * rate)
    for time in times:
        sound[round(time * rate) : round((time + 0.4) * rate)] = 0.5
    return LazyWave.of(sound, rate)


def words(*rows):
    return [Word(*row) for row in rows]


def test_lines_end_with_sentences_pauses_and_when_they_are_long():
    said = words(
        (0, 1, "Go"), (1, 1.5, "away."), (1.6, 2, "Now"), (3.5, 4, "or"), (4.1, 5, "never!")
    )
    assert [[w.text for w in group] for group in sentences(said)] == [
        ["Go", "away."],
        ["Now"],
        ["or", "never!"],
    ]
    long = [Word(n, n + 1, "on") for n in range(30)]
    assert max(g[-1].end - g[0].start for g in sentences(long)) <= transcribing.LONGEST


def test_a_long_sound_is_heard_in_windows_that_end_in_silence(listener):
    times = (1.0, 100.0, WINDOW - 0.2, WINDOW + 50.0)
    made = transcribe(bursts(*times, seconds=WINDOW + 60), WINDOW + 60, TINY)
    assert [line.start for line in made.lines] == pytest.approx(times, abs=0.01)
    assert len(listener.pieces) == 2, "no word is cut in two by the end of a window"
    assert [line.id for line in made.lines] == ["1", "2", "3", "4"]


def test_what_is_heard_behind_the_video_is_left_out(listener):
    made = transcribe(bursts(1.0, 5.0, seconds=8), 4.0, TINY)
    assert [line.start for line in made.lines] == [1.0]


def test_another_language_is_said(listener, model, sound_clip, voice):
    listener.language = "fr"
    job = DubJob(sound_clip, recogniser=TINY, cast=Cast(voice))
    done = dub(model, job)
    assert any(
        "speech is French: have --emit-script translated" in w for w in done.notices.warnings
    )


def test_the_emitted_script_is_read_again(listener, model, sound_clip, voice, tmp_path):
    path = tmp_path / "heard.json"
    job = DubJob(sound_clip, recogniser=TINY, cast=Cast(voice))
    done = dub(model, replace(job, extras=Extras(emit_script=path, dry_run=True)))
    assert any("the script is what whisper-tiny.en heard" in w for w in done.notices.warnings)
    fields = json.loads(path.read_text())["lines"][0]
    assert {"start", "end", "speaker", "text", "language"} <= set(fields) and fields[
        "language"
    ] == "eng"
    assert [line.text for line in script.read(path).lines] == [
        x["text"] for x in done.facts["lines"]
    ]


def test_silence_is_no_script(listener):
    with pytest.raises(InputError, match="hears no speech"):
        transcribe(bursts(seconds=3), 3.0, TINY)


def test_a_clip_without_audio(model, silent_clip, voice):
    with pytest.raises(UsageError, match="needs a clip with audio"):
        dub(model, DubJob(silent_clip, recogniser=TINY, cast=Cast(voice)))


@pytest.mark.parametrize("name", ["whisper-tiny", "dnsmos", "nowhere/model"])
def test_who_is_no_recogniser(name):
    with pytest.raises(UsageError, match=f"no recogniser '{name}'") as caught:
        transcribe(bursts(1.0, seconds=3), 3.0, name)
    assert TINY in caught.value.hint


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(WeightsError) as caught:
        transcribe(bursts(1.0, seconds=3), 3.0, TINY)
    assert "pip install faster-whisper" in caught.value.hint and "transcribe" in caught.value.hint


@pytest.mark.parametrize("more", [("--script", "x.srt"), ("--text", "Hi.")])
def test_a_script_and_a_transcription_contradict(command, sound_clip, voice, capsys, more):
    assert command("dub", sound_clip, "--transcribe", "--ref", voice, *more) == 2
    assert "or --transcribe" in capsys.readouterr().err


def test_rows_of_a_batch_need_no_script_then(tmp_path, sound_clip, voice):
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps({"clip": str(sound_clip)}) + "\n")
    base = DubJob(clip=None, cast=Cast(voice))
    (item,) = read_batch(path, base, tmp_path / "out")
    assert "either 'script' or 'text'" in item.error.message
    (item,) = read_batch(path, replace(base, recogniser=TINY), tmp_path / "out")
    assert item.error is None and item.job.recogniser == TINY


@pytest.mark.slow
def test_the_same_words_in_another_voice(model, tmp_path, voice):
    """The shipped recording under the shipped clip, heard by the recogniser of the test extra."""
    sound, rate = read_native(EXAMPLES / "voice.wav")
    clip = mux(EXAMPLES / "clip.mp4", sound, rate, tmp_path / "talk.mp4").path
    job = DubJob(clip, recogniser=TINY, cast=Cast(voice))
    done = dub(model, replace(job, extras=Extras(stems=tmp_path / "stems")))
    said = " ".join(line["text"] for line in done.facts["lines"]).lower()
    known = (
        (EXAMPLES / "voice.txt").read_text().lower() if (EXAMPLES / "voice.txt").is_file() else ""
    )
    for word in known.replace(".", "").replace(",", "").split()[:4]:
        assert word in said
    starts = [line["slot_start"] for line in done.facts["lines"]]
    assert starts == sorted(starts) and starts[-1] < sound.shape[1] / rate
    record = json.loads(Path(done.facts["record"]).read_text())
    assert record["text"]["format"] == "heard by whisper-tiny.en"
    part = dub(model, replace(job, part=Part(0, starts[0] + 0.5)))
    assert len(part.facts["lines"]) == 1
