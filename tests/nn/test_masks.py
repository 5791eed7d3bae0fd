"""Lengths to masks, and the random spans a flow has to infill."""

import torch

from deepaudio.nn.masks import lengths_to_mask, random_spans, zero_invalid


def test_lengths():
    mask = lengths_to_mask(torch.tensor([0, 2, 3]))
    assert mask.tolist() == [[False] * 3, [True, True, False], [True] * 3]
    assert lengths_to_mask(torch.tensor([1]), 4).shape == (1, 4)


def test_zero_invalid_is_exact():
    x = torch.full((1, 2, 3), float("nan"))
    x[0, 0] = 1.0
    assert zero_invalid(x, torch.tensor([[True, False]])).tolist() == [[[1.0] * 3, [0.0] * 3]]
    assert zero_invalid(x, None) is x


def test_spans_are_contiguous_valid_and_of_the_size_asked_for():
    lengths = torch.full((4000,), 100)
    lengths[::2] = 37
    spans = random_spans(lengths, 0.7, 1.0, torch.Generator().manual_seed(0))
    assert not (spans & ~lengths_to_mask(lengths)).any()
    edges = spans.int().diff(dim=1, prepend=torch.zeros(4000, 1, dtype=torch.int)) == 1
    assert (edges.sum(dim=1) == 1).all()
    share = spans.sum(dim=1) / lengths
    assert share.min() >= 0.67 and share.max() <= 1.0  # whole frames: 25 of 37 is 0.675
    assert abs(share.mean() - 0.845) < 0.01
    start = spans.int().argmax(dim=1)
    assert start.min() == 0 and (start + spans.sum(dim=1) == lengths).any()


def test_spans_follow_the_generator():
    lengths = torch.tensor([50, 80])
    draw = [random_spans(lengths, 0.3, 0.6, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(draw[0], draw[1]) and not torch.equal(draw[0], draw[2])
