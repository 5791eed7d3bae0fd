"""Shards for infilling: written, drawn from, trained on by tiny networks, and named where they are wrong."""

import io
import json
import tarfile
import tracemalloc

import numpy as np
import pytest
import torch
import webdataset
from safetensors.torch import load_file, save_file

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.mel import n_frames
from deepaudio.audio.prosody import prosody
from deepaudio.data import infill, offsets, smoke
from deepaudio.data.infill import NO_TEXT, InfillData, InfillShards
from deepaudio.data.manifest import Item, read_manifest, write_manifest
from deepaudio.data.shards import read_shard, rows_of, shared_in, write_shard
from deepaudio.data.webdataset import tensors_of_tar
from deepaudio.errors import InputError
from deepaudio.media.audio import write_wav
from deepaudio.training.fit import fit
from deepaudio.training.recipe import parse
from deepaudio.training.stages import tts, v2s
from tests.stand_ins import learns


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(data):
    """The first batch of a shard's first epoch."""
    shards = InfillShards(data)
    return shards.batch(shards.epoch(0, 0)[0], rng())


def test_infill_batches_keep_their_budget_and_hide_a_span():
    shards = InfillShards(InfillData(("synthetic",), batch_frames=1100, span_min=0.7, span_max=0.9))
    counts = set()
    for seed, rows in enumerate([rows for number in range(4) for rows in shards.epoch(0, number)]):
        mel, text, energy, mask, target, *_ = shards.batch(rows, rng(seed))
        b, n, _ = mel.shape
        counts.add(b)
        assert b * n <= 1100 and mask.any(0).all()
        assert not (target & ~mask).any()
        share = target.sum(1) / mask.sum(1)
        assert ((share > 0.68) & (share <= 0.9)).all()
        assert (target[:, 1:] != target[:, :-1]).sum(1).max() <= 2, "one span"
        assert energy.shape == (b, n) and text.shape[0] == b and text.min() >= NO_TEXT
        assert not mel.masked_select(~mask[..., None]).any()
    assert max(counts) == 3
    single = InfillShards(InfillData(("synthetic",), batch_frames=1100, batch_items=1))
    assert {len(rows) for rows in single.epoch(0, 0)} == {1}


def test_an_epoch_has_every_utterance_once_whatever_its_length():
    """Drawing a place and then its neighbours took utterances of 3 to 5 s 3.9 times as often as those of 20 to 30 s."""
    shards = InfillShards(InfillData(("synthetic",)))
    seconds = torch.distributions.LogNormal(1.8, 0.6).sample((3000,)).clamp(0.3, 30)
    rows = [(int(s * FRAME_RATE), 0, i) for i, s in enumerate(seconds.tolist())]
    shards.rows = np.array(rows, dtype=np.int32)
    frames = shards.rows[:, 0]
    first, second = (shards.epoch(7, number) for number in (0, 1))
    for batches in (first, second):
        assert sorted(place for places in batches for place in places) == list(range(3000))
        sizes = [(len(places), max(frames[places])) for places in batches]
        assert all(count <= 64 and count * longest <= 38_400 for count, longest in sizes)
        filled = frames.sum() / sum(c * n for c, n in sizes)
        assert filled > 0.9, "little padding"
    assert list(shards.epoch(7, 0)) == list(first)
    together, again = ([set(places) for places in batches] for batches in (first, second))
    assert not any(batch in again for batch in together if len(batch) > 5), "other neighbours"
    longest = [max(frames[places]) for places in first]
    assert longest != sorted(longest), "in a random order"


@pytest.mark.slow
def test_a_resumed_run_goes_on_within_its_epoch(tmp_path):
    """The same utterances, the same numbers at the end; a save without a place begins an epoch."""
    sizes = {"dim": 64, "depth": 1, "heads": 2, "dim_head": 32, "text_dim": 32, "conv_layers": 1}

    def run(folder, steps):
        content = {
            "stage": "tts", "output": str(tmp_path / folder), "model": {**sizes, "vocab_size": 16}, "steps": steps, "seed": 3,
            "data": {"infill": True, "shards": ["synthetic"], "batch_items": 2}, "objective": {"time": "uniform"},
            "optim": {"schedule": "constant", "warmup": 0}, "device": "cpu",
        }  # fmt: skip
        plan = parse(content, "test")
        stage, seen = tts.build(plan), []
        loss = stage.loss  # of batches that are used, not of those that are made ahead
        stage.loss = lambda batch, chance: (
            seen.append(batch.mask.sum(1).tolist()) or loss(batch, chance)
        )
        fit(stage, plan)
        return seen, load_file(tmp_path / folder / "last" / "model.safetensors")

    whole, weights = run("whole", 7)
    first, _ = run("parts", 4)
    rest, parts = run("parts", 7)
    assert first + rest == whole and all(torch.equal(parts[k], v) for k, v in weights.items())
    place = tmp_path / "parts" / "last" / "state.pt"
    state = torch.load(place, weights_only=True)
    torch.save({k: v for k, v in state.items() if k != "stage"}, place)
    assert run("parts", 8)[0] == whole[:1]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["tts", "v2s"])
