"""Onset error: mean distance in seconds from each known event to the nearest onset of the output."""

from collections.abc import Sequence

TITLE = "onset error (s)"
NEEDS = ("output_onsets", "target_onsets")
BETTER = "lower"
TASKS = ("v2a",)
SILENT = 1.0
MISSED = 1.0  # seconds that an event without any onset costs, and the most that one may cost


def compute(output_onsets: Sequence[float], target_onsets: Sequence[float]) -> float:
    """Mean over the target's events, each at most MISSED. ValueError where there are no events."""
    if len(target_onsets) == 0:
        raise ValueError("the target has no onsets")
    return sum(
        min([MISSED, *(abs(event - onset) for onset in output_onsets)]) for event in target_onsets
    ) / len(target_onsets)
