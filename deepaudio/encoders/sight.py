"""Motion without a face: change on a coarse grid, its flow, and where the moving thing is."""

import numpy as np
from PIL import Image

SIZE = 48  # the frame is squeezed to SIZE x SIZE grey pixels
GRID = 6  # cells a side for change
FLOW = 3  # cells a side for flow
NOISE = 0.012  # grey-level change (0 .. 1) below which a pixel counts as still: compression noise
CUT = 0.04  # mean grey-level change that is another shot
BACKGROUND = 2.0  # seconds to each side
RATE = 25.0  # changes are given per 1/RATE second

# What `things` yields for one frame.
THING = ("mass", "x", "y", "spread_x", "spread_y", "top", "bottom")


def shrink(frame: np.ndarray) -> np.ndarray:
    """(h w 3) uint8 to grey float32 [SIZE SIZE] in 0 .. 1, each pixel the mean of what it covers."""
    image = Image.fromarray(frame).convert("L")
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BOX), dtype=np.float32) / 255


def change(grey: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel change per 1/RATE s for frames [f h w] at `times` [f]: (absolute above noise, signed).

    The first frame of a shot counts as still.
    """
    step = np.maximum(np.diff(times, prepend=times[0] - 1 / RATE), 1e-3)[:, None, None] * RATE
    signed = np.diff(grey, axis=0, prepend=grey[:1])
    signed[cuts(grey)] = 0
    return np.maximum(np.abs(signed) - NOISE, 0) / step, signed / step


def cells(values: np.ndarray, count: int) -> np.ndarray:
    """Means of [f h w] over count x count cells: [f count*count]."""
    f, h, w = values.shape
    return (
        values.reshape(f, count, h // count, count, w // count)
        .mean((2, 4))
        .reshape(f, count * count)
    )


def flow(grey: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Lucas-Kanade flow of FLOW x FLOW cells, in frame sides per second: [f 2*FLOW*FLOW]."""
    smooth = (
        grey
        + np.roll(grey, 1, 1)
        + np.roll(grey, -1, 1)
        + np.roll(grey, 1, 2)
        + np.roll(grey, -1, 2)
    ) / 5
    _, slope_t = change(smooth, times)
    slope_y, slope_x = np.gradient(smooth, axis=(1, 2))
    xx, yy, xy = (cells(a, FLOW) for a in (slope_x**2, slope_y**2, slope_x * slope_y))
    xt, yt = cells(slope_x * slope_t, FLOW), cells(slope_y * slope_t, FLOW)
    floor = 2e-4
    xx, yy = xx + floor, yy + floor
    det = xx * yy - xy**2
    u, v = (xy * yt - yy * xt) / det, (xy * xt - xx * yt) / det
    return np.clip(np.concatenate([u, v], 1) * RATE / SIZE, -4, 4)


def things(weight: np.ndarray) -> np.ndarray:
    """Mass, centre, spread and extent of a non-negative picture [f h w], places in 0 .. 1: [f 7]; zeros where empty."""
    h, w = weight.shape[1:]
    mass = weight.mean((1, 2))
    total = np.maximum(weight.sum((1, 2)), 1e-6)
    x_axis, y_axis = (np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h
    columns, rows = weight.sum(1) / total[:, None], weight.sum(2) / total[:, None]
    x, y = columns @ x_axis, rows @ y_axis
    spread_x = np.sqrt(np.maximum(columns @ x_axis**2 - x**2, 0))
    spread_y = np.sqrt(np.maximum(rows @ y_axis**2 - y**2, 0))
    sums = np.cumsum(rows, axis=1)
    top, bottom = _quantile(sums, 0.05, y_axis), _quantile(sums, 0.95, y_axis)
    seen = (mass > 2e-4).astype(weight.dtype)
    return np.stack(
        [mass, x * seen, y * seen, spread_x * seen, spread_y * seen, top * seen, bottom * seen], 1
    )


def cuts(grey: np.ndarray) -> np.ndarray:
    """Whether each frame of [f h w] begins another shot: most of the picture changes at once."""
    jump = np.abs(np.diff(grey, axis=0, prepend=grey[:1])).mean((1, 2))
    usual = np.median(jump)
    return jump > max(CUT, 8 * usual)


def foreground(grey: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Difference of each frame from its surroundings in time, above noise: [f h w].

    The background is the median of the shot over BACKGROUND seconds to both sides, renewed every second.
    """
    out = np.zeros_like(grey)
    starts = np.flatnonzero(cuts(grey))
    for low, high in zip([0, *starts], [*starts, len(grey)], strict=True):
        shot, at = grey[low:high], times[low:high]
        if len(shot) < 3:
            continue
        for block in np.unique(np.floor(at)):
            near = shot[np.abs(at - block - 0.5) < BACKGROUND + 0.5]
            background = np.median(near[:: max(1, len(near) // 40)], axis=0)
            inside = np.flatnonzero(np.floor(at) == block)
            out[low + inside] = np.maximum(np.abs(shot[inside] - background) - 3 * NOISE, 0)
    return out


def _quantile(sums: np.ndarray, level: float, axis: np.ndarray) -> np.ndarray:
    """Place where the rising sums [f n] reach `level`, between the samples of `axis`."""
    index = np.argmax(sums >= level, axis=1)
    before = np.maximum(index - 1, 0)
    rows = np.arange(len(sums))
    low, high = sums[rows, before], sums[rows, index]
    part = np.clip((level - low) / np.maximum(high - low, 1e-9), 0, 1)
    return axis[before] + part * (axis[index] - axis[before])
