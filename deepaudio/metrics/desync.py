"""DeSync: mean absolute offset between sound and picture that Synchformer predicts, in seconds."""

TITLE = "DeSync (s)"
NEEDS = ("output_offsets",)
BETTER = "lower"
TASKS = ("v2a",)
SILENT = 2.0  # the largest offset of the classifier


def compute(output_offsets: list[float]) -> float:
    """Mean of the absolute offsets of the first and the last window."""
    return sum(abs(offset) for offset in output_offsets) / len(output_offsets)
