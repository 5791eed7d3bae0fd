"""What words mean, known beforehand: made from a sentence encoder, looked up by the gate's text encoder, kept in its weights."""

import pytest
import torch
from safetensors.torch import save_file

from deepaudio import checkpoint
from deepaudio.encoders import ngrams, word_vectors
from deepaudio.errors import InputError, WeightsError
from deepaudio.inference.gate import Gate
from deepaudio.training.export import export
from deepaudio.training.fit import fit
from deepaudio.training.recipe import parse
from deepaudio.training.stages.mof import build

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "dub", "read", "rain", "##ing", "lips", "7"]
SIZES = {"buckets": 64, "dim": 16, "heads": 2, "layers": 1, "inner": 16, "vector_dim": 4}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A BERT of random weights that knows four whole words."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def table(encoder, tmp_path_factory):
    """Vectors of some words and of those of that encoder."""
    out = tmp_path_factory.mktemp("table") / "vectors.safetensors"
    assert word_vectors.write(out, encoder, ["aloud", "x7", "clip"], 4, 6, hashed) == 6
    return out


def hashed(word):
    return ngrams.hashes(word)[0]


def test_known_words_have_a_vector_and_others_none(table):
    found = word_vectors.read(table)
    vectors = word_vectors.WordVectors(6, 4)
    vectors.fill(found, "here")
    ids = torch.tensor([hashed(w) for w in ("dub", "read", "dub", "xqzt", "7")])
    values, known = vectors(ids)
    assert known.tolist() == [True, True, True, False, False]
    assert torch.equal(values[0], values[2]) and not torch.equal(values[0], values[1])
    assert not values[3].any() and 0.5 < float(vectors.values.float().std()) / 32 < 2


def test_the_command_takes_the_words_of_the_instructions(encoder, tmp_path, command, capsys):
    out = tmp_path / "out.safetensors"
    assert command("prepare", "word-vectors", encoder, out, "--dim", "8") == 0
    assert f"{len(word_vectors.read(out)['known'])} words" in capsys.readouterr().err
    assert len(word_vectors.read(out)["known"]) > 5000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "out.safetensors"], "no config.json"),
        (["{encoder}", "out.bin"], "does not end in .safetensors"),
        (["{encoder}", "{table}"], "exists"),
    ],
)
def test_what_the_command_cannot_do_is_said(
    encoder, table, tmp_path, command, capsys, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    given = [text.format(encoder=encoder, table=table) for text in arguments]
    assert command("prepare", "word-vectors", *given) != 0
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_another_file_and_another_size_are_named(table, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, other)
    with pytest.raises(WeightsError, match="no word vectors"):
        word_vectors.read(other)
    other.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"other\.safetensors"):
        word_vectors.read(other)
    with pytest.raises(InputError, match=r"known is \[6\], the recipe's encoder wants \[5\]"):
        word_vectors.WordVectors(5, 4).fill(word_vectors.read(table), "here")


def recipe(folder, count, **data):
    values = {"batch_items": 4, "noise": 0.0} | data
    return parse(
        {
            "stage": "mof", "output": str(folder), "steps": 2, "data": values, "device": "cpu", "log_every": 1,
            "model": {"encoder": SIZES | {"vectors": count, "gram_drop": 0.5}, "gate": {"hidden_dim": 8}},
        },
        "test",
    )  # fmt: skip


@pytest.mark.slow
def test_a_gate_keeps_the_vectors_and_hands_them_on(table, tmp_path):
    plan = recipe(tmp_path / "run", 6, vectors=str(table))
    folder = fit(build(plan), plan, lambda _: None).model
    _, state = checkpoint.load(folder)
    for name, tensor in word_vectors.read(table).items():
        assert torch.equal(state[f"text_encoder.vectors.{name}"], tensor), "trained away"
    export(folder, tmp_path / "preset" / "mof")
    gate = Gate.load(tmp_path / "preset")
    assert gate.route("dub the clip").probabilities != gate.route("dub the xqzt").probabilities
    following = build(recipe(tmp_path / "next", 6, vectors=str(tmp_path / "run")))
    values = following.model["text_encoder"].vectors.values
    assert torch.equal(values, state["text_encoder.vectors.values"])


@pytest.mark.slow
def test_a_gate_without_vectors_has_none_to_hand_on(tmp_path):
    plan = recipe(tmp_path / "run", 0)
    folder = fit(build(plan), plan, lambda _: None).model
    with pytest.raises(WeightsError, match="no word vectors"):
        build(recipe(tmp_path / "next", 6, vectors=str(folder)))
