"""What a followed face says about speech: mouth geometry over face size, head pose, change in the mouth's image."""

import numpy as np

from deepaudio.encoders.face import CROP, Face

# Points of the mesh (MediaPipe's numbering).
RIGHT_EYE, LEFT_EYE, NOSE, CHIN, BROW = 33, 263, 1, 152, 10
INNER_PAIRS = ((82, 87), (13, 14), (312, 317))
INNER_RING = (
    78,
    191,
    80,
    81,
    82,
    13,
    312,
    311,
    310,
    415,
    308,
    324,
    318,
    402,
    317,
    14,
    87,
    178,
    88,
    95,
)
OUTER_TOP, OUTER_BOTTOM, OUTER_RIGHT, OUTER_LEFT, INNER_RIGHT, INNER_LEFT = 0, 17, 61, 291, 78, 308

# Lengths over the distance of the outer eye corners, areas over its square.
SHAPE = (
    "aperture", "outer_aperture", "area", "width", "inner_width", "jaw", "upper_lip", "lower_lip", "corners", "dark",
)  # fmt: skip
POSE = ("yaw", "pitch", "roll")
PATCH = (12, 16)  # rows and columns of the mouth's small frame


# Pairs of points whose distances are measured.
_SPANS = np.array(
    [*INNER_PAIRS, (OUTER_TOP, OUTER_BOTTOM), (OUTER_RIGHT, OUTER_LEFT), (INNER_RIGHT, INNER_LEFT),
     (NOSE, CHIN), (OUTER_TOP, 13), (14, OUTER_BOTTOM)]
)  # fmt: skip


def shape(face: Face) -> np.ndarray:
    """Mouth shape of one face, in the order of SHAPE: float32 [10]."""
    p = face.points
    size = max(float(np.linalg.norm(p[LEFT_EYE] - p[RIGHT_EYE])), 1e-3)
    apart = p[_SPANS[:, 0]] - p[_SPANS[:, 1]]
    spans = np.sqrt((apart * apart).sum(1)) / size
    upright = _upright(p) / size
    x, y = upright[list(INNER_RING)].T
    area = 0.5 * abs(float(x[:-1] @ y[1:] - x[1:] @ y[:-1] + x[-1] * y[0] - x[0] * y[-1]))
    lips = upright[[13, 14, 61, 291], 1]
    corners = float(lips[2:].mean() - lips[:2].mean())
    inner = len(INNER_PAIRS)
    return np.array(
        [
            spans[:inner].mean(), spans[inner], area, *spans[inner + 1:],
            corners, _darkness(face),
        ],
        dtype=np.float32,
    )  # fmt: skip


def pose(face: Face) -> np.ndarray:
    """Yaw, pitch (both as depth differences over eye distance) and roll in radians: float32 [3]."""
    p = face.points
    across, down = p[LEFT_EYE] - p[RIGHT_EYE], p[CHIN] - p[BROW]
    size = max(float(np.linalg.norm(across)), 1e-3)
    roll = np.arctan2(across[1], across[0])
    return np.array([across[2] / size, down[2] / size, roll], dtype=np.float32)


def place(face: Face) -> np.ndarray:
    """Where the face is: centre of the eyes over eye distance, log of eye distance over frame diagonal: [3]."""
    eyes = face.points[[RIGHT_EYE, LEFT_EYE]]
    size = max(float(np.linalg.norm(eyes[0] - eyes[1])), 1e-3)
    centre = eyes[:, :2].mean(0) / size
    return np.array([centre[0], centre[1], np.log(size / np.hypot(*face.frame))], dtype=np.float32)


def patch(face: Face) -> np.ndarray:
    """Small grey frame of mouth and chin, upright and scaled with the face: float32 [12 16] in 0 .. 1."""
    p = face.crop_points
    size = float(np.linalg.norm(p[LEFT_EYE] - p[RIGHT_EYE]))
    centre = p[[13, 14, OUTER_RIGHT, OUTER_LEFT]].mean(0)
    rows, columns = PATCH
    x = centre[0] + np.linspace(-0.45, 0.45, 2 * columns) * size
    y = centre[1] + np.linspace(-0.25, 0.42, 2 * rows) * size
    column = np.clip(x.round().astype(int), 0, CROP - 1)
    row = np.clip(y.round().astype(int), 0, CROP - 1)
    grey = face.crop[row][:, column].mean(-1) / 255
    return grey.reshape(rows, 2, columns, 2).mean((1, 3))


def _upright(points: np.ndarray) -> np.ndarray:
    """x and y of the points, turned so that the eyes are level."""
    across = points[LEFT_EYE] - points[RIGHT_EYE]
    angle = -np.arctan2(across[1], across[0])
    cos, sin = np.cos(angle), np.sin(angle)
    return points[:, :2] @ np.array([[cos, sin], [-sin, cos]], dtype=np.float32)


def _darkness(face: Face) -> float:
    """How much darker the inside of the lips is than the cheeks, 0 .. 1."""
    p = np.clip(face.crop_points.round().astype(int), 0, CROP - 1)
    inside = (p[13] + p[14]) // 2
    spot = face.crop[max(0, inside[1] - 2) : inside[1] + 3, max(0, inside[0] - 5) : inside[0] + 6]
    cheeks = np.stack([face.crop[p[i, 1], p[i, 0]] for i in (50, 280, 205, 425)])
    return float(np.clip(cheeks.mean() - spot.mean(), -255, 255)) / 255 if spot.size else 0.0
