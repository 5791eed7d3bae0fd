"""Exported weights are half precision, and lie between old and new ones where they are mixed."""

import pytest
import torch

from deepaudio import checkpoint
from deepaudio.errors import WeightsError
from deepaudio.training.export import export


def test_a_mixture_lies_between_the_old_weights_and_the_new(tmp_path):
    checkpoint.save(tmp_path / "old", {"w": torch.tensor([0.0, 4.0])}, {"dim": 2})
    checkpoint.save(tmp_path / "new", {"w": torch.tensor([1.0, 8.0])}, {"dim": 2})
    export(tmp_path / "new", tmp_path / "out", tmp_path / "old", 0.25)
    config, state = checkpoint.load(tmp_path / "out", dtype=torch.float16)
    assert config == {"dim": 2} and state["w"].tolist() == [0.25, 5.0]
    export(tmp_path / "new", tmp_path / "all")
    assert checkpoint.load(tmp_path / "all")[1]["w"].tolist() == [1.0, 8.0]


def test_other_networks_are_not_mixed(tmp_path):
    checkpoint.save(tmp_path / "old", {"w": torch.zeros(2)}, {"dim": 3})
    checkpoint.save(tmp_path / "new", {"w": torch.zeros(2)}, {"dim": 2})
    with pytest.raises(WeightsError, match="not the same network"):
        export(tmp_path / "new", tmp_path / "out", tmp_path / "old", 0.5)
