"""The checkpoint folder: round trips, half precision, strictness, damage, atomic writes."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from deepaudio import checkpoint
from deepaudio.errors import ResourceError, WeightsError

PRESETS = Path(checkpoint.__file__).parent / "presets"


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_round_trip(tmp_path, model):
    folder = checkpoint.save(tmp_path / "m", model.state_dict(), {"dim": 4, "name": "ö"})
    config, state = checkpoint.load(folder)
    assert config == {"dim": 4, "name": "ö"}
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_half_precision_on_disk_is_float32_in_memory(tmp_path, model):
    full = checkpoint.save(tmp_path / "full", model.state_dict(), {})
    half = checkpoint.save(tmp_path / "half", model.state_dict(), {}, torch.float16)
    sizes = [(f / "model.safetensors").stat().st_size for f in (full, half)]
    assert sizes[1] < sizes[0]
    _, state = checkpoint.load(half)
    assert state["0.weight"].dtype == torch.float32
    assert state["1.num_batches_tracked"].dtype == torch.int64
    assert torch.equal(state["0.weight"], model[0].weight.half().float())


def test_tensors_come_back_in_the_precision_asked_for(tmp_path, model):
    folder = checkpoint.save(tmp_path / "m", model.state_dict(), {})
    _, state = checkpoint.load(folder, torch.bfloat16)
    assert torch.equal(state["0.weight"], model[0].weight.bfloat16())
    assert state["1.num_batches_tracked"].dtype == torch.int64


def test_a_disk_that_takes_no_more_is_a_resource_error(tmp_path, model, monkeypatch):
    folder = checkpoint.save(tmp_path / "m", model.state_dict(), {})
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full(tensors, path):
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(ResourceError, match="No space left") as caught:
        checkpoint.save(folder, model.state_dict(), {})
    assert caught.value.exit_code == 6
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_values_beyond_half_precision_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"big: .*float16"):
        checkpoint.save(tmp_path, {"big": torch.tensor([7e4])}, {}, torch.float16)
    assert list(tmp_path.iterdir()) == []


def test_shared_tensors_are_saved_apart(tmp_path):
    weight = torch.randn(2, 2)
    _, state = checkpoint.load(checkpoint.save(tmp_path, {"a": weight, "b": weight.T}, {}))
    assert torch.equal(state["a"], state["b"].T)


def test_strictness_names_the_tensors(model):
    state = model.state_dict()
    checkpoint.load_into(model, state, "here")
    state["extra"] = torch.zeros(1)
    del state["1.bias"]
    state["0.weight"] = torch.zeros(4, 5)
    before = model[0].weight.clone()
    with pytest.raises(WeightsError) as caught:
        checkpoint.load_into(model, state, "here")
    message = str(caught.value)
    assert "missing 1.bias" in message and "unknown extra" in message
    assert "0.weight [4, 5] instead of [4, 3]" in message and message.startswith("here")
    assert caught.value.where["unknown"] == ["extra"]
    assert torch.equal(model[0].weight, before)


def test_long_lists_of_names_are_cut(model):
    with pytest.raises(WeightsError, match="and 2 more"):
        checkpoint.load_into(model, {}, "here")


def test_missing_and_damaged_files(tmp_path, model):
    with pytest.raises(WeightsError, match=r"no config\.json"):
        checkpoint.load(tmp_path)
    folder = checkpoint.save(tmp_path, model.state_dict(), {})
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-20])
    with pytest.raises(WeightsError) as caught:
        checkpoint.load(folder)
    assert caught.value.code == "weights.damaged"
    (folder / "config.json").write_text("[1]")
    with pytest.raises(WeightsError, match="expected an object"):
        checkpoint.load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json"):
        checkpoint.load(folder)


def test_nan_and_repeated_tensors_are_refused_by_name(tmp_path, model):
    state = model.state_dict() | {"0.bias": torch.tensor([0.0, torch.nan, 0.0, 0.0])}
    with pytest.raises(WeightsError, match=r"0\.bias \[4\] has NaN"):
        checkpoint.load(checkpoint.save(tmp_path, state, {}))
    path = checkpoint.save(tmp_path, model.state_dict(), {}) / "model.safetensors"
    data = path.read_bytes()
    assert data.count(b'"1.weight"') == 1 and data.count(b'"1.bias"') == 1
    path.write_bytes(data.replace(b'"1.weight"', b'"1.bias"  '))
    with pytest.raises(WeightsError, match="invalid offset") as caught:
        checkpoint.load(tmp_path)
    assert caught.value.code == "weights.damaged"


def test_a_failed_write_leaves_the_old_folder(tmp_path, model, monkeypatch):
    folder = checkpoint.save(tmp_path, model.state_dict(), {"version": 1})

    def full(*_):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(tmp_path, {"a": torch.zeros(1)}, {"version": 2})
    assert json.loads((folder / "config.json").read_text()) == {"version": 1}
    assert checkpoint.load(folder)[1].keys() == model.state_dict().keys()
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("folder", sorted(p.parent for p in PRESETS.rglob("model.safetensors")))
def test_the_weights_inside_the_package_are_finite(folder):
    """They are not looked through at every start."""
    state = load_file(folder / "model.safetensors")
    assert state and all(bool(tensor.isfinite().all()) for tensor in state.values())


def test_loading_draws_no_random_weights():
    state = torch.get_rng_state()
    network = checkpoint.load_network(PRESETS / "mini/vocoder", "codecs/vocos_source")
    assert torch.equal(torch.get_rng_state(), state)
    _, stored = checkpoint.load(PRESETS / "mini/vocoder")
    assert all(torch.equal(value, stored[name]) for name, value in network.state_dict().items())
