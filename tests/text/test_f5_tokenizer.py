"""Tokens of F5-TTS against examples from its own front end, and the vocabulary file."""

import pytest

from deepaudio.errors import ToolError, WeightsError
from deepaudio.text import f5_tokenizer
from deepaudio.text.f5_tokenizer import F5Tokenizer

LETTERS = [" ", *"abcdefghijklmnopqrstuvwxyzI'\",.3"]


@pytest.fixture
def tokenizer():
    return F5Tokenizer([*LETTERS, "ni2", "hao3"])


def test_the_measured_example(tokenizer):
    tokens = tokenizer.tokens("I've got 3 dogs; 你好")
    assert tokens == [*"I've got 3 dogs,", " ", " ", "ni2", " ", "hao3"]


def test_english_stays_letter_by_letter(tokenizer):
    assert tokenizer.tokens("don't stop") == list("don't stop")
    assert tokenizer.tokens("“well” it’s") == list('"well" it\'s')


def test_a_word_after_a_chinese_one_gets_a_space(tokenizer):
    assert tokenizer.tokens("你好hello") == [" ", "ni2", " ", "hao3", " ", *"hello"]


def test_tone_sandhi_and_punctuation_of_chinese(tokenizer):
    assert tokenizer.tokens("一个。")[-1] == "。"
    assert tokenizer.tokens("一个")[1] == "yi2"  # before a fourth tone


def test_accents_and_kana_pass_through(tokenizer):
    assert tokenizer.tokens("né") == list("né")
    assert "あ" in tokenizer.tokens("あ")


def test_ids_and_unknown_tokens(tokenizer):
    assert tokenizer.encode("ab").tolist() == [1, 2]
    assert tokenizer.encode("aß").tolist() == [1, 0]
    assert tokenizer.unknown("aßbßñ") == ["ß", "ñ"]
    assert tokenizer.encode("").tolist() == []


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_vocabulary_file(tmp_path, newline):
    path = tmp_path / "vocab.txt"
    path.write_bytes((newline.join(LETTERS) + newline).encode())
    tokenizer = F5Tokenizer.read(path, n_lines=len(LETTERS))
    assert tokenizer.vocabulary == tuple(LETTERS)
    with pytest.raises(WeightsError, match=f"{len(LETTERS)} lines, expected 2545"):
        F5Tokenizer.read(path)


def test_bad_vocabularies(tmp_path):
    with pytest.raises(WeightsError, match="no vocabulary"):
        F5Tokenizer.read(tmp_path / "absent.txt")
    (tmp_path / "latin.txt").write_bytes(b" \n\xff\n")
    with pytest.raises(WeightsError, match="not UTF-8 at byte 2"):
        F5Tokenizer.read(tmp_path / "latin.txt", n_lines=2)
    with pytest.raises(WeightsError, match="'a', not a space"):
        F5Tokenizer(["a", " "])


def test_a_missing_segmenter_is_a_tool_error(tokenizer, monkeypatch):
    monkeypatch.setitem(f5_tokenizer.__dict__, "_segments", f5_tokenizer._segments)
    monkeypatch.setitem(__import__("sys").modules, "rjieba", None)
    with pytest.raises(ToolError, match=r"rjieba.* cannot be loaded"):
        tokenizer.tokens("text")
