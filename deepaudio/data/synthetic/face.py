"""A drawn talking face: its looks from a generator, its mouth from a track of opening and width."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter1d

Colour = tuple[int, int, int]
FINE = 2
MOUTH_RATE = 100.0


@dataclass(frozen=True)
class Looks:
    """Colours and proportions of one face."""

    skin: Colour
    hair: Colour
    shirt: Colour
    lips: Colour
    eye: Colour
    wide: float  # face width over height
    mouth: float  # width of the closed mouth over face width
    hair_line: float
    brow: float
    beard: bool

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Looks":
        skin = np.array(
            ((240, 205, 180), (225, 180, 150), (190, 140, 105), (140, 95, 70), (95, 65, 50))[
                rng.integers(5)
            ]
        )
        hair = ((40, 30, 25), (90, 60, 35), (170, 130, 70), (60, 60, 65), (120, 50, 30))[
            rng.integers(5)
        ]
        red = np.array((185, 75, 80))
        lips = (0.45 * skin + 0.55 * red * (0.6 + 0.4 * skin.mean() / 220)).astype(int)
        return cls(
            tuple(int(v) for v in skin), hair, tuple(int(v) for v in rng.integers(40, 200, 3)),
            tuple(int(v) for v in lips), ((70, 50, 35), (60, 90, 120), (60, 100, 70))[rng.integers(3)],
            float(rng.uniform(0.7, 0.8)), float(rng.uniform(0.34, 0.44)), float(rng.uniform(0.2, 0.3)),
            float(rng.uniform(0.012, 0.022)), bool(rng.random() < 0.15),
        )  # fmt: skip


def mouth_track(
    waveform: np.ndarray, sample_rate: int, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Opening and spread of a mouth that says `waveform`, 0 .. 1 at MOUTH_RATE: [n 2].

    Opening follows the loudness of the vowel band, a little ahead of the sound as lips are; spread follows
    the balance of front and back vowels. With a generator, the way a mouth moves varies.
    """
    count = max(1, int(len(waveform) / sample_rate * MOUTH_RATE))
    edges = (np.arange(count + 1) * len(waveform) / count).astype(int)
    window = int(0.025 * sample_rate)
    spectrum_at = np.clip(edges[:-1] - window // 2, 0, max(0, len(waveform) - window))
    frames = np.stack([waveform[a : a + window] for a in spectrum_at]) * np.hanning(window)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    hertz = np.fft.rfftfreq(window, 1 / sample_rate)

    def loud(low: float, high: float) -> np.ndarray:
        return np.sqrt(power[:, (hertz >= low) & (hertz < high)].sum(1))

    vowel, low, front = loud(350, 1100), loud(80, 350), loud(1700, 2800)
    top = np.percentile(vowel + low, 97) + 1e-9
    bend, lead, wobble = (
        (0.6, 0.03, 0.0)
        if rng is None
        else (rng.uniform(0.45, 0.8), rng.uniform(0.0, 0.06), rng.uniform(0, 0.12))
    )
    opening = np.clip((vowel + 0.35 * low) / top, 0, 1.1) ** bend
    spread = 0.5 + 0.5 * np.tanh(1.5 * (front - 0.35 * low) / (front + low + 0.02 * top))
    spread = 0.5 + (spread - 0.5) * np.clip(3 * (vowel + low) / top, 0, 1)
    smooth = MOUTH_RATE * (0.03 if rng is None else rng.uniform(0.025, 0.045))
    track = np.stack(
        [gaussian_filter1d(opening, smooth), gaussian_filter1d(spread, 1.5 * smooth)], 1
    )
    shift = int(lead * MOUTH_RATE)
    track = np.concatenate([track[shift:], np.repeat(track[-1:], shift, axis=0)])
    if wobble and rng is not None:
        noise = gaussian_filter1d(rng.standard_normal((count, 2)), 6, axis=0) * 3.5
        track += wobble * noise * np.minimum(1, 0.15 + track[:, :1])
    return np.clip(track, 0, 1)


class DrawnFace:
    """Draws one face at any time of its track."""

    def __init__(
        self,
        looks: Looks,
        track: np.ndarray,
        seed: int,
        size: float = 0.8,
        centre: tuple[float, float] = (0.5, 0.5),
    ):
        """`size`: face height over frame height; `track` as from `mouth_track`."""
        rng = np.random.default_rng(seed)
        self.looks, self.track, self.size, self.centre = looks, track, size, centre
        self.sway = rng.uniform(0.2, 0.7, 3), rng.uniform(0, 6.3, 3)
        self.restless = rng.uniform(0.2, 1.0)
        self.blinks = np.cumsum(rng.uniform(1.5, 4.0, 20))

    def mouth(self, seconds: float) -> tuple[float, float]:
        place = np.clip(seconds * MOUTH_RATE, 0, len(self.track) - 1)
        low = int(place)
        high = min(low + 1, len(self.track) - 1)
        value = self.track[low] * (1 - place + low) + self.track[high] * (place - low)
        return float(value[0]), float(value[1])

    def draw(self, image: Image.Image, seconds: float) -> None:
        """Paint head, hair and shoulders over `image` at time `seconds`."""
        width, height = image.size
        rates, phases = self.sway
        sway = np.sin(2 * np.pi * rates * seconds + phases) * self.restless
        opening, spread = self.mouth(seconds)
        tall = self.size * height / 2
        cx = self.centre[0] * width + 0.02 * tall * sway[0]
        cy = self.centre[1] * height + 0.015 * tall * sway[1]
        layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
        blink = float(np.clip(1 - 12 * np.abs(self.blinks - seconds).min(), 0, 1))
        _paint(ImageDraw.Draw(layer), self.looks, cx, cy, tall, opening, spread, blink)
        layer = layer.filter(ImageFilter.GaussianBlur(0.006 * tall))
        layer = layer.rotate(
            2.0 * float(sway[2]), Image.Resampling.BILINEAR, center=(cx, cy + tall)
        )
        image.paste(layer, (0, 0), layer)


def _shade(colour: Colour, factor: float) -> Colour:
    return tuple(int(np.clip(c * factor, 0, 255)) for c in colour)


def _paint(
    pen: ImageDraw.ImageDraw,
    looks: Looks,
    cx: float,
    cy: float,
    tall: float,
    opening: float,
    spread: float,
    blink: float,
) -> None:
    """Head of half height `tall` around (cx, cy); y grows downwards."""

    def oval(x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        box = [
            cx + (x - rx) * tall,
            cy + (y - ry) * tall,
            cx + (x + rx) * tall,
            cy + (y + ry) * tall,
        ]
        pen.ellipse(box, fill=(*colour, 255))

    def shape(points: np.ndarray, colour: Colour) -> None:
        pen.polygon([(cx + x * tall, cy + y * tall) for x, y in points], fill=(*colour, 255))

    wide, skin = looks.wide, looks.skin
    oval(0, 2.0, 1.5, 0.95, looks.shirt)
    shape(np.array([(-0.35, 0.6), (0.35, 0.6), (0.42, 1.35), (-0.42, 1.35)]), _shade(skin, 0.8))
    oval(0, -0.18, wide * 1.12, 0.95, looks.hair)
    jaw = 0.07 * opening
    for side in (-1, 1):
        oval(side * wide, 0.02, 0.1, 0.17, _shade(skin, 0.88))
    oval(
        0, jaw / 2, wide, 1.0 + jaw / 2, _shade(skin, 0.9)
    )  # a darker rim, then lighter skin inwards
    for k in range(6):
        oval(
            0,
            -0.02 + jaw / 2,
            wide * (0.95 - 0.05 * k),
            0.95 - 0.05 * k + jaw / 2,
            _shade(skin, 0.92 + 0.016 * k),
        )
    shape(_arc(0, -0.62 - looks.hair_line * 0.3, wide * 0.98, 0.42, np.pi, 2 * np.pi), looks.hair)
    for side in (-1, 1):
        x = side * 0.36 * wide / 0.75
        oval(x, -0.13, 0.19, 0.115, _shade(skin, 0.82))
        open_eye = 0.075 * (1 - 0.9 * blink)
        oval(x, -0.12, 0.145, open_eye + 0.02, _shade(skin, 0.55))
        oval(x, -0.115, 0.135, open_eye, (245, 243, 240))
        if blink < 0.7:
            oval(x, -0.115, 0.068, min(0.068, open_eye), looks.eye)
            oval(x, -0.115, 0.033, min(0.033, open_eye), (15, 12, 12))
            oval(x - 0.022, -0.14, 0.014, 0.014, (255, 255, 255))
        brow = _arc(x, -0.24, 0.2, 0.09, 1.12 * np.pi, 1.88 * np.pi)
        shape(
            np.concatenate([brow, brow[::-1] + np.array((0, looks.brow * 2.6))]),
            _shade(looks.hair, 0.9),
        )
    shape(np.array([(-0.035, -0.1), (0.035, -0.1), (0.07, 0.2), (-0.07, 0.2)]), _shade(skin, 1.03))
    shape(np.array([(0.035, -0.08), (0.06, -0.05), (0.1, 0.22), (0.06, 0.22)]), _shade(skin, 0.86))
    oval(0, 0.23, 0.115, 0.062, _shade(skin, 0.93))
    for side in (-1, 1):
        oval(side * 0.055, 0.262, 0.032, 0.018, _shade(skin, 0.5))
    if looks.beard:
        oval(0, 0.72 + jaw, 0.4, 0.26, _shade(looks.hair, 1.1))
    _mouth(shape, looks, opening, spread)


def _mouth(shape: Callable, looks: Looks, opening: float, spread: float) -> None:
    half = looks.mouth * looks.wide * (0.82 + 0.36 * spread - 0.12 * opening)
    gap, top, y = 0.20 * opening, 0.055, 0.50
    u = np.linspace(-1, 1, 25)
    bow = np.sqrt(np.clip(1 - u**2, 0, 1))
    dip = 0.012 * np.exp(-((u / 0.18) ** 2))
    upper_out = np.stack([half * u, y - top * bow**1.2 - 0.25 * gap * bow + dip * bow], 1)
    upper_in = np.stack([half * 0.92 * u, y - 0.25 * gap * bow], 1)
    lower_in = np.stack([half * 0.92 * u, y + 0.75 * gap * bow], 1)
    lower_out = np.stack([half * u, y + 0.75 * gap * bow + 1.35 * top * bow], 1)
    shape(np.concatenate([upper_out, lower_out[::-1]]), looks.lips)
    if gap > 0.004:
        shape(np.concatenate([upper_in, lower_in[::-1]]), (52, 18, 22))
        if gap > 0.03:
            teeth = upper_in[5:-5]
            shape(
                np.concatenate([teeth, teeth[::-1] + np.array((0, min(0.045, 0.45 * gap)))]),
                (235, 230, 222),
            )
        if gap > 0.08:
            tongue = lower_in[6:-6]
            shape(np.concatenate([tongue - (0, 0.3 * gap), tongue[::-1]]), (170, 75, 80))
    else:
        shape(
            np.concatenate([upper_in - (0, 0.008), (lower_in + np.array((0, 0.006)))[::-1]]),
            _shade(looks.lips, 0.5),
        )


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> np.ndarray:
    a = np.linspace(start, end, 24)
    return np.stack([x + rx * np.cos(a), y + ry * np.sin(a)], 1)
