"""Word error rates of transcripts: as Whisper normalises text, as the paper does, and pooled over a set."""

import re
import string
from functools import cache
from typing import NamedTuple

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

from deepaudio.metrics import Metric

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


def wer(text: str, output_transcript: str) -> float:
    """WER: word error rate per utterance, averaged (section 4.2); numbers and letters made alike.

    Errors per reference word of one utterance (0 perfect, may exceed 1).
    """
    return count(text, output_transcript).rate


def wer_paper(text: str, output_transcript: str) -> float:
    """WER with the paper's normalisation: no punctuation, lower case, numbers as they were written.

    Errors per reference word of one utterance.

    Averaged over utterances. A judge that writes "5" where the text says "five" counts as wrong.
    """
    return count(text, output_transcript, paper_normalised).rate


def wer_pooled(text: list[str], output_transcript: list[str]) -> float:
    """Pooled WER: all errors over all reference words, so that long utterances weigh more.

    Total errors per reference word over a set.
    """
    counts = [count(*pair) for pair in zip(text, output_transcript, strict=True)]
    return sum(c.errors for c in counts) / sum(c.words for c in counts)


METRICS = {
    "wer": Metric(
        "WER",
        ("text", "output_transcript"),
        "lower",
        wer,
        tasks=("v2s", "tts"),
        scale=100.0,
        silent=1.0,
    ),
    "wer_paper": Metric(
        "WER (paper)",
        ("text", "output_transcript"),
        "lower",
        wer_paper,
        tasks=("v2s", "tts"),
        scale=100.0,
        silent=1.0,
    ),
    "wer_pooled": Metric(
        "WER pooled",
        ("text", "output_transcript"),
        "lower",
        wer_pooled,
        tasks=("v2s", "tts"),
        per="set",
        scale=100.0,
    ),
}