def test_infilling_learns(stage, tmp_path):
    sizes = {
        "dim": 64,
        "depth": 1,
        "heads": 2,
        "dim_head": 32,
        "text_dim": 32,
        "conv_layers": 1,
        "vocab_size": 16,
        "energy": stage == "v2s",
    }
    content = {
        "stage": stage, "output": str(tmp_path), "model": sizes, "steps": 1,
        "data": {"infill": True, "shards": ["synthetic"], "batch_frames": 700}, "objective": {"time": "uniform"},
    }  # fmt: skip
    made = {"tts": tts, "v2s": v2s}[stage].build(parse(content, "test"))
    if stage == "v2s":
        assert (
            made.objective.drop_audio,
            made.objective.drop_text,
            made.objective.drop_energy,
        ) == (0.25, 0.25, 0.25)
    before, after = learns(made)
    assert after < 0.9 * before
    if stage == "v2s":
        assert made.model.input_embed.proj_energy.weight.abs().sum() > 0, (
            "starts at zero and learns"
        )


@pytest.fixture
def written(tmp_path):
    """A shard of three utterances, and its tensors."""
    tensors, rows = {}, []
    for number, n in enumerate((40, 30, 50)):
        key = f"k{2 - number}"
        tensors |= {
            f"{key}.mel": torch.randn(n, 3, generator=rng(number)).half(),
            f"{key}.energy": torch.rand(n, generator=rng(number)).half(),
            f"{key}.text": torch.arange(number + 1).int(),
        }
        rows.append({"key": key, "frames": n, "text": ""})
    write_shard(tmp_path / "one", rows, tensors)
    return tmp_path / "one", tensors


def test_utterances_are_read_by_their_place_in_the_file(written, monkeypatch):
    """In the order of length, whatever that of the keys; the second time from the table, without the list of rows."""
    path, tensors = written
    for _ in range(2):
        shards = InfillShards(InfillData((str(path),), span_min=1.0))
        assert shards.rows[:, 0].tolist() == [30, 40, 50]
        batch = shards.batch([2, 0, 1], rng())
        for place, key in enumerate(("k0", "k1", "k2")):
            n = len(tensors[f"{key}.mel"])
            assert torch.equal(batch.mel[place, :n], tensors[f"{key}.mel"].float())
            assert torch.equal(batch.energy[place, :n], tensors[f"{key}.energy"].float())
            text = tensors[f"{key}.text"]
            assert batch.text[place, : len(text)].tolist() == text.tolist()
        monkeypatch.setattr(offsets, "rows_of", lambda shard: 1 / 0)


def test_a_webdataset_tar_holds_the_same(written, tmp_path):
    """Read by its places like the other form, and by the webdataset library, keys with dots and shared tensors too."""
    path, tensors = written
    rows = rows_of(path)
    values = {k.replace("k0", "k.0/x"): v for k, v in tensors.items()}
    rows = [row | {"key": row["key"].replace("k0", "k.0/x")} for row in rows]
    shared = torch.arange(6.0).view(2, 3)
    write_shard(tmp_path / "tar", rows, values | {"empty_prompt": shared}, "webdataset")
    assert [p.name for p in tmp_path.glob("tar*")] == ["tar.tar"]
    assert torch.equal(shared_in(tmp_path / "tar", "empty_prompt"), shared)
    assert shared_in(path, "empty_prompt") is None
    again, found = read_shard(tmp_path / "tar", "shard")
    assert again == rows and all(torch.equal(found[name], values[name]) for name in values)
    one, two = (InfillShards(InfillData((str(p),))) for p in (path, tmp_path / "tar"))
    for a, b in zip(one.batch([0, 1, 2], rng()), two.batch([0, 1, 2], rng()), strict=True):
        assert torch.equal(a, b)
    items = list(webdataset.WebDataset(str(tmp_path / "tar.tar"), shardshuffle=False).decode())
    known = {item["json"]["key"]: item["mel.npy"] for item in items if "json" in item}
    assert known.keys() == {row["key"] for row in rows}
    assert all(np.array_equal(mel, values[f"{key}.mel"].numpy()) for key, mel in known.items())


