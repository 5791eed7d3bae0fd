"""Tag recall: share of the target's ten strongest sound classes among the output's ten strongest."""

from jaxtyping import Float
from torch import Tensor

TITLE = "tag recall"
NEEDS = ("output_classes", "target_classes")
BETTER = "higher"
TASKS = ("v2a",)
SCALE = 100.0
SILENT = 0.0
TOP = 10


def compute(output_classes: Float[Tensor, " k"], target_classes: Float[Tensor, " k"]) -> float:
    """Share in 0..1 for two vectors of logits [k]."""
    top = min(TOP, len(target_classes))
    wanted = set(target_classes.topk(top).indices.tolist())
    return len(wanted & set(output_classes.topk(top).indices.tolist())) / top
