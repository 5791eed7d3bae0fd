"""WER: word error rate per utterance, averaged (section 4.2); numbers and letters made alike."""

from deepaudio.metrics.words import count

TITLE = "WER"
NEEDS = ("text", "output_transcript")
BETTER = "lower"
TASKS = ("v2s", "tts")
SCALE = 100.0
SILENT = 1.0


def compute(text: str, output_transcript: str) -> float:
    """Errors per reference word of one utterance (0 perfect, may exceed 1)."""
    return count(text, output_transcript).rate


def wer(reference: str, hypothesis: str) -> float:
    """`compute` under the names one expects at a prompt."""
    return compute(reference, hypothesis)
