"""Drawn actions: hitting, walking, rolling, raining, and nothing at all."""

import numpy as np

from deepaudio.data.synthetic.draw import Pen
from deepaudio.data.synthetic.prompts import say
from deepaudio.data.synthetic.scene import Scene, render
from deepaudio.data.synthetic.scene import colour as paint
from deepaudio.data.synthetic.sound import (
    SAMPLE_RATE,
    SURFACES,
    Body,
    place,
    rain,
    rolling,
    room,
    step,
)


def hitting(duration: float, rng: np.random.Generator, material: str) -> Scene:
    """A stick with a head that strikes a thing."""
    period = rng.uniform(0.25, 0.9)
    start = rng.uniform(0.15, 0.6 * duration)
    times = [start]
    while times[-1] + period < duration - 0.05 and rng.random() < 0.93:
        times.append(times[-1] + period * rng.uniform(0.85, 1.2))
    times = [t for t in times if t < duration]
    force = [rng.uniform(0.45, 1) for _ in times]
    side, reach = rng.choice([-1, 1]), rng.uniform(0.2, 0.45)
    px, py = 0.5 - side * reach * 0.8, rng.uniform(0.45, 0.75)
    lift, colour, tool = rng.uniform(0.4, 1.2), paint(material, rng), paint("wood", rng)
    target = rng.choice(["box", "ball"])
    before = rng.uniform(0.12, 0.3)

    def angle(t: float) -> float:
        following = next((s for s in times if s > t), None)
        earlier = max((s for s in times if s <= t), default=None)
        up = 0.0
        if following is not None and following - t < (following - (earlier or following - 9)):
            gap = following - earlier if earlier is not None else 2 * before
            u = 1 - (following - t) / gap
            up = (
                np.sin(np.pi * np.clip(u, 0, 1) ** 1.6)
                if earlier is not None
                else (1.0 if u < 0.3 else np.cos(np.pi / 2 * (np.clip(u, 0.3, 1) - 0.3) / 0.7))
            )
        elif earlier is not None:
            up = 0.25 * np.clip((t - earlier) / 0.2, 0, 1)
        return side * lift * float(up)

    def draw(pen: Pen, t: float) -> None:
        a = angle(t)
        pen.thing(target, 0.5 + side * 0.06, py + 0.13, 0.12, colour)
        ex, ey = px + side * reach * np.cos(a), py - reach * abs(np.sin(a))
        pen.line(px, py, ex, ey, 0.025, tool)
        pen.thing("ball", ex, ey, 0.035, (70, 70, 75))

    blows = tuple(zip(times, force, strict=True))
    size = float(rng.uniform(0.2, 1))
    wave = render(duration, blows, Body(material, rng, size), rng)
    said = say("hit", rng, material)
    return Scene("hit", duration, draw, wave, tuple(times), said, material, blows, size)


def walking(duration: float, rng: np.random.Generator, material: str) -> Scene:
    """A figure that walks, in place or across the frame."""
    surface, period = str(rng.choice(list(SURFACES))), rng.uniform(0.32, 0.75)
    begin, end = (
        (0.0, duration)
        if rng.random() < 0.5
        else (rng.uniform(0, 0.4) * duration, duration * rng.uniform(0.6, 1))
    )
    times = [t for t in np.arange(begin + rng.uniform(0.05, 0.4) * period, end, period)]
    floor, leg = rng.uniform(0.8, 0.95), rng.uniform(0.2, 0.32)
    x0, vx = rng.uniform(0.1, 0.3), rng.choice([0.0, rng.uniform(0.1, 0.22)])
    if rng.random() < 0.5:
        x0, vx = 1 - x0, -vx
    shirt, trousers = paint("rubber", rng), paint("stone", rng)

    def draw(pen: Pen, t: float) -> None:
        pen.floor(floor)
        walking = bool(times) and times[0] - period <= t <= times[-1]
        phase = (t - times[0]) / period if times else 0.0  # a whole number at each footfall
        swing = 0.55 * np.cos(np.pi * phase) if walking else 0.05
        x = x0 + vx * (np.clip(t, times[0], times[-1]) - times[0] if times else 0)
        bob = 0.02 * abs(np.sin(np.pi * phase)) if walking else 0.0
        hip = floor - leg * np.cos(0.55) - bob
        for sign in (1, -1):
            a = sign * swing
            lifted = (
                0.05 * np.sin(np.pi * (phase % 1))
                if walking and (sign * np.sin(np.pi * phase) > 0)
                else 0.0
            )
            pen.line(
                x,
                hip,
                x + leg * np.sin(a),
                min(floor, hip + leg * np.cos(a)) - lifted,
                0.03,
                trousers,
            )
        pen.line(x, hip, x, hip - 0.28, 0.07, shirt)
        pen.thing("ball", x, hip - 0.36, 0.055, (222, 180, 150))

    out = np.zeros(round(duration * SAMPLE_RATE), dtype=np.float32)
    for t in times:
        place(out, step(surface, rng.uniform(0.6, 1), rng), float(t))
    said = say("steps", rng, "", surface)
    return Scene(
        "steps",
        duration,
        draw,
        room(out, rng.uniform(0, 0.5), rng),
        tuple(float(t) for t in times),
        said,
        surface,
    )