def test_a_damaged_tar_is_named(written, tmp_path):
    path, tensors = written
    write_shard(path, rows_of(path), tensors, "webdataset")
    tar = tmp_path / "one.tar"
    assert not (tmp_path / "one.safetensors").exists(), "one form at a time"
    tar.write_bytes(tar.read_bytes()[:900] + b"x" * 600)
    with pytest.raises(InputError, match=r"one\.tar is damaged"):
        InfillShards(InfillData((str(path),)))


@pytest.mark.parametrize("made", ["objects", "larger"])
def test_an_array_in_a_tar_that_is_hostile_is_named(made, tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}] if made == "objects" else [1.0]), allow_pickle=True)
    content = stream.getvalue().replace(b"(1,), }", b"(9,), }" if made == "larger" else b"(1,), }")
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        member = tarfile.TarInfo("a.mel.npy")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    with pytest.raises(InputError, match=r"s.tar is damaged: a.mel.npy") as caught:
        tensors_of_tar(tmp_path / "s.tar")
    assert caught.value.code == "data.damaged"


def test_the_table_of_a_shard_is_made_anew_when_it_is_old_or_broken(written):
    path, _ = written
    table = path.with_name("one.index.npy")
    InfillShards(InfillData((str(path),)))
    table.write_bytes(b"broken")
    assert len(InfillShards(InfillData((str(path),))).rows) == 3
    rows = [{"key": "x", "frames": 35, "text": ""}]
    values = {
        "x.mel": torch.zeros(35, 3),
        "x.energy": torch.zeros(35),
        "x.text": torch.zeros(1).int(),
    }
    write_shard(path, rows, values)
    shards = InfillShards(InfillData((str(path),)))
    assert shards.rows.tolist() == [[35, 0, 0]] and not shards.batch([0], rng()).mel.any()
    path.with_name("one.safetensors").write_bytes(b"half")
    with pytest.raises(InputError, match=r"one\.safetensors is damaged"):
        InfillShards(InfillData((str(path),)))


@pytest.mark.slow
def test_an_utterance_costs_a_process_a_few_bytes(written, monkeypatch):
    """A table of a million rows is not read into memory; what is kept is its lengths and places."""
    path, _ = written
    big = np.zeros(1_000_000, offsets.row_of(("mel", "energy", "text")))
    big["frames"] = np.random.default_rng(0).integers(200, 1500, len(big))
    monkeypatch.setattr(infill, "table_of", lambda shard: big)
    tracemalloc.start()
    shards = InfillShards(InfillData((str(path),), batch_frames=38_400))
    epoch = shards.epoch(0, 0)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 40 * len(big) and most < 160 * len(big)
    assert sum(map(len, epoch)) == len(big)


