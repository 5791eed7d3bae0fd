"""Drawn things that fall: they bounce, land or splash."""

import numpy as np

from deepaudio.data.synthetic.draw import Pen
from deepaudio.data.synthetic.prompts import say
from deepaudio.data.synthetic.scene import Scene, render
from deepaudio.data.synthetic.scene import colour as paint
from deepaudio.data.synthetic.sound import SAMPLE_RATE, Body, place, splash


def bounces(
    fall: float, height: float, gravity: float, restitution: float, until: float
) -> list[tuple[float, float]]:
    """(time, speed) of each touch of a ball let go at `fall` from `height` over the floor; heights in frame sides."""
    speed = np.sqrt(2 * gravity * height)
    seconds = fall + speed / gravity
    touches = []
    while seconds < until and speed > 0.08 * np.sqrt(2 * gravity * height) and len(touches) < 14:
        touches.append((seconds, speed))
        speed *= restitution
        seconds += 2 * speed / gravity
    return touches


def ball_height(t: float, fall: float, height: float, gravity: float, touches: list) -> float:
    """Height over the floor at time `t` of the ball of `bounces`."""
    if t <= fall:
        return height
    if not touches or t < touches[0][0]:
        return max(0.0, height - 0.5 * gravity * (t - fall) ** 2)
    index = max(i for i, (seconds, _) in enumerate(touches) if seconds <= t)
    since, speed = t - touches[index][0], touches[index][1]
    following = touches[index + 1] if index + 1 < len(touches) else None
    up = following[1] if following else 0.0
    return max(0.0, up * since - 0.5 * gravity * since**2) if speed else 0.0


def bouncing(duration: float, rng: np.random.Generator, material: str) -> Scene:
    """A ball or box that is let go and bounces."""
    floor, radius = rng.uniform(0.72, 0.95), rng.uniform(0.035, 0.11)
    fall, gravity = rng.uniform(0.1, 0.4 * duration), rng.uniform(1.6, 5.5)
    height = rng.uniform(0.25, floor - radius + 0.1)
    elastic = {"rubber": (0.7, 0.88), "metal": (0.55, 0.8), "glass": (0.5, 0.75)}
    restitution = rng.uniform(*elastic.get(material, (0.4, 0.7)))
    touches = bounces(fall, height, gravity, restitution, duration + 3)
    first = touches[0][1] if touches else 1.0
    x0, vx = rng.uniform(0.15, 0.85), rng.choice([0.0, rng.uniform(-0.25, 0.25)])
    colour, shape = paint(material, rng), rng.choice(["ball", "ball", "box"])
    inside = x0 + vx * duration
    vx = vx if 0.05 < inside < 0.95 else 0.0
    hidden = rng.random() < 0.3  # comes into the frame from above

    def draw(pen: Pen, t: float) -> None:
        pen.floor(floor)
        h = ball_height(t, fall, height, gravity, touches)
        if hidden and t < fall:
            return
        pen.thing(shape, x0 + vx * max(0.0, t - fall), floor - radius - h, radius, colour)

    size = float(radius / 0.11)
    body = Body(material, rng, size)
    blows = tuple((float(t), 0.9 * (v / first) ** 1.3) for t, v in touches if t < duration)
    wave = render(duration, blows, body, rng)
    said = say("bounce", rng, material, "ball" if shape == "ball" else "box")
    heard = tuple(t for t, _ in blows)
    return Scene("bounce", duration, draw, wave, heard, said, material, blows, size)


def landing(duration: float, rng: np.random.Generator, material: str) -> Scene:
    """Something that drops and lands, perhaps twice."""
    floor, size = rng.uniform(0.75, 0.95), rng.uniform(0.06, 0.18)
    fall, gravity = rng.uniform(0.1, 0.5 * duration), rng.uniform(2, 6)
    height = rng.uniform(0.25, max(0.3, floor - size))
    land = fall + np.sqrt(2 * height / gravity)
    times = [(land, 1.0)] + ([(land + rng.uniform(0.08, 0.2), 0.35)] if rng.random() < 0.5 else [])
    times = [(s, v) for s, v in times if s < duration]
    x, spin, colour = rng.uniform(0.2, 0.8), rng.uniform(-4, 4), paint(material, rng)
    shape = rng.choice(["box", "ball", "stick"])

    def draw(pen: Pen, t: float) -> None:
        pen.floor(floor)
        h = max(0.0, height - 0.5 * gravity * max(0.0, t - fall) ** 2)
        tilt = spin * max(0.0, min(t, land) - fall)
        if len(times) > 1 and land < t < times[1][0]:
            u = (t - land) / (times[1][0] - land)
            h = 0.1 * size * 4 * u * (1 - u)
        pen.thing(shape, x, floor - size - h, size, colour, tilt)

    wave = render(duration, times, Body(material, rng, float(size / 0.18)), rng)
    said = say("fall", rng, material, "box" if shape == "box" else "object")
    heard = tuple(float(t) for t, _ in times)
    return Scene(
        "fall", duration, draw, wave, heard, said, material, tuple(times), float(size / 0.18)
    )


def splashing(duration: float, rng: np.random.Generator, material: str) -> Scene:
    """Something that falls into water."""
    water, size = rng.uniform(0.6, 0.8), rng.uniform(0.04, 0.1)
    fall, gravity = rng.uniform(0.1, 0.5 * duration), rng.uniform(2, 5)
    height = rng.uniform(0.3, water)
    land = float(fall + np.sqrt(2 * height / gravity))
    x, colour = rng.uniform(0.2, 0.8), paint(material, rng)
    sparks = np.stack([rng.uniform(-0.5, 0.5, 12), rng.uniform(0.4, 1.3, 12)], 1)

    def draw(pen: Pen, t: float) -> None:
        pen.fill(0, water, 1, 1, (60, 110, 170))
        if t < land:
            pen.thing(
                "ball",
                x,
                water - (height - 0.5 * gravity * max(0.0, t - fall) ** 2) - size,
                size,
                colour,
            )
            return
        since = t - land
        for vx, vy in sparks:
            y = vy * since - 2.5 * since**2
            if y > 0:
                pen.thing("ball", x + vx * since, water - y, 0.012, (170, 205, 235))

    out = np.zeros(round(duration * SAMPLE_RATE), dtype=np.float32)
    place(out, splash(0.9, rng), land)
    said = say("splash", rng)
    return Scene("splash", duration, draw, out, (land,) if land < duration else (), said)
