"""WER with the paper's normalisation: no punctuation, lower case, numbers as they were written.

Averaged over utterances. A judge that writes "5" where the text says "five" counts as wrong.
"""

from deepaudio.metrics.words import count, paper_normalised

TITLE = "WER (paper)"
NEEDS = ("text", "output_transcript")
BETTER = "lower"
TASKS = ("v2s", "tts")
SCALE = 100.0
SILENT = 1.0


def compute(text: str, output_transcript: str) -> float:
    """Errors per reference word of one utterance."""
    return count(text, output_transcript, paper_normalised).rate
