"""Speech shards from recordings: alignment finds known phone times, and a manifest becomes a shard."""

import numpy as np
import pytest
import torch
import torchaudio.functional as AF

from deepaudio.data.manifest import Item, write_manifest
from deepaudio.data.shards import read_shard
from deepaudio.data.speech import SpeechData, SpeechShards
from deepaudio.encoders.content import ContentEncoder
from deepaudio.media.audio import write_wav
from deepaudio.prepare.align import ARPABET, Aligner
from deepaudio.prepare.speech import by_word_times

pytestmark = pytest.mark.slow
RATE = 24_000
LINE = "A long road leads over the hills to the old harbour town."


@pytest.fixture(scope="module")
def recording():
    """(utterance, waveform) of the base synthesiser, whose phone times are known."""
    from hibari import dsp

    utterance = ContentEncoder().encode(LINE)
    sound = dsp.synth(*utterance.spectra, np.random.default_rng(0))
    return utterance, torch.from_numpy(sound).float()


def at_16k(waveform):
    return AF.resample(waveform, RATE, 16_000).numpy()


def test_known_phone_times_are_found(recording):
    utterance, waveform = recording
    late = torch.cat([torch.zeros(RATE // 2), waveform])
    anchors, score = Aligner().align(utterance, at_16k(late))
    known = [p for p in utterance.phones if p.word >= 0 and p.symbol[0] in ARPABET]
    assert len(anchors.real) == len(anchors.base) == len(known)
    assert anchors.base[:, 0].tolist() == [p.start for p in known]
    off = np.abs(anchors.real - 0.5 - anchors.base)
    assert np.median(off) < 0.03 and off.max() < 0.15
    assert (np.diff(anchors.real.ravel()) >= -1e-6).all() and score > -60


def test_another_text_does_not_fit(recording):
    utterance, waveform = recording
    aligner, sound = Aligner(), at_16k(waveform)
    _, right = aligner.align(utterance, sound)
    for text in (
        "My uncle bought nine pears.",
        "The quick brown fox jumps over a lazy dog in town.",
    ):
        found = aligner.align(ContentEncoder().encode(text), sound)
        assert found is None or found[1] < 2 * right, text
    assert aligner.align(utterance, sound)[1] == pytest.approx(right), (
        "nothing is kept of the others"
    )


def test_word_times_are_kept_and_other_words_are_refused(recording, tmp_path):
    _, waveform = recording
    write_wav(tmp_path / "a.wav", waveform, RATE)
    words = [[0.2, 0.5, "bin"], [0.5, 0.9, "blue"], [1.2, 1.5, "now"]]
    item = Item(id="a", text="x", audio=str(tmp_path / "a.wav"), extra={"words": words})
    spoken = by_word_times(item, waveform, ContentEncoder())
    assert spoken.text == "bin blue now." and spoken.speaker == "a"
    assert spoken.anchors.real[0, 0] == 0.2 and spoken.anchors.real[-1, 1] == pytest.approx(1.5)
    assert any(start == pytest.approx(1.2) for start in spoken.anchors.real[:, 0])
    words[0][2] = "two words"
    assert by_word_times(item, waveform, ContentEncoder()) is None


def test_a_manifest_becomes_a_shard_and_what_does_not_fit_is_named(
    recording, tmp_path, command, capsys
):
    _, waveform = recording
    write_wav(tmp_path / "a.wav", waveform, RATE)
    texts = {"right": LINE, "wrong": "The quick brown fox jumps over a lazy dog.", "mute": None}
    items = [Item(id=k, text=t, audio="a.wav", speaker="x") for k, t in texts.items()]
    write_manifest(tmp_path / "m.jsonl", items)
    made = ("prepare", "speech", tmp_path / "m.jsonl", tmp_path / "s")
    assert command(*made, "--factor", 1, "--factor", 0.9) == 0
    said = capsys.readouterr().err
    assert "left out wrong: text and sound disagree" in said and "left out mute: no text" in said
    rows, tensors = read_shard(tmp_path / "s", "speech shard")
    assert [row["key"] for row in rows] == ["right", "right@0.90"]
    assert rows[1]["speaker"] == "x@0.90" and rows[0]["text"] == LINE
    for row, seconds in zip(rows, (len(waveform) / RATE, len(waveform) / RATE / 0.9), strict=True):
        assert row["frames"] == pytest.approx(seconds * 93.75, abs=2)
        shapes = {"mel": (100,), "prior": (100,), "content": (92,), "energy": (), "pitch": ()}
        for name, rest in shapes.items():
            value = tensors[f"{row['key']}.{name}"]
            assert value.shape == (row["frames"], *rest) and torch.isfinite(value).all(), name
    mel, drawn = (tensors[f"right.{name}"].float() for name in ("mel", "prior"))
    loud = tensors["right.energy"].float() > 0.2
    rows_apart = [(mel - d)[loud].abs().mean() for d in (drawn, drawn.roll(25, 0))]
    assert rows_apart[0] < 0.7 * rows_apart[1], "the prior lies on the recording"
    shard = SpeechShards(SpeechData((str(tmp_path / "s"),), batch_items=1))
    assert len(shard.sources[0]) == 2
