"""The gate and the knowledge pool: shapes, padding, the loss, and eq. 8's soft fusion against eq. 2's hard choice."""

import math

import pytest
import torch

from deepaudio.errors import UsageError
from deepaudio.models.mof import gate, knowledge


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


def certain(direction: str) -> torch.Tensor:
    """The probabilities of a gate without doubt."""
    return torch.nn.functional.one_hot(torch.tensor([gate.DIRECTIONS.index(direction)]), 3).float()


@pytest.mark.parametrize("direction", ["v2s", "tts"])
def test_soft_fusion_and_hard_choice_agree_when_the_gate_is_certain(direction):
    energy = torch.rand(1, 50)
    fused = knowledge.fuse(certain(direction), energy)
    assert torch.equal(fused, knowledge.choose(direction, energy))
    nearly = knowledge.fuse((certain(direction) * 40).softmax(-1), energy)
    torch.testing.assert_close(nearly, knowledge.choose(direction, energy), atol=1e-6, rtol=1e-6)


def test_an_uncertain_gate_lies_between():
    energy = torch.rand(2, 50)
    fused = knowledge.fuse(torch.tensor([[0.1, 0.6, 0.3], [1.0, 0.0, 0.0]]), energy)
    torch.testing.assert_close(fused[0], 0.6 * energy[0])
    assert not fused[1].any()  # of sound without speech nothing reaches M_tts


def test_the_empty_feature_is_silence():
    energy = torch.rand(2, 9)
    assert (
        knowledge.empty_feature(energy).shape == energy.shape
        and not knowledge.empty_feature(energy).any()
    )
    assert knowledge.choose("v2s", energy) is energy
    with pytest.raises(ValueError, match="v2a"):
        knowledge.choose("v2a", energy)


def test_fusion_passes_gradients_to_gate_and_energy():
    logits, energy = torch.zeros(1, 3, requires_grad=True), torch.rand(1, 20, requires_grad=True)
    knowledge.fuse(logits.softmax(-1), energy).sum().backward()
    assert logits.grad[0, gate.V2S] > 0 > logits.grad[0, gate.TTS]
    torch.testing.assert_close(energy.grad, torch.full((1, 20), 1 / 3))
