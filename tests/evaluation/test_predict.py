"""Predictions of a preset: one file an item, variants of Table 2, failures named, nothing made twice."""

import json

import pytest
import soundfile

from deepaudio.data.manifest import Item
from deepaudio.errors import UsageError
from deepaudio.evaluation.predict import predict


@pytest.fixture
def items(silent_clip, voice, tmp_path):
    missing = tmp_path / "gone.wav"
    one = {"text": "Note: we leave now.", "video": str(silent_clip), "reference": str(voice)}
    return [
        Item(id="a", **one),
        Item(id="b", **(one | {"reference": str(missing)})),
        Item(id="c", **(one | {"text": None})),
    ]


def test_every_variant_is_as_long_as_the_clip_and_only_the_whole_follows_the_picture(
    model, items, tmp_path
):
    seconds, energies, texts = {}, {}, set()
    for variant in ("whole", "no-energy", "v2a-alone"):
        model.tts.calls.clear()
        system = predict(model, items[:1], "v2s", tmp_path / variant, variant)
        seconds[variant] = soundfile.info(system.output(items[0])).duration
        texts |= {call[0] for call in model.tts.calls}
        energies[variant] = [call[3].energy is not None for call in model.tts.calls]
    assert seconds == dict.fromkeys(seconds, 4.0)
    assert energies == {"whole": [True], "no-energy": [False], "v2a-alone": []}
    assert texts == {"Note: we leave now."}
    with pytest.raises(UsageError, match="no variant 'no-energy'"):
        predict(model, items, "tts", tmp_path / "x", "no-energy")


def test_failures_are_named_and_leave_no_file(model, items, tmp_path):
    system = predict(model, items, "v2s", tmp_path / "out")
    assert [system.output(item) is None for item in items] == [False, True, True]
    assert "gone.wav" in system.reason(items[1]) and "no text" in system.reason(items[2])


def test_what_is_made_is_kept_until_its_item_changes(model, items, tmp_path):
    from dataclasses import replace

    predict(model, items[:1], "tts", tmp_path / "out")
    predict(model, items[:1], "tts", tmp_path / "out")
    assert len(model.tts.calls) == 1
    predict(model, [replace(items[0], text="We stay.")], "tts", tmp_path / "out")
    assert [call[0] for call in model.tts.calls] == ["Note: we leave now.", "We stay."]
    for number, damaged in enumerate((b"\xff", b"[]", b"[" * 100_000), 3):
        (tmp_path / "out" / "made.json").write_bytes(damaged)
        predict(model, items[:1], "tts", tmp_path / "out")
        assert len(model.tts.calls) == number


def test_the_gate_writes_its_directions(model, tmp_path):
    items = [
        Item(id="1", instruction="dub him", label="v2s"),
        Item(id="2", instruction="read this", label="tts"),
        Item(id="3", label="tts"),
    ]
    system = predict(model, items, "mof", tmp_path / "gate")
    rows = [
        json.loads(line) for line in (tmp_path / "gate/directions.jsonl").read_text().splitlines()
    ]
    assert [row["direction"] for row in rows] == ["v2s", "tts"]
    assert system.direction(items[1]) == "tts" and system.direction(items[2]) is None
    assert "no instruction" in system.reason(items[2])


def test_the_picture_alone_does_not_ask_for_another_voice(model, items, tmp_path):
    from dataclasses import replace

    out = tmp_path / "alone"
    path = predict(model, items[:1], "v2s", out, "v2a-alone").output(items[0])
    made = path.stat().st_mtime_ns
    predict(
        model, [replace(items[0], reference="other.wav", text="We stay.")], "v2s", out, "v2a-alone"
    )
    assert path.stat().st_mtime_ns == made
