"""Motion without a face: change on a coarse grid, its flow, and where the moving thing is.

Small frames are kept as bytes and looked at a block of frames at a time, so that long clips fit into memory.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

SIZE = 48  # the frame is squeezed to SIZE x SIZE pixels
GRID = 6  # cells a side for change
FLOW = 3  # cells a side for flow
NOISE = 0.012  # grey-level change (0 .. 1) below which a pixel counts as still: compression noise
CUT = 0.04  # mean grey-level change that is another shot
BACKGROUND = 2.0  # seconds to each side
RATE = 25.0  # changes are given per 1/RATE second
BLOCK = 512  # frames looked at together

# What `things` yields for one frame.
THING = ("mass", "x", "y", "spread_x", "spread_y", "top", "bottom")


def shrink(pixels: np.ndarray) -> np.ndarray:
    """RGB [h w 3] to [SIZE SIZE 3], each pixel the mean of what it covers."""
    return np.asarray(Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BOX))


def bright(grey: np.ndarray) -> np.ndarray:
    """Bytes to float32 in 0 .. 1."""
    return grey.astype(np.float32) / 255


def blocks(grey: np.ndarray) -> Iterator[tuple[slice, int, np.ndarray]]:
    """Runs of BLOCK frames in 0 .. 1, with the frame before them: which frames, how many to leave out, the images."""
    for low in range(0, len(grey), BLOCK):
        first = max(0, low - 1)
        which = slice(first, min(low + BLOCK, len(grey)))
        yield which, low - first, bright(grey[which])


def change(grey: np.ndarray, times: np.ndarray, cut: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixel change per 1/RATE s for frames [f h w] at `times` [f]: (absolute above noise, signed).

    The first frame, and that of a shot (`cut` [f]), count as still.
    """
    step = np.maximum(np.diff(times, prepend=times[0] - 1 / RATE), 1e-3)[:, None, None] * RATE
    signed = np.diff(grey, axis=0, prepend=grey[:1])
    signed[cut] = 0
    return np.maximum(np.abs(signed) - NOISE, 0) / step, signed / step


def cells(values: np.ndarray, count: int) -> np.ndarray:
    """Means of [f h w] over count x count cells: [f count*count]."""
    f, h, w = values.shape
    return (
        values.reshape(f, count, h // count, count, w // count)
        .mean((2, 4))
        .reshape(f, count * count)
    )


def smoothed(grey: np.ndarray) -> np.ndarray:
    """Each pixel with its four neighbours."""
    near = [np.roll(grey, step, axis) for axis in (1, 2) for step in (1, -1)]
    return (grey + near[0] + near[1] + near[2] + near[3]) / 5


def flow(smooth: np.ndarray, times: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Lucas-Kanade flow of FLOW x FLOW cells, in frame sides per second, of smoothed frames: [f 2*FLOW*FLOW]."""
    _, slope_t = change(smooth, times, cut)
    slope_y, slope_x = np.gradient(smooth, axis=(1, 2))
    xx, yy, xy = (cells(a, FLOW) for a in (slope_x**2, slope_y**2, slope_x * slope_y))
    xt, yt = cells(slope_x * slope_t, FLOW), cells(slope_y * slope_t, FLOW)
    floor = 2e-4
    xx, yy = xx + floor, yy + floor
    det = xx * yy - xy**2
    u, v = (xy * yt - yy * xt) / det, (xy * xt - xx * yt) / det
    return np.clip(np.concatenate([u, v], 1) * RATE / SIZE, -4, 4)


def things(weight: np.ndarray) -> np.ndarray:
    """Mass, centre, spread and extent of a non-negative frame [f h w], places in 0 .. 1: [f 7]; zeros where empty."""
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


def cuts(grey: np.ndarray, smooth: bool = False) -> np.ndarray:
    """Whether each of the byte frames [f h w] begins another shot: most of the video changes at once."""
    jump = np.zeros(len(grey), np.float32)
    for which, _, block in blocks(grey):
        seen = smoothed(block) if smooth else block
        jump[which.start + 1 : which.stop] = np.abs(np.diff(seen, axis=0)).mean((1, 2))
    usual = np.median(jump)
    return jump > max(CUT, 8 * usual)


def foreground(grey: np.ndarray, times: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """`things` of the difference of each byte frame [f h w] from its surroundings in time, above noise: [f 7].

    The background is the median of the shot over BACKGROUND seconds to both sides, renewed every second.
    """
    out = np.zeros((len(grey), len(THING)))
    starts = np.flatnonzero(cut)
    for low, high in zip([0, *starts], [*starts, len(grey)], strict=True):
        shot, at = grey[low:high], times[low:high]
        if len(shot) < 3:
            continue
        for second in np.unique(np.floor(at)):
            near = slice(
                np.searchsorted(at, second - BACKGROUND, "right"),
                np.searchsorted(at, second + 1 + BACKGROUND, "left"),
            )
            inside = slice(*np.searchsorted(at, [second, second + 1]))
            around = shot[near]
            background = np.median(bright(around[:: max(1, len(around) // 40)]), axis=0)
            apart = np.abs(bright(shot[inside]) - background) - 3 * NOISE
            out[low + inside.start : low + inside.stop] = things(np.maximum(apart, 0))
    return out


def _quantile(sums: np.ndarray, level: float, axis: np.ndarray) -> np.ndarray:
    """Place where the rising sums [f n] reach `level`, between the samples of `axis`."""
    index = np.argmax(sums >= level, axis=1)
    before = np.maximum(index - 1, 0)
    rows = np.arange(len(sums))
    low, high = sums[rows, before], sums[rows, index]
    part = np.clip((level - low) / np.maximum(high - low, 1e-9), 0, 1)
    return axis[before] + part * (axis[index] - axis[before])
