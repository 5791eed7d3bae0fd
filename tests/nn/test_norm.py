"""Norms against their formulas, and GRN's independence of padding."""

import torch

from deepaudio.nn.norm import GRN, RMSNorm, modulate


def test_rms_norm():
    x, norm = torch.randn(3, 8), RMSNorm(8)
    torch.nn.init.uniform_(norm.weight)
    expected = x / x.square().mean(-1, keepdim=True).sqrt() * norm.weight
    assert torch.allclose(norm(x), expected, atol=1e-5)


def test_grn_by_hand():
    """Two channels of norms 5 and 1: relative responses 5/3 and 1/3."""
    grn = GRN(2)
    torch.nn.init.ones_(grn.gamma)
    x = torch.tensor([[[3.0, 1.0], [4.0, 0.0]]])
    expected = x * torch.tensor([5 / 3, 1 / 3]) + x
    assert torch.allclose(grn(x), expected, atol=1e-4)


def test_grn_starts_as_identity_and_ignores_padding():
    grn, x = GRN(4), torch.randn(2, 7, 4)
    assert torch.equal(grn(x), x)
    torch.nn.init.normal_(grn.gamma)
    padded = torch.cat((x, torch.full((2, 3, 4), 9.0)), dim=1)
    mask = torch.arange(10).expand(2, -1) < 7
    assert torch.allclose(grn(padded, mask)[:, :7], grn(x), atol=1e-5)
    assert not torch.allclose(grn(padded)[:, :7], grn(x), atol=1e-2)


def test_modulate():
    x, shift, scale = torch.randn(3, 2, 5, 4).unbind(0)
    assert torch.allclose(modulate(x, shift, scale), x * (1 + scale) + shift, atol=1e-6)