def rolling_by(duration: float, rng: np.random.Generator, material: str) -> Scene:
    """A wheel that rolls out, perhaps into a post."""
    floor, radius, side = rng.uniform(0.7, 0.92), rng.uniform(0.05, 0.12), rng.choice([-1, 1])
    start, run = rng.uniform(0.1, 0.3 * duration), rng.uniform(0.8, 0.6 * duration + 0.4)
    speed0, wall = rng.uniform(0.35, 0.9), rng.random() < 0.5
    grid = np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE
    u = np.clip((grid - start) / run, 0, 1)
    speed = speed0 * np.minimum(1, u * 8) * (1 - u) * (u < 1)
    x = 0.5 - side * 0.38 + side * np.cumsum(speed) / SAMPLE_RATE
    edge = 0.5 + side * rng.uniform(0.0, 0.3)
    blows = []
    if wall and (side * (x - edge) > 0).any():
        hit = int(np.argmax(side * (x - edge) > 0))
        blows = [(hit / SAMPLE_RATE, float(0.4 + speed[hit]))]
        speed[hit:] = 0
        x[hit:] = x[hit]
    colour = paint(material, rng)

    def draw(pen: Pen, t: float) -> None:
        pen.floor(floor)
        at = x[min(len(x) - 1, int(t * SAMPLE_RATE))]
        if blows:
            pen.line(
                edge + side * radius, floor, edge + side * radius, floor - 0.3, 0.02, (90, 80, 70)
            )
        pen.thing("wheel", at, floor - radius, radius, colour, side * (at - 0.5) / radius)

    wave = rolling(speed, material, rng) + render(duration, blows, Body(material, rng, 0.5), rng)
    said = say("roll", rng, material)
    heard = tuple(t for t, _ in blows)
    return Scene("roll", duration, draw, wave, heard, said, material, tuple(blows), 0.5, speed)


def raining(duration: float, rng: np.random.Generator, material: str) -> Scene:
    """Streaks of rain, steady or growing."""
    knots = rng.choice([0.0, 0.5, 1.0], 4) * rng.uniform(0.5, 1)
    grid = np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE
    density = np.interp(
        grid,
        np.linspace(0, duration, 4),
        np.sort(knots) if rng.random() < 0.5 else np.full(4, rng.uniform(0.3, 1)),
    )
    drops = rng.uniform(0, 1, (90, 3))
    speed, slant = rng.uniform(1.5, 3.5), rng.uniform(-0.1, 0.1)

    def draw(pen: Pen, t: float) -> None:
        count = int(90 * density[min(len(density) - 1, int(t * SAMPLE_RATE))])
        for x, y, z in drops[:count]:
            top = (y + speed * (0.7 + 0.3 * z) * t) % 1.1 - 0.1
            pen.line(x, top, x + slant, top + 0.07, 0.006, (190, 205, 225))

    said = say("rain", rng)
    return Scene("rain", duration, draw, rain(density, rng), (), said)


def nothing(duration: float, rng: np.random.Generator, material: str) -> Scene:
    """A thing that makes no sound: it stands still, drifts, or swings and floats through the air."""
    colour, x, y = paint(material, rng), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8)
    drift = rng.choice([0.0, rng.uniform(-0.03, 0.03), rng.uniform(-0.2, 0.2)])
    swing = rng.choice([0, 0, 1]) * rng.uniform(0.02, 0.2, 2)
    rates, phases = rng.uniform(0.15, 0.8, 2), rng.uniform(0, 2 * np.pi, 2)
    shape, size = str(rng.choice(["box", "ball", "stick"])), rng.uniform(0.05, 0.12)

    def draw(pen: Pen, t: float) -> None:
        pen.floor(0.95)
        dx, dy = swing * np.sin(2 * np.pi * rates * t + phases)
        pen.thing(shape, x + drift * t + dx, y + 0.5 * dy, size, colour)

    said = say("still", rng, material)
    return Scene(
        "still",
        duration,
        draw,
        np.zeros(round(duration * SAMPLE_RATE), np.float32),
        (),
        said,
        material,
    )
