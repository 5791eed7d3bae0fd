"""A pen for drawn scenes: places in 0 .. 1 of the frame, smooth edges by drawing larger and shrinking."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
FINE = 2  # drawn this many times larger than the frame


class Pen:
    """Draws on one frame; a thing's size is a share of the frame's shorter side."""

    def __init__(
        self, image: Image.Image, floor_colour: Colour, shift: tuple[float, float] = (0.0, 0.0)
    ):
        self.draw = ImageDraw.Draw(image)
        self.width, self.height = image.size
        self.short = min(image.size)
        self.floor_colour, self.shift = floor_colour, shift

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return (x + self.shift[0]) * self.width, (y + self.shift[1]) * self.height

    def floor(self, y: float) -> None:
        """Everything below `y` is ground."""
        self.fill(-1, y, 2, 2, self.floor_colour)

    def fill(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.draw.rectangle([*self._at(left, top), *self._at(right, bottom)], fill=colour)

    def line(
        self, x0: float, y0: float, x1: float, y1: float, width: float, colour: Colour
    ) -> None:
        self.draw.line(
            [self._at(x0, y0), self._at(x1, y1)],
            fill=colour,
            width=max(1, round(width * self.short)),
        )

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        cx, cy = self._at(x, y)
        rx, ry = rx * self.short, ry * self.short
        self.draw.ellipse([cx - rx, cy - ry, cx + rx, cy + ry], fill=colour)

    def thing(
        self, shape: str, x: float, y: float, size: float, colour: Colour, tilt: float = 0.0
    ) -> None:
        """ball, box, stick or wheel around (x, y); `size` is half its extent downwards, so it stands at y + size."""
        cx, cy = self._at(x, y)
        down = (
            size * self.height
        )  # vertical extents follow the frame, so that floors are met exactly
        if shape in ("ball", "wheel"):
            self.draw.ellipse([cx - down, cy - down, cx + down, cy + down], fill=colour)
            lit = tuple(min(255, c + 45) for c in colour)
            self.draw.ellipse(
                [cx - 0.55 * down, cy - 0.6 * down, cx - 0.05 * down, cy - 0.1 * down], fill=lit
            )
            if shape == "wheel":
                for k in range(2):
                    a = tilt + k * np.pi / 2
                    dx, dy = down * np.cos(a), down * np.sin(a)
                    self.draw.line(
                        [cx - dx, cy - dy, cx + dx, cy + dy],
                        fill=(30, 30, 30),
                        width=max(1, int(down / 6)),
                    )
            return
        wide = down if shape == "box" else 0.25 * down
        cos, sin = np.cos(tilt), np.sin(tilt)
        corners = [(-wide, -down), (wide, -down), (wide, down), (-wide, down)]
        self.draw.polygon(
            [(cx + cos * u - sin * v, cy + sin * u + cos * v) for u, v in corners], fill=colour
        )


class Camera:
    """Size of the frame, background, noise and shake of one drawn clip."""

    SIZES = ((160, 120), (192, 108), (128, 128), (108, 192), (240, 160))
    RATES = (15.0, 24.0, 24000 / 1001, 25.0, 25.0, 30.0, 30000 / 1001, 50.0, 60.0)

    def __init__(
        self,
        rng: np.random.Generator,
        size: tuple[int, int] | None = None,
        rate: float | None = None,
    ):
        self.width, self.height = size or self.SIZES[rng.integers(len(self.SIZES))]
        self.rate = rate or float(self.RATES[rng.integers(len(self.RATES))])
        self.noise = float(rng.choice([0.0, 1.5, 4.0]))
        self.shake = float(rng.choice([0.0, 0.0, 0.0, 0.004]))
        self.seed = int(rng.integers(1 << 30))
        self.ground = tuple(int(v) for v in rng.integers(40, 200, 3))
        self.background = self._background(rng)

    def _background(self, rng: np.random.Generator) -> Image.Image:
        size = (self.width * FINE, self.height * FINE)
        corners = rng.integers(60, 225, (2, 2, 1)) + rng.integers(-30, 31, (2, 2, 3))
        corners = np.clip(corners, 0, 255).astype(np.uint8)
        image = Image.fromarray(corners).resize(size, Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(image)
        for _ in range(rng.integers(0, 5)):
            x, y = rng.uniform(0, 1, 2) * size
            w, h = rng.uniform(0.05, 0.3, 2) * size
            draw.rectangle(
                [x, y, x + w, y + h], fill=tuple(int(v) for v in rng.integers(50, 230, 3))
            )
        return image

    def frames(self, draw, duration: float) -> Iterator[tuple[float, np.ndarray]]:
        """(seconds, (h w 3) uint8) of `draw(pen, seconds)` at the camera's rate."""
        rng = np.random.default_rng(self.seed)
        for index in range(max(1, int(duration * self.rate))):
            seconds = index / self.rate
            image = self.background.copy()
            shift = rng.normal(0, self.shake, 2) if self.shake else (0.0, 0.0)
            draw(Pen(image, self.ground, (float(shift[0]), float(shift[1]))), seconds)
            frame = np.asarray(image.resize((self.width, self.height), Image.Resampling.BOX))
            if self.noise:
                noisy = frame + rng.normal(0, self.noise, frame.shape[:2])[..., None]
                frame = np.clip(noisy, 0, 255).astype(np.uint8)
            yield seconds, frame
