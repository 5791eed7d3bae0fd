"""Energy contours compared: smoothing, correlation and lag."""

import torch
from torch import Tensor
from torch.nn.functional import pad

SMOOTH_FRAMES = 9
FRAME_RATE = 24_000 / 256


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
