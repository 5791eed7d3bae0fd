"""Speaking-rate error: relative difference in words per second of speech between output and target."""

from deepaudio.metrics.words import normalised

TITLE = "rate error"
NEEDS = ("output_transcript", "output_span", "text", "target_span")
BETTER = "lower"
TASKS = ("v2s", "tts")
SCALE = 100.0
SILENT = 1.0


def compute(
    output_transcript: str,
    output_span: tuple[float, float],
    text: str,
    target_span: tuple[float, float],
) -> float:
    """|output rate - target rate| / target rate; words from the judge, seconds from the spans."""
    target = _rate(text, target_span)
    return abs(_rate(output_transcript, output_span) - target) / target


def _rate(text: str, span: tuple[float, float]) -> float:
    n_words = len(normalised(text).split())
    return n_words / (span[1] - span[0])
