"""Length error: difference in seconds between output and clip (the target where there is none)."""

TITLE = "length error (s)"
NEEDS = ("output_seconds", "clip_seconds")
BETTER = "lower"
TASKS = ("v2s", "v2a")


def compute(output_seconds: float, clip_seconds: float) -> float:
    """Absolute difference in seconds."""
    return abs(output_seconds - clip_seconds)
