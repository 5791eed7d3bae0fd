"""Energy correlation: Pearson r of the smoothed energy contours of output and target.

Frames of 256 samples at 24 kHz, 9-frame mean, no shift allowed; a missing end counts as silence.
Unrelated clips of one corpus may already reach 0.5: print that baseline beside it.
"""

from torch import Tensor

from deepaudio.metrics.contour import padded_pair, pearson, smooth

TITLE = "energy r"
NEEDS = ("output_energy", "target_energy")
BETTER = "higher"
SILENT = -1.0
TASKS = ("v2s", "v2a")


def compute(output_energy: Tensor, target_energy: Tensor) -> float:
    """Pearson r of two contours [n], [m] at 93.75 Hz; 0 for a constant output."""
    output, target = padded_pair(output_energy, target_energy)
    return pearson(smooth(output), smooth(target))
