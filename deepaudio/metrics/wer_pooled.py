"""Pooled WER: all errors over all reference words, so that long utterances weigh more."""

from deepaudio.metrics.words import count

TITLE = "WER pooled"
NEEDS = ("text", "output_transcript")
BETTER = "lower"
PER = "set"
TASKS = ("v2s", "tts")
SCALE = 100.0


def compute(text: list[str], output_transcript: list[str]) -> float:
    """Total errors per reference word over a set."""
    counts = [count(*pair) for pair in zip(text, output_transcript, strict=True)]
    return sum(c.errors for c in counts) / sum(c.words for c in counts)
