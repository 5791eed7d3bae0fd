"""The gate: shapes, padding, the loss."""

import math

import pytest
import torch

from deepaudio.errors import UsageError
from deepaudio.models.mof import gate


@pytest.fixture
def model():
    torch.manual_seed(0)
    return gate.Model(gate.Config.tiny()).eval()


def test_logits_over_three_directions(model):
    assert gate.DIRECTIONS == ("v2a", "v2s", "tts")
    logits = model(torch.randn(5, 7, 16), torch.ones(5, 7, dtype=torch.bool))
    assert logits.shape == (5, 3)
    assert logits.unique(dim=0).shape[0] == 5


def test_padding_does_not_count(model):
    features, mask = torch.randn(2, 6, 16), torch.ones(2, 6, dtype=torch.bool)
    mask[0, 4:] = False
    disturbed = features.clone()
    disturbed[0, 4:] = 1e3
    assert torch.equal(model(features, mask)[1], model(disturbed, mask)[1])
    torch.testing.assert_close(
        model(features * mask[..., None], mask), model(disturbed * mask[..., None], mask)
    )
    alone = model(features[:1, :4], mask[:1, :4])
    torch.testing.assert_close(model(disturbed, mask)[:1], alone)
    assert model(features, torch.zeros_like(mask)).isfinite().all()


def test_cross_entropy_is_summed():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    wanted = math.log(math.e**2 + 2) - 2 + math.log(3)
    assert float(gate.gate_loss(logits, torch.tensor([0, 1]))) == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["text_dim", "hidden_dim", "hidden_layers"])
def test_sizes_are_checked(name):
    with pytest.raises(UsageError, match=f"{name} must be at least 1, got 0"):
        gate.Config(**{name: 0})
