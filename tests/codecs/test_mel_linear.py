"""The linear codec keeps what lies in its directions, and silence stays silence."""

import pytest
import torch

from deepaudio.codecs.mel_linear import Config, Model
from deepaudio.errors import UsageError


def test_mel_of_low_rank_comes_back_exactly():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(400, 5, generator=generator) @ torch.randn(5, 4 * 100, generator=generator)
    mel = rows.reshape(-1, 100)
    codec = Model(Config(dim=8, floor=-1000.0))
    codec.fit(mel)
    back = codec.decode(codec.encode(mel[None]))[0]
    assert torch.allclose(back, mel, atol=1e-2)


def test_leading_latents_vary_most_and_none_more_than_one():
    mel = torch.randn(2000, 100, generator=torch.Generator().manual_seed(1)).cumsum(1) / 5
    codec = Model(Config(dim=16, floor=-1000.0))
    codec.fit(mel)
    deviation = codec.encode(mel[None])[0].std(0)
    assert deviation[0] == deviation.max() and deviation[0] == pytest.approx(1, abs=0.05)


def test_a_last_group_that_is_not_full_is_filled_up():
    codec = Model(Config())
    assert codec.encode(torch.zeros(2, 9, 100)).shape == (2, 3, 64)
    assert codec.decode(torch.zeros(2, 3, 64)).shape == (2, 12, 100)


def test_sizes_are_checked():
    with pytest.raises(UsageError, match="401"):
        Config(dim=401)
