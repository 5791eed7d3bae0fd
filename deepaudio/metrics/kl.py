"""KL: divergence of the class distribution of the output from that of the target, softmax.

Sum over classes of p_target (log p_target - log p_output), averaged over items (KL-softmax). The published fixture's note
names its two sets of logits the other way round; its number is that of the second set as the target.
"""

from jaxtyping import Float
from torch import Tensor

TITLE = "KL"
NEEDS = ("output_classes", "target_classes")
BETTER = "lower"
TASKS = ("v2a",)


def compute(output_classes: Float[Tensor, " k"], target_classes: Float[Tensor, " k"]) -> float:
    """Divergence in nats of two vectors of logits [k]."""
    target = target_classes.double().log_softmax(-1)
    output = output_classes.double().log_softmax(-1)
    return float((target.exp() * (target - output)).sum())
