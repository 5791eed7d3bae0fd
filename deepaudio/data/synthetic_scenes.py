"""Drawn scenes whose sounds are known to the sample: falls, bounces, hits, steps, rolling, rain, splashes, stillness."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from deepaudio.data.synthetic_draw import Pen
from deepaudio.data.synthetic_sound import (
    MATERIALS,
    SAMPLE_RATE,
    SURFACES,
    Body,
    place,
    rain,
    rolling,
    room,
    splash,
    step,
)

Draw = Callable[[Pen, float], None]
LOOKS = {  # colours that go with a material when no prompt says otherwise
    "metal": ((150, 155, 165), (95, 100, 110), (190, 190, 195)),
    "glass": ((170, 215, 235), (200, 230, 240), (150, 200, 220)),
    "wood": ((150, 100, 55), (180, 130, 75), (115, 75, 40)),
    "plastic": ((230, 200, 40), (60, 180, 90), (240, 120, 180)),
    "rubber": ((210, 50, 45), (50, 60, 160), (230, 110, 40)),
    "stone": ((120, 118, 112), (90, 88, 85), (140, 135, 120)),
    "cardboard": ((190, 155, 110), (205, 170, 125), (170, 140, 100)),
}
WORDS = {
    "metal": ("metal", "steel", "iron"), "glass": ("glass", "crystal"), "wood": ("wooden", "wood"),
    "plastic": ("plastic",), "rubber": ("rubber",), "stone": ("stone", "rock"), "cardboard": ("cardboard", "paper"),
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """One drawn clip: how to draw it at a time, its sound, when something sounds, and what a person would call it."""

    kind: str
    duration: float
    draw: Draw
    waveform: np.ndarray
    onsets: tuple[float, ...]
    prompt: str
    material: str = ""
    extra: dict = field(default_factory=dict)


def make(
    kind: str, duration: float, rng: np.random.Generator, material: str | None = None
) -> Scene:
    """A random scene of a kind in KINDS; same generator state, same scene."""
    return KINDS[kind](duration, rng, material or str(rng.choice(list(MATERIALS))))


def _colour(material: str, rng: np.random.Generator) -> tuple[int, int, int]:
    choices = LOOKS[material]
    base = np.array(choices[rng.integers(len(choices))]) + rng.integers(-15, 16, 3)
    return tuple(int(v) for v in np.clip(base, 0, 255))


def _say(rng: np.random.Generator, material: str, *patterns: str, **values: str) -> str:
    words = WORDS.get(material, ("",))
    pattern = patterns[rng.integers(len(patterns))]
    return pattern.format(m=words[rng.integers(len(words))], **values)


def _render(
    duration: float, blows: list[tuple[float, float]], body: Body, rng: np.random.Generator
):
    """Waveform of (time, strength) blows on one body, in a random room."""
    out = np.zeros(round(duration * SAMPLE_RATE), dtype=np.float32)
    for seconds, strength in blows:
        place(out, body.strike(float(np.clip(strength, 0.02, 1)), rng), seconds)
    return room(out, rng.choice([0.0, rng.uniform(0.1, 0.8)]), rng)


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


def _bounce(duration: float, rng: np.random.Generator, material: str) -> Scene:
    floor, radius = rng.uniform(0.72, 0.95), rng.uniform(0.035, 0.11)
    fall, gravity = rng.uniform(0.1, 0.4 * duration), rng.uniform(1.6, 5.5)
    height = rng.uniform(0.25, floor - radius + 0.1)
    elastic = {"rubber": (0.7, 0.88), "metal": (0.55, 0.8), "glass": (0.5, 0.75)}
    restitution = rng.uniform(*elastic.get(material, (0.4, 0.7)))
    touches = bounces(fall, height, gravity, restitution, duration + 3)
    first = touches[0][1] if touches else 1.0
    x0, vx = rng.uniform(0.15, 0.85), rng.choice([0.0, rng.uniform(-0.25, 0.25)])
    colour, shape = _colour(material, rng), rng.choice(["ball", "ball", "box"])
    inside = x0 + vx * duration
    vx = vx if 0.05 < inside < 0.95 else 0.0
    hidden = rng.random() < 0.3  # comes into the picture from above

    def draw(pen: Pen, t: float) -> None:
        pen.floor(floor)
        h = ball_height(t, fall, height, gravity, touches)
        if hidden and t < fall:
            return
        pen.thing(shape, x0 + vx * max(0.0, t - fall), floor - radius - h, radius, colour)

    body = Body(material, rng, float(radius / 0.11))
    wave = _render(
        duration, [(s, 0.9 * (v / first) ** 1.3) for s, v in touches if s < duration], body, rng
    )
    said = _say(
        rng, material, "a {m} {s} bounces on the floor", "a bouncing {m} {s}", "{m} {s} bouncing",
        "a {m} {s} falls and bounces", "{m} {s} hitting the ground", "a {m} object drops and bounces",
        s="ball" if shape == "ball" else "box",
    )  # fmt: skip
    heard = tuple(float(s) for s, _ in touches if s < duration)
    return Scene("bounce", duration, draw, wave, heard, said, material)


def _fall(duration: float, rng: np.random.Generator, material: str) -> Scene:
    floor, size = rng.uniform(0.75, 0.95), rng.uniform(0.06, 0.18)
    fall, gravity = rng.uniform(0.1, 0.5 * duration), rng.uniform(2, 6)
    height = rng.uniform(0.25, max(0.3, floor - size))
    land = fall + np.sqrt(2 * height / gravity)
    times = [(land, 1.0)] + ([(land + rng.uniform(0.08, 0.2), 0.35)] if rng.random() < 0.5 else [])
    times = [(s, v) for s, v in times if s < duration]
    x, spin, colour = rng.uniform(0.2, 0.8), rng.uniform(-4, 4), _colour(material, rng)
    shape = rng.choice(["box", "ball", "stick"])

    def draw(pen: Pen, t: float) -> None:
        pen.floor(floor)
        h = max(0.0, height - 0.5 * gravity * max(0.0, t - fall) ** 2)
        tilt = spin * max(0.0, min(t, land) - fall)
        if len(times) > 1 and land < t < times[1][0]:
            u = (t - land) / (times[1][0] - land)
            h = 0.1 * size * 4 * u * (1 - u)
        pen.thing(shape, x, floor - size - h, size, colour, tilt)

    wave = _render(duration, times, Body(material, rng, float(size / 0.18)), rng)
    said = _say(
        rng, material, "a {m} thing falls to the ground", "a {m} {s} drops", "dropping a {m} {s}",
        "something {m} crashes on the floor", "a {m} {s} lands with a thud", s="box" if shape == "box" else "object",
    )  # fmt: skip
    return Scene("fall", duration, draw, wave, tuple(s for s, _ in times), said, material)


def _hit(duration: float, rng: np.random.Generator, material: str) -> Scene:
    period = rng.uniform(0.25, 0.9)
    start = rng.uniform(0.15, 0.6 * duration)
    times = [start]
    while times[-1] + period < duration - 0.05 and rng.random() < 0.93:
        times.append(times[-1] + period * rng.uniform(0.85, 1.2))
    times = [t for t in times if t < duration]
    force = [rng.uniform(0.45, 1) for _ in times]
    side, reach = rng.choice([-1, 1]), rng.uniform(0.2, 0.45)
    px, py = 0.5 - side * reach * 0.8, rng.uniform(0.45, 0.75)
    lift, colour, tool = rng.uniform(0.4, 1.2), _colour(material, rng), _colour("wood", rng)
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

    wave = _render(
        duration,
        list(zip(times, force, strict=True)),
        Body(material, rng, rng.uniform(0.2, 1)),
        rng,
    )
    said = _say(
        rng, material, "hitting a {m} thing with a stick", "a hammer strikes {m}", "someone hits {m}",
        "banging on a {m} box", "{m} hits", "drumming on {m}", "knocking on {m}",
    )  # fmt: skip
    return Scene("hit", duration, draw, wave, tuple(times), said, material)


def _steps(duration: float, rng: np.random.Generator, material: str) -> Scene:
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
    shirt, trousers = _colour("rubber", rng), _colour("stone", rng)

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
    said = _say(
        rng, "", "footsteps on {s}", "a person walks on {s}", "walking on {s}", "steps on a {s} floor", "someone walking",
        s=surface,
    )  # fmt: skip
    return Scene(
        "steps",
        duration,
        draw,
        room(out, rng.uniform(0, 0.5), rng),
        tuple(float(t) for t in times),
        said,
        surface,
    )


def _roll(duration: float, rng: np.random.Generator, material: str) -> Scene:
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
    colour = _colour(material, rng)

    def draw(pen: Pen, t: float) -> None:
        pen.floor(floor)
        at = x[min(len(x) - 1, int(t * SAMPLE_RATE))]
        if blows:
            pen.line(
                edge + side * radius, floor, edge + side * radius, floor - 0.3, 0.02, (90, 80, 70)
            )
        pen.thing("wheel", at, floor - radius, radius, colour, side * (at - 0.5) / radius)

    wave = rolling(speed, material, rng) + _render(duration, blows, Body(material, rng, 0.5), rng)
    said = _say(
        rng,
        material,
        "a {m} ball rolls",
        "a {m} wheel rolling on the floor",
        "rolling {m} ball",
        "something {m} rolls by",
    )
    moving = tuple(s for s, _ in blows)
    return Scene("roll", duration, draw, wave, moving, said, material, {"start": float(start)})


def _rain(duration: float, rng: np.random.Generator, material: str) -> Scene:
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

    said = _say(
        rng,
        "",
        "rain",
        "it is raining",
        "heavy rain falls",
        "rain pouring down",
        "rain drops falling",
    )
    return Scene("rain", duration, draw, rain(density, rng), (), said)


def _splash(duration: float, rng: np.random.Generator, material: str) -> Scene:
    water, size = rng.uniform(0.6, 0.8), rng.uniform(0.04, 0.1)
    fall, gravity = rng.uniform(0.1, 0.5 * duration), rng.uniform(2, 5)
    height = rng.uniform(0.3, water)
    land = float(fall + np.sqrt(2 * height / gravity))
    x, colour = rng.uniform(0.2, 0.8), _colour(material, rng)
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
    said = _say(
        rng,
        "",
        "something falls into the water",
        "a splash",
        "a stone splashes into a pond",
        "water splash",
    )
    return Scene("splash", duration, draw, out, (land,) if land < duration else (), said)


def _still(duration: float, rng: np.random.Generator, material: str) -> Scene:
    colour, x, y = _colour(material, rng), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8)
    drift = rng.choice([0.0, 0.0, rng.uniform(-0.03, 0.03)])

    def draw(pen: Pen, t: float) -> None:
        pen.floor(0.85)
        pen.thing("box", x + drift * t, y, 0.1, colour)

    said = _say(
        rng,
        material,
        "",
        "a quiet room",
        "a {m} box stands still",
        "silence",
        "nothing happens",
        "a {m} ball",
    )
    return Scene(
        "still",
        duration,
        draw,
        np.zeros(round(duration * SAMPLE_RATE), np.float32),
        (),
        said,
        material,
    )


KINDS: dict[str, Callable[[float, np.random.Generator, str], Scene]] = {
    "bounce": _bounce, "fall": _fall, "hit": _hit, "steps": _steps,
    "roll": _roll, "rain": _rain, "splash": _splash, "still": _still,
}  # fmt: skip
