"""Energy contours compared: correlation and lag."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.metrics import Metric

SMOOTH_FRAMES = 9
MAX_LAG_SECONDS = 0.5


def smooth(contour: Tensor, width: int = SMOOTH_FRAMES) -> Tensor:
    """Moving mean of odd `width` over a contour [n], edges repeated."""
    if contour.ndim != 1 or contour.numel() == 0:
        raise ValueError(f"expected a contour [n], got shape {list(contour.shape)}")
    half = width // 2
    padded = torch.cat([contour[:1].expand(half), contour, contour[-1:].expand(half)])
    return padded.double().unfold(0, width, 1).mean(-1)


def pearson(a: Tensor, b: Tensor) -> float:
    """Correlation of two vectors [n]; 0 where exactly one is constant, 1 where both are."""
    if a.shape != b.shape:
        raise ValueError(f"lengths differ: {list(a.shape)} and {list(b.shape)}")
    a, b = a.double() - a.double().mean(), b.double() - b.double().mean()
    na, nb = a.norm(), b.norm()
    tiny = 1e-9 * len(a) ** 0.5
    if na < tiny or nb < tiny:
        return 1.0 if na < tiny and nb < tiny else 0.0
    return float((a @ b) / (na * nb))


def aligned(a: Tensor, b: Tensor, lag: int = 0) -> tuple[Tensor, Tensor]:
    """The overlap of contours [n] and [m] when `a` comes `lag` frames after `b`."""
    a, b = (a[lag:], b) if lag >= 0 else (a, b[-lag:])
    n = min(len(a), len(b))
    return a[:n], b[:n]


def padded_pair(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both contours at the longer length; missing frames count as silence."""
    n = max(len(a), len(b))
    return pad(a, (0, n - len(a))), pad(b, (0, n - len(b)))


def energy_correlation(output_energy: Tensor, target_energy: Tensor) -> float:
    """Energy correlation: Pearson r of the smoothed energy contours of output and target.

    Pearson r of two contours [n], [m] at 93.75 Hz; 0 for a constant output.

    Frames of 256 samples at 24 kHz, 9-frame mean, no shift allowed; a missing end counts as silence.
    Unrelated clips of one corpus may already reach 0.5: print that baseline beside it.
    """
    output, target = padded_pair(output_energy, target_energy)
    return pearson(smooth(output), smooth(target))


def energy_lag(output_energy: Tensor, target_energy: Tensor) -> float:
    """Energy lag: the shift in seconds at which output and target contours correlate best.

    Absolute lag in seconds, at most MAX_LAG_SECONDS.
    """
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


METRICS = {
    "energy_correlation": Metric(
        "energy r",
        ("output_energy", "target_energy"),
        "higher",
        energy_correlation,
        tasks=("v2s", "v2a"),
        silent=-1.0,
    ),
    "energy_lag": Metric(
        "energy lag (s)",
        ("output_energy", "target_energy"),
        "lower",
        energy_lag,
        tasks=("v2s", "v2a"),
    ),
}
