"""Where speech begins and ends in an energy contour."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def active_span(energy: Float[Tensor, " n"], threshold: float = 0.1) -> tuple[int, int]:
    """First and one past the last frame at or above `threshold` of the smoothed peak; (0, n) for silence."""
    smooth = smoothed(energy, 5)
    loud = (smooth >= threshold * smooth.max()).nonzero()[:, 0]
    if len(loud) == 0 or float(smooth.max()) <= 0:
        return 0, len(energy)
    return int(loud[0]), int(loud[-1]) + 1


def smoothed(energy: Float[Tensor, " n"], width: int) -> Float[Tensor, " n"]:
    """Moving average over `width` (odd) frames, edges repeated."""
    padded = F.pad(energy[None, None].float(), (width // 2, width // 2), mode="replicate")
    return F.avg_pool1d(padded, width, stride=1)[0, 0]
