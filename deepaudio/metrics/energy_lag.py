"""Energy lag: the shift in seconds at which output and target contours correlate best."""

from torch import Tensor

from deepaudio.metrics.contour import FRAME_RATE, aligned, padded_pair, pearson, smooth

TITLE = "energy lag (s)"
NEEDS = ("output_energy", "target_energy")
BETTER = "lower"
TASKS = ("v2s", "v2a")
MAX_LAG_SECONDS = 0.5


def compute(output_energy: Tensor, target_energy: Tensor) -> float:
    """Absolute lag in seconds, at most MAX_LAG_SECONDS."""
    return abs(signed(output_energy, target_energy))


def signed(output_energy: Tensor, target_energy: Tensor) -> float:
    """Lag in seconds; positive where the output comes late. The smallest of equal shifts wins.

    A contour without any variation has no lag to find: it counts as the largest.
    """
    output, target = (smooth(x) for x in padded_pair(output_energy, target_energy))
    if float(output.std()) == 0.0 or float(target.std()) == 0.0:
        return MAX_LAG_SECONDS
    reach = min(int(MAX_LAG_SECONDS * FRAME_RATE), len(output) - 2)
    shifts = sorted(range(-reach, reach + 1), key=abs)
    best = max(shifts, key=lambda lag: pearson(*aligned(output, target, lag)))
    return best / FRAME_RATE
