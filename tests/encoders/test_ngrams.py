"""The text encoder of `mini`: words, hashes, batches, misspellings, hostile text."""

import pytest
import torch

from deepaudio.encoders import ngrams
from deepaudio.errors import UsageError


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return ngrams.Model(ngrams.Config.tiny()).eval()


def features(model, texts):
    with torch.no_grad():
        return model(model.tokenize(texts))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dub IT!", ["dub", "it", "!"]),
        ("don't — don’t", ["dont", "dont"]),
        ("lip-sync", ["lip", "-", "sync"]),
        ('“hi” «hi» "hi"', ['"', "hi", '"', '"', "hi", '"', '"', "hi", '"']),
        ("Füge Geräusche", ["fuge", "gerausche"]),
        ("take 12, v2a", ["take", "0", ",", "v2a"]),
        ("给视频配音 now", ["给", "视", "频", "配", "音", "now"]),
        ("更ｆｕｌｌ", ["更", "full"]),
        ("\u202e\x00\ud800🙂", []),
    ],
)
def test_words(text, words):
    assert ngrams.words(text) == words


def test_hashes_are_the_same_everywhere():
    assert ngrams.hashes("dub")[0] == 88579830  # CRC-32 of "w:<dub>"
    assert len(ngrams.hashes("dub")) == 1 + 3 + 2
    assert ngrams.hashes("a" * 500) == ngrams.hashes("a" * ngrams.MAX_WORD)


def test_a_slip_of_the_finger_keeps_most_pieces():
    right, wrong, other = (
        set(ngrams.hashes(word)) for word in ("soundscape", "soundscpae", "dialogue")
    )
    assert len(right & wrong) > 4 > len(right & other)


def test_a_batch_equals_its_items(model):
    texts = ["dub the speaker", "no speech, just the ambience of the street", "read"]
    together = features(model, texts)
    for place, text in enumerate(texts):
        alone = features(model, [text])
        n = alone.mask.sum()
        assert together.mask[place].sum() == n
        torch.testing.assert_close(
            together.values[place, :n], alone.values[0, :n], atol=1e-5, rtol=1e-4
        )


def test_order_matters(model):
    one, two = (
        features(model, ["no speech, only sounds"]),
        features(model, ["no sounds, only speech"]),
    )
    assert not torch.allclose(one.values.mean(1), two.values.mean(1), atol=1e-3)


@pytest.mark.parametrize(
    "text", ["", "   ", "🙂", "\x00\ud800", "word " * 5000, "x" * 100_000, "\u0301" * 300]
)
def test_any_text_is_read(model, text):
    found = features(model, [text])
    assert found.values.isfinite().all() and found.mask.any()
    assert found.values.shape[1] <= model.config.max_tokens


def test_hidden_words_are_unknown_words(model):
    ids = model.tokenize(["dub the speaker", "read"])
    hidden = torch.zeros(ids.shape[:2], dtype=torch.bool)
    hidden[0, 1] = hidden[1, 2] = True  # the second text has no third word
    changed = model.hide(ids, hidden)
    assert changed[0, 1].tolist() == [ngrams.UNKNOWN] + [ngrams.PAD] * (ids.shape[2] - 1)
    assert torch.equal(changed[0, [0, 2]], ids[0, [0, 2]]) and torch.equal(changed[1], ids[1])


def test_gradients_reach_the_buckets_in_use(model):
    model.zero_grad()
    ids = model.tokenize(["dub it"])
    model(ids).values.square().sum().backward()
    used = model.grams.weight.grad.abs().sum(1).nonzero().flatten()
    room = model.config.buckets - ngrams.RESERVED
    pieces = ids[ids != ngrams.PAD] - ngrams.RESERVED
    assert set(used.tolist()) <= set((ngrams.RESERVED + pieces % room).tolist())
    assert len(used) > 5


def test_sizes_are_checked():
    with pytest.raises(UsageError, match="dim = 10 does not divide into 4 heads"):
        ngrams.Config(dim=10)
    with pytest.raises(UsageError, match="got 2"):
        ngrams.Config(buckets=2)
