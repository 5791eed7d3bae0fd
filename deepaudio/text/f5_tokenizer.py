"""Tokens of F5-TTS: letters as they are, Chinese as pinyin with tones, ids by line of the vocabulary file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from deepaudio.errors import WeightsError
from deepaudio.libraries import needed

VOCABULARY_LINES = 2545
_PLAIN = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
_NO_SPACE_AFTER = " :'\""


class F5Tokenizer:
    """Text to ids. The vocabulary comes with the checkpoint; its line number is the id, line 0 is the space."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        if not vocabulary or vocabulary[0] != " ":
            first = repr(vocabulary[0]) if vocabulary else "nothing"
            raise WeightsError(
                "weights.vocabulary", f"the first line of the vocabulary is {first}, not a space"
            )
        self.vocabulary = tuple(vocabulary)
        self._ids = {token: i for i, token in enumerate(vocabulary)}

    @classmethod
    def read(cls, path: str | Path, n_lines: int | None = VOCABULARY_LINES) -> "F5Tokenizer":
        """From a vocabulary file, either line end; another number of lines than `n_lines` is a WeightsError."""
        path = Path(path)
        if not path.is_file():
            raise WeightsError("weights.missing", f"no vocabulary at {path}", path=str(path))
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise WeightsError(
                "weights.vocabulary",
                f"{path.name}: not UTF-8 at byte {error.start}",
                path=str(path),
            ) from error
        lines = text.removesuffix("\n").split("\n")
        lines = [line.removesuffix("\r") for line in lines]
        if n_lines is not None and len(lines) != n_lines:
            raise WeightsError(
                "weights.vocabulary",
                f"{path.name} has {len(lines)} lines, expected {n_lines}",
                hint="ids would not match the embedding; take the file that came with the weights",
                path=str(path),
            )
        return cls(lines)

    def tokens(self, text: str) -> list[str]:
        """Letters and syllables, as the model was trained on them."""
        return list(_tokens(text))

    def encode(self, text: str) -> Int[Tensor, " l"]:
        """Ids; a token that the vocabulary lacks becomes 0, a space (see `unknown`)."""
        return torch.tensor([self._ids.get(t, 0) for t in self.tokens(text)], dtype=torch.long)

    def unknown(self, text: str) -> list[str]:
        """Tokens of the text that the vocabulary lacks, each once, in order."""
        return list(dict.fromkeys(t for t in self.tokens(text) if t not in self._ids))


def _tokens(text: str) -> Iterator[str]:
    last = ""
    for segment in _segments(text.translate(_PLAIN)):
        for token in _of_segment(segment, last):
            yield token
            last = token


def _of_segment(segment: str, last: str) -> Iterator[str]:
    n_bytes = len(segment.encode("utf-8", "surrogatepass"))
    if n_bytes == len(segment):  # ASCII
        if last and len(segment) > 1 and last not in _NO_SPACE_AFTER:
            yield " "
        yield from segment
    elif n_bytes == 3 * len(segment):  # a word of CJK: tones depend on the neighbours
        for character, syllable in zip(segment, _pinyin(segment), strict=True):
            if _is_chinese(character):
                yield " "
            yield syllable
    else:
        for character in segment:
            if _is_chinese(character):
                yield " "
                yield from _pinyin(character)
            else:
                yield character


def _is_chinese(character: str) -> bool:
    return "\u3100" <= character <= "\u9fff"


def _segments(text: str) -> list[str]:
    with needed():
        import rjieba
    return list(rjieba.cut(text))


def _pinyin(segment: str) -> list[str]:
    """One syllable per character; runs without a reading are kept letter by letter."""
    with needed():
        from pypinyin import Style, lazy_pinyin
    return lazy_pinyin(segment, style=Style.TONE3, tone_sandhi=True, errors=list)
