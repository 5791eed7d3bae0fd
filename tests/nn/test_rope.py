"""Rotary positions: lengths kept, scores depend on distance alone, pairs are adjacent channels."""

import math

import pytest
import torch

from deepaudio.nn.attention import SelfAttention
from deepaudio.nn.rope import RotaryEmbedding, angles, frequencies, rotate


def test_known_turn():
    x = torch.tensor([1.0, 0.0, 0.0, 2.0]).reshape(1, 1, 1, 4)
    turned = rotate(x, torch.tensor([[math.pi / 2, math.pi]])).flatten()
    assert torch.allclose(turned, torch.tensor([0.0, 1.0, 0.0, -2.0]), atol=1e-6)


@pytest.mark.parametrize("order", ["b h n d", "b n h d", "b h d n"])
def test_every_layout_is_turned_by_its_angles(order):
    """Against the rotation matrix of each pair, whatever lies next to what in memory."""
    axes = ["bhnd".index(axis) for axis in order.split() for axis in axis]
    laid = torch.randn([[2, 3, 7, 8][axis] for axis in axes])
    x = laid.permute([axes.index(axis) for axis in range(4)])
    angle = torch.randn(7, 4)
    turns = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).view(7, 4, 2, 2)
    expected = torch.einsum("npij,bhnpj->bhnpi", turns, x.unflatten(-1, (4, 2))).flatten(-2)
    assert torch.allclose(rotate(x, angle), expected, atol=1e-6)


def test_frequencies():
    assert torch.allclose(frequencies(4), torch.tensor([1.0, 0.01]))
    assert RotaryEmbedding(16).state_dict()["inv_freq"].shape == (8,)


def test_first_position_is_not_turned_and_norms_are_kept():
    x = torch.randn(2, 3, 11, 16)
    turned = rotate(x, RotaryEmbedding(16)(11))
    assert torch.equal(turned[:, :, 0], x[:, :, 0])
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), rtol=1e-5)
    assert not torch.allclose(turned[:, :, 1], x[:, :, 1], atol=1e-3)


def test_scores_depend_on_distance():
    q, k = torch.randn(2, 1, 1, 1, 16).double().unbind(0)
    turn = frequencies(16)

    def score(i, j):
        a, b = (angles(torch.tensor([p]), turn) for p in (i, j))
        return (rotate(q, a) * rotate(k, b)).sum()

    assert torch.allclose(score(3, 10), score(40, 47), atol=1e-4)
    assert not torch.allclose(score(3, 10), score(3, 12), atol=1e-4)


def test_half_precision_keeps_its_type():
    x = torch.randn(1, 1, 300, 16)
    exact = rotate(x, RotaryEmbedding(16)(300))
    half = rotate(x.bfloat16(), RotaryEmbedding(16)(300))
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).abs().max() < 0.05


def test_rotating_one_head_leaves_the_others_without_position():
    """With one rotary head of two, swapping two other frames changes head 0 alone."""
    torch.manual_seed(0)
    attention = SelfAttention(16, heads=2, dim_head=8, rope_heads=1)
    attention.to_out = torch.nn.Identity()
    x, angle = torch.randn(1, 6, 16), RotaryEmbedding(8)(6)
    swapped = x[:, [0, 1, 4, 3, 2, 5]]
    first, second = attention(x, angle)[0, 0], attention(swapped, angle)[0, 0]
    assert torch.allclose(first[8:], second[8:], atol=1e-6)
    assert not torch.allclose(first[:8], second[:8], atol=1e-4)


def test_a_network_cast_to_half_turns_by_exact_angles():
    exact = RotaryEmbedding(16)(300)
    assert torch.equal(RotaryEmbedding(16).bfloat16()(300), exact)
