"""Word errors: normalisation of text and the count of substitutions, deletions, insertions."""

import re
import string
from functools import cache
from typing import NamedTuple

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

# `zhon.hanzi.punctuation`, which the paper's script removes beside `string.punctuation`.
_HANZI = (
    "＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､\u3000、〃〈〉《》「」『』【】〔〕〖〗〘〙〚〛"
    "〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏﹑﹔·．！？｡。"
)
_REMOVED = str.maketrans("", "", string.punctuation + _HANZI)
_EDGE = re.compile(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])")


class WordErrors(NamedTuple):
    """Errors of one hypothesis and the length of its reference, in words."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        """Errors per reference word (above 1 when more was inserted than said)."""
        return self.errors / self.words


@cache
def _whisper_normaliser() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()


def normalised(text: str) -> str:
    """Whisper's English normalisation, then letters and digits apart ("P4" = "p four")."""
    words = _EDGE.sub(" ", _whisper_normaliser()(text)).split()
    return " ".join(word for word in words if any(c.isalnum() for c in word))


def paper_normalised(text: str) -> str:
    """The paper's: punctuation removed, double spaces joined once, lower case; numbers as written."""
    return text.translate(_REMOVED).replace("  ", " ").lower()


def count(reference: str, hypothesis: str, normalise=normalised) -> WordErrors:
    """Word errors of `hypothesis`. ValueError when the reference holds no words."""
    reference, hypothesis = normalise(reference), normalise(hypothesis)
    n_words = len(reference.split())
    if n_words == 0:
        raise ValueError("the reference text holds no words")
    result = jiwer.process_words(reference, hypothesis)
    return WordErrors(result.substitutions + result.deletions + result.insertions, n_words)
