"""Gate accuracy: share of instructions that the MoF gate routes to the right direction."""

TITLE = "gate accuracy"
NEEDS = ("label", "output_direction")
BETTER = "higher"
TASKS = ("mof",)
SCALE = 100.0


def compute(label: str, output_direction: str) -> float:
    """1 where the direction is the label, else 0."""
    return float(label == output_direction)
