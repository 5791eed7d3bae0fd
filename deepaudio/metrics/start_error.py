"""Start error: how far from the real speech, in seconds, the output's speech starts.

The real times are those of the manifest (word alignments) where it has them.
"""

TITLE = "start error (s)"
NEEDS = ("output_span", "target_span")
BETTER = "lower"
TASKS = ("v2s",)
MISSED = SILENT = 5.0  # seconds that an output without speech costs, and the most that one may


def compute(output_span: tuple[float, float], target_span: tuple[float, float]) -> float:
    """Absolute difference in seconds of two spans (start, end), at most MISSED."""
    return min(abs(output_span[0] - target_span[0]), MISSED)
