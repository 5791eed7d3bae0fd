"""Prompts as hashed words: alike words lie near each other, nothing is nothing."""

import torch

from deepaudio.encoders.words import WORD_COUNT, WORD_DIM, encode_words


def near(a: str, b: str) -> float:
    return float(torch.cosine_similarity(encode_words(a)[0], encode_words(b)[0], dim=0))


def test_words_that_share_letters_are_nearer_than_others():
    assert near("bounce", "Bounce") > 0.99
    assert near("bounces", "bounce") > 0.3 > abs(near("metal", "bounce"))


def test_shape_scale_and_empty_prompt():
    coded = encode_words("a metal ball, bouncing")
    assert coded.shape == (WORD_COUNT, WORD_DIM)
    assert torch.allclose(coded[:4].square().mean(1), torch.ones(4), atol=1e-5)
    assert not coded[4:].any() and not encode_words("").any()


def test_long_prompts_are_cut():
    assert encode_words("word " * 50).shape == (WORD_COUNT, WORD_DIM)
