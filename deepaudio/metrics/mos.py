"""Predicted opinion score of the whole signal, 1 to 5 (DNSMOS overall, P.835)."""

TITLE = "MOS"
NEEDS = ("output_quality",)
BETTER = "higher"
TASKS = ("v2s", "tts")
SILENT = 1.0


def compute(output_quality: dict[str, float]) -> float:
    """The overall score of one utterance."""
    return output_quality["overall"]
