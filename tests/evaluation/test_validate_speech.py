"""The row of a checkpoint: the loss is known where the network says nothing, the sounds go to the judges, rows are drawn."""

import dataclasses
import json
from collections import Counter

import pytest
import torch

from deepaudio import checkpoint
from deepaudio.audio.prior.content import DIM
from deepaudio.data import smoke
from deepaudio.data.manifest import Item, write_manifest
from deepaudio.data.validation import SENTENCES, validation_items
from deepaudio.evaluation import validate_speech
from deepaudio.media.audio import write_wav
from deepaudio.models.tts import dit

pytestmark = pytest.mark.slow

VOICES = [Item(id=f"v{n}", audio=f"v{n}.wav", speaker=f"s{n}") for n in range(8)]


def test_every_voice_says_three_sentences():
    items = validation_items(VOICES)
    assert Counter(i.speaker for i in items) == {f"s{n}": 3 for n in range(8)}
    assert len({i.text for i in items}) == len(items) == len(SENTENCES) == 24
    assert all(i.reference == f"v{i.speaker[1:]}.wav" for i in items)


@pytest.fixture
def network():
    config = dataclasses.replace(
        dit.Config.tiny(), content_dim=DIM + 100, energy=True, prior=True, zero_init=True
    )
    torch.manual_seed(0)
    return dit.Model(config).eval()


def test_flow_loss_is_that_of_the_same_pairs_and_noise_each_time(network):
    first = validate_speech.flow_loss(network, [smoke.NAME])
    assert first == validate_speech.flow_loss(network, [smoke.NAME])
    each = [value for name, value in first.items() if name != "flow"]
    assert len(each) == len(validate_speech.TIMES) and min(each) > 0
    assert first["flow"] == pytest.approx(sum(each) / len(each))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    assert validate_speech.flow_loss(network, [smoke.NAME])["flow"] != first["flow"]


class StandInSpeech:
    """Says every line in the voice of the reference, but for the last, which is another's; remembers the options."""

    sample_rate = 24_000

    def __init__(self):
        self.lines = []

    def speak(self, text, reference, *, options):
        self.lines.append(text)
        level = float(reference.waveform.abs().max())
        return torch.full((2400,), level if len(self.lines) < 24 else 0.8 - level)


def test_what_is_said_is_judged(tmp_path, monkeypatch):
    voices = []
    for number, level in enumerate((0.3, 0.5)):
        path = write_wav(tmp_path / f"{number}.wav", torch.full((4800,), level), 16_000)
        voices.append(Item(id=str(number), audio=str(path), speaker=str(number)))
    said = iter(SENTENCES[:-1])

    def judge(name):
        if name == "whisper-base":
            return lambda sound, rate: next(said, "nothing of it")
        if name == "resemblyzer":
            angle = lambda sound: sound.max() * torch.pi  # noqa: E731
            return lambda sound, rate: torch.stack([angle(sound).cos(), angle(sound).sin()])
        return lambda sound, rate: {"overall": 3.0}

    monkeypatch.setattr(validate_speech, "open_judge", judge)
    row = validate_speech.heard(StandInSpeech(), voices, None, tmp_path / "sounds")
    words = sum(len(text.split()) for text in SENTENCES)
    assert row["wer"] == pytest.approx(len(SENTENCES[-1].split()) / words, abs=0.01)
    assert row["nearest"] == 23 / 24 and row["mos"] == 3.0
    turned = torch.cos(torch.tensor(0.2 * torch.pi)).item()
    assert row["similarity"] == pytest.approx((23 + turned) / 24, abs=1e-3)
    assert len(list((tmp_path / "sounds").iterdir())) == 24


def test_a_call_adds_a_row_and_rows_are_drawn(tmp_path, monkeypatch, network):
    checkpoint.save(tmp_path / "model", network.state_dict(), dataclasses.asdict(network.config))
    write_manifest(tmp_path / "voices.jsonl", VOICES)
    asked = []
    monkeypatch.setattr(
        validate_speech,
        "heard",
        lambda tts, voices, options, sounds: asked.append(options) or {"wer": 0.1},
    )
    names = [str(tmp_path / name) for name in ("model", "voices.jsonl", "rows.jsonl")]
    for step in (10, 20):
        (tmp_path / "progress.json").write_text(json.dumps({"step": step, "hours": step / 10}))
        more = ["--steps", "3", "--noise-scale", "0.5", "--shards", smoke.NAME]
        assert validate_speech.main([*names, *more]) == 0
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [(r["step"], r["hours"], r["steps"], r["wer"]) for r in rows] == [
        (10, 1.0, 3, 0.1),
        (20, 2.0, 3, 0.1),
    ]
    assert rows[0]["flow"] == rows[1]["flow"] and asked[0].steps == 3
    assert rows[0]["noise_scale"] == asked[0].noise_scale == 0.5
    assert validate_speech.main(["--plot", names[2], str(tmp_path / "curves.svg")]) == 0
    assert (tmp_path / "curves.svg").read_text().count("core-hours") >= 5
    assert validate_speech.main([str(tmp_path / "nothing"), *names[1:]]) != 0
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2
