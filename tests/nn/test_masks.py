"""Frames that are not valid are exact zeros."""

import torch

from deepaudio.nn.masks import zero_invalid


def test_zero_invalid_is_exact():
    x = torch.full((1, 2, 3), float("nan"))
    x[0, 0] = 1.0
    assert zero_invalid(x, torch.tensor([[True, False]])).tolist() == [[[1.0] * 3, [0.0] * 3]]
    assert zero_invalid(x, None) is x
