"""Features of clips for full-size training, as the shard readers take them."""

import json
import math

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from deepaudio.data.manifest import Item
from deepaudio.data.stored import Condition, StoredData, StoredShards
from deepaudio.errors import InputError
from deepaudio.inference import full_size
from deepaudio.inference.mmaudio_features import FullFeatures
from deepaudio.prepare import training_window
from deepaudio.prepare import v2a_latents as extract
from deepaudio.prepare.energies import write_energies


@pytest.fixture
def model(full_home, monkeypatch):
    """The V2A module in miniature, seeing eight seconds at once."""
    made = full_size.load("mm-s16k").v2a
    seen = FullFeatures(torch.ones(64, 16), torch.ones(192, 24), 8.0, 8.0)
    monkeypatch.setattr(type(made), "features", lambda self, video: seen)
    return made


def sound(path, seconds):
    t = torch.arange(round(seconds * 16_000)) / 16_000
    soundfile.write(path, (0.3 * torch.sin(2 * math.pi * 300 * t)).numpy(), 16_000)
    return str(path)


def test_shards_are_read_by_training(model, tmp_path):
    items = [
        Item("a", audio=sound(tmp_path / "a.wav", 8.2), video="a.mp4", prompt="a bell"),
        Item("b", audio=sound(tmp_path / "b.wav", 8.0)),
        Item("short", audio=sound(tmp_path / "s.wav", 3.0)),
        Item("c", audio=sound(tmp_path / "c.wav", 9.0), video="c.mp4"),
    ]
    shards = extract.write_v2a_shards(tmp_path / "vgg", items, model, per_shard=2)
    assert [s.name for s in shards] == ["vgg-000", "vgg-001"]
    stored = StoredShards(StoredData(tuple(map(str, shards)), batch_items=8))
    wanted = {"clip": Condition(16, 64), "sync": Condition(24, 192), "text": Condition(16, 77)}
    batch = next(stored.batches(torch.Generator().manual_seed(0), wanted))
    assert batch["latent"].shape == (8, 250, 4)
    assert batch["sync"].shape == (8, 192, 24) and batch["text"].shape == (8, 77, 16)
    mean, std = stored.statistics()
    assert torch.isfinite(mean).all() and (std > 0).all()


def test_a_long_sound_gives_up_to_five_windows_and_a_clip_one(model, tmp_path):
    items = [
        Item("one", audio=sound(tmp_path / "a.wav", 15.9)),
        Item("two", audio=sound(tmp_path / "b.wav", 17.0)),
        Item("many", audio=sound(tmp_path / "c.wav", 90.0)),
        Item("seen", audio=sound(tmp_path / "d.wav", 40.0), video="d.mp4"),
    ]
    (shard,) = extract.write_v2a_shards(tmp_path / "set", items, model)
    keys = [row["key"] for row in json.loads(shard.with_suffix(".json").read_text())]
    assert keys == ["one", "two_0", "two_1", *(f"many_{i}" for i in range(5)), "seen"]
    ramp = torch.arange(100.0)
    assert [int(w[0]) for w in training_window._windows(ramp, 20, 5)] == [0, 20, 40, 60, 80]
    assert [int(w[0]) for w in training_window._windows(ramp, 45, 5)] == [0, 55]
    stored = load_file(f"{shard}.safetensors")
    assert stored["one.latent"].shape == stored["one.spread"].shape
    assert (stored["one.spread"] > 0).all() and stored["one.spread"].isfinite().all()
    assert torch.equal(stored["empty_prompt"], model._texts("", "")[0].half())


def test_energies_are_kept_by_id(model, tmp_path, monkeypatch):
    monkeypatch.setattr(type(model), "energy", lambda *a: torch.linspace(0, 1, 750))
    items = [Item("a", video="a.mp4"), Item("b", video="b.mp4"), Item("c")]
    assert write_energies(tmp_path / "e.safetensors", items, model) == 2
    assert load_file(tmp_path / "e.safetensors")["b"].shape == (750,)


def test_incomplete_items_are_errors(model, tmp_path):
    with pytest.raises(InputError, match="needs audio"):
        training_window.features(model, Item("x"))
    with pytest.raises(InputError, match="x: no video"):
        write_energies(tmp_path / "e.safetensors", [Item("x")], model)
    short = [Item("short", audio=sound(tmp_path / "s.wav", 3.0))]
    with pytest.raises(InputError, match="no item can be read and lasts 8 s"):
        extract.write_v2a_shards(tmp_path / "none", short, model)
