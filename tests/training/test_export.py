"""Exported weights are half precision, and lie between old and new ones where they are mixed."""

import runpy
import sys

import pytest
import torch

from deepaudio import checkpoint
from deepaudio.errors import WeightsError
from deepaudio.training.export import export


def test_a_mixture_lies_between_the_old_weights_and_the_new(tmp_path, monkeypatch):
    checkpoint.save(tmp_path / "old", {"w": torch.tensor([0.0, 4.0])}, {"dim": 2})
    checkpoint.save(tmp_path / "new", {"w": torch.tensor([1.0, 8.0])}, {"dim": 2})
    export(tmp_path / "new", tmp_path / "out", tmp_path / "old", 0.25)
    config, state = checkpoint.load(tmp_path / "out", dtype=torch.float16)
    assert config == {"dim": 2} and state["w"].tolist() == [0.25, 5.0]
    export(tmp_path / "new", tmp_path / "all")
    assert checkpoint.load(tmp_path / "all")[1]["w"].tolist() == [1.0, 8.0]
    given = ["export", tmp_path / "new", tmp_path / "again", "--old", tmp_path / "old"]
    monkeypatch.setattr("sys.argv", [*map(str, given), "--share", "0.25"])
    monkeypatch.delitem(sys.modules, "deepaudio.training.export")
    runpy.run_module("deepaudio.training.export", run_name="__main__")
    assert torch.equal(checkpoint.load(tmp_path / "again")[1]["w"], state["w"].float())


def test_other_networks_are_not_mixed(tmp_path):
    checkpoint.save(tmp_path / "old", {"w": torch.zeros(2)}, {"dim": 3})
    checkpoint.save(tmp_path / "new", {"w": torch.zeros(2)}, {"dim": 2})
    with pytest.raises(WeightsError, match="not the same network"):
        export(tmp_path / "new", tmp_path / "out", tmp_path / "old", 0.5)