def vocabulary_in(folder):
    """A vocabulary of the official size that begins with the letters of the tests."""
    words = [" ", "a", "b", *(f"<{i}>" for i in range(2542))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    return folder / "vocab.txt"


def test_a_manifest_becomes_a_shard(tmp_path, command, capsys):
    tone = 0.3 * torch.sin(torch.arange(24_000) / 20)
    write_wav(tmp_path / "one.wav", tone, 24_000)
    rows = [{"id": "one", "text": "a b", "audio": "one.wav"}]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = ("--vocabulary", vocabulary_in(tmp_path))
    arguments = ("prepare", "infill", tmp_path / "items.jsonl", tmp_path / "out", *words)
    assert command(*arguments) == 0
    data = InfillData((str(tmp_path / "out"),))
    mel, text, energy, mask, *_ = drawn(data)
    n = n_frames(24_000)
    assert mel.shape == (1, n, 100) and mask.all() and "1 entries in" in capsys.readouterr().err
    assert text.tolist()[0] == [1, 0, 2]
    assert float(energy.max()) == pytest.approx(1.0, abs=1e-3)
    contour = torch.linspace(0, 1, 50)  # shorter than the sound: padded
    save_file({"one": contour}, tmp_path / "contours.safetensors")
    given = ("--energies", tmp_path / "contours.safetensors")
    assert command(*arguments, *given) == 0 and "is whole already" in capsys.readouterr().err
    assert command(*arguments, *given, "--force") == 0
    energy = drawn(data).energy[0]
    torch.testing.assert_close(energy[:50], contour, atol=1e-3, rtol=1e-3)
    assert not energy[50:].any()
    save_file({"two": contour}, tmp_path / "contours.safetensors")
    assert command(*arguments, *given, "--force") == InputError.exit_code
    assert "one: no contour" in capsys.readouterr().err
    assert command(*arguments, "--energies", tmp_path / "none.safetensors", "--force") == 3
    assert "no contours at" in capsys.readouterr().err
    (tmp_path / "items.jsonl").write_text(json.dumps({"id": "one", "audio": "one.wav"}))
    assert command(*arguments, "--force") == InputError.exit_code
    assert "one: an utterance needs text and audio" in capsys.readouterr().err
    assert len(drawn(data).mel) == 1, "the earlier shard is still there"


def test_a_shard_keeps_emotion_and_prosody(tmp_path, command):
    voice = smoke.voices()[0]
    write_wav(tmp_path / "one.wav", torch.from_numpy(voice.waveform), 24_000)
    row = {"id": "one", "text": "a b", "audio": "one.wav", "emotion": "calm"}
    (tmp_path / "items.jsonl").write_text(json.dumps(row))
    words = ("--vocabulary", vocabulary_in(tmp_path))
    arguments = ("prepare", "infill", tmp_path / "items.jsonl", tmp_path / "out", *words)
    assert command(*arguments, "--prosody") == 0
    shards = InfillShards(InfillData((str(tmp_path / "out"),)), ("angry", "calm"), prosody=True)
    batch = shards.batch(shards.epoch(0, 0)[0], torch.Generator())
    assert batch.emotion.tolist() == [2]
    known = prosody(torch.from_numpy(voice.pitch), 2)
    torch.testing.assert_close(batch.prosody[0], known, atol=0.3, rtol=0)
    plain = drawn(InfillData((str(tmp_path / "out"),)))
    assert plain.emotion.tolist() == [0] and not plain.prosody.any()


@pytest.mark.slow
def test_several_processes_write_shards_of_their_own_and_go_on(tmp_path, command, capsys):
    tone = 0.3 * torch.sin(torch.arange(12_000) / 20)
    write_wav(tmp_path / "one.wav", tone, 24_000)
    rows = [{"id": str(n), "text": "a b", "audio": "one.wav"} for n in range(5)]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = ("--vocabulary", vocabulary_in(tmp_path), "--jobs", 2, "--json")
    arguments = ("prepare", "infill", tmp_path / "items.jsonl", tmp_path / "out", *words)
    assert command(*arguments) == 0
    made = json.loads(capsys.readouterr().out)["shards"]
    assert made == {f"{tmp_path}/out-0": 3, f"{tmp_path}/out-1": 2}
    (tmp_path / "out-1.json").unlink()  # broken off before its rows were written
    assert command(*arguments) == 0
    again = json.loads(capsys.readouterr().out)["shards"]
    assert again == {f"{tmp_path}/out-0": None, f"{tmp_path}/out-1": 2}
    assert [row["key"] for row in rows_of(tmp_path / "out-0")] == ["0", "2", "4"]


def test_a_bad_recording_is_named_and_left_out_and_parts_are_made_apart(tmp_path, command, capsys):
    """What machines make of `--shard 1/2` and `--shard 2/2` is together what one makes, in either form."""
    tone = 0.3 * torch.sin(torch.arange(12_000) / 20)
    write_wav(tmp_path / "one.wav", tone, 24_000)
    (tmp_path / "bad.wav").write_bytes(b"RIFF and no more")
    sounds = ["one.wav", "bad.wav", "one.wav", "none.wav", "one.wav"]
    rows = [{"id": str(n), "text": "a b", "audio": sound} for n, sound in enumerate(sounds)]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = ("--vocabulary", vocabulary_in(tmp_path))
    arguments = ("prepare", "infill", tmp_path / "items.jsonl", tmp_path / "out", *words)
    assert command(*arguments) == 0
    said = capsys.readouterr().err
    assert "left out 1: " in said and "left out 3: " in said
    assert [row["key"] for row in rows_of(tmp_path / "out")] == ["0", "2", "4"]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows[::2])))
    assert command(*arguments, "--shard", "1/2") == 0
    assert command(*arguments, "--shard", "2/2", "--form", "webdataset") == 0
    parts = ["out-1-of-2.safetensors", "out-2-of-2.tar"]
    assert [(tmp_path / name).is_file() for name in parts] == [True, True]
    both = InfillShards(InfillData((str(tmp_path / "out-*-of-2"),)))
    assert sorted(both.rows.tolist()) == [[47, 0, 0], [47, 0, 1], [47, 1, 0]]
    assert command(*arguments, "--shard", "3/2") == 2
    assert "is not I/N" in capsys.readouterr().err


def test_a_manifest_keeps_bytes_of_a_name_that_are_no_text(tmp_path):
    items = [Item(id="a\udcff", audio=str(tmp_path / "a\udcff.wav"), text="Café.")]
    write_manifest(tmp_path / "m.jsonl", items)
    assert read_manifest(tmp_path / "m.jsonl") == items
    assert "Café" in (tmp_path / "m.jsonl").read_text(encoding="utf-8")
