"""Sounds of drawn things: struck bodies as decaying modes, footsteps, rolling and rain as shaped noise.

All at 24 kHz, float32, made from a numpy Generator; no recording is used.
"""

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

SAMPLE_RATE = 24_000


class Material(NamedTuple):
    """A struck body: ranges of its lowest mode and decay, how bright and how inharmonic it rings."""

    lowest: tuple[float, float]  # Hz
    decay: tuple[float, float]  # seconds to fall by 60 dB, lowest mode
    modes: int
    spread: float  # ratio between neighbouring modes
    damping: float  # how much faster high modes decay
    click: float  # share of the contact noise
    tone: float  # low-pass of the contact noise, Hz


MATERIALS = {
    "metal": Material((380, 1500), (0.6, 1.8), 18, 1.22, 0.2, 0.2, 9000),
    "glass": Material((1800, 3600), (0.15, 0.45), 10, 1.3, 0.3, 0.4, 11000),
    "wood": Material((180, 600), (0.05, 0.11), 14, 1.32, 0.7, 0.55, 3200),
    "plastic": Material((400, 1100), (0.04, 0.10), 6, 1.6, 0.8, 0.6, 5000),
    "rubber": Material((70, 190), (0.07, 0.16), 4, 1.8, 1.4, 0.35, 1200),
    "stone": Material((600, 1600), (0.02, 0.06), 7, 1.45, 0.7, 0.9, 6500),
    "cardboard": Material((110, 320), (0.03, 0.08), 6, 1.5, 1.2, 0.9, 2200),
}


class Body:
    """One thing of a material: the same modes at every blow, louder and brighter when struck harder."""

    def __init__(self, material: str, rng: np.random.Generator, size: float = 0.5):
        """`size` in 0 .. 1: larger things sound lower."""
        kind = MATERIALS[material]
        low, high = kind.lowest
        lowest = high * (low / high) ** np.clip(size + rng.normal(0, 0.1), 0, 1)
        steps = kind.spread ** (np.arange(kind.modes) * rng.uniform(0.9, 1.1))
        self.frequencies = lowest * steps * rng.uniform(0.97, 1.03, kind.modes)
        slow = rng.uniform(*kind.decay)
        self.decays = slow * (lowest / self.frequencies) ** kind.damping
        self.gains = rng.uniform(0.3, 1, kind.modes) / np.sqrt(np.arange(1, kind.modes + 1))
        self.kind = kind

    def strike(self, strength: float, rng: np.random.Generator) -> np.ndarray:
        """Sound of one blow; strength in 0 .. 1."""
        length = int(SAMPLE_RATE * min(2.0, 1.1 * self.decays.max() + 0.05))
        t = np.arange(length) / SAMPLE_RATE
        heard = self.frequencies < 0.45 * SAMPLE_RATE
        bright = strength ** (0.25 + np.linspace(0, 0.6, len(self.gains)))
        out = np.zeros(length)
        for f, d, g in zip(
            self.frequencies[heard], self.decays[heard], (self.gains * bright)[heard], strict=True
        ):
            out += g * rng.uniform(0.7, 1.1) * np.exp(-6.9 * t / d) * np.sin(2 * np.pi * f * t)
        out /= max(1e-9, np.abs(out).max())
        contact = noise_burst(self.kind.tone * (0.5 + 0.5 * strength), 0.012, rng, length)
        out = (1 - self.kind.click) * out + self.kind.click * contact
        return (strength * out).astype(np.float32)


def noise_burst(tone: float, seconds: float, rng: np.random.Generator, length: int) -> np.ndarray:
    """Noise below about `tone` Hz that is gone after `seconds`, peak 1."""
    count = min(length, int(SAMPLE_RATE * seconds * 6))
    noise = low_pass(rng.standard_normal(count), tone) * np.exp(
        -np.arange(count) / (SAMPLE_RATE * seconds)
    )
    out = np.zeros(length)
    out[:count] = noise / max(1e-9, np.abs(noise).max())
    return out


def low_pass(signal: np.ndarray, tone: float) -> np.ndarray:
    """Two one-pole filters in a row."""
    a = np.exp(-2 * np.pi * min(tone, 0.45 * SAMPLE_RATE) / SAMPLE_RATE)
    return lfilter([1 - a], [1, -a], lfilter([1 - a], [1, -a], signal))


def band(signal: np.ndarray, low: float, high: float) -> np.ndarray:
    """What lies between two frequencies, gently."""
    return low_pass(signal, high) - low_pass(signal, low)


SURFACES = {  # low and high edge of the noise, its length in seconds, number of grains
    "wood": (80, 900, 0.035, 1),
    "stone": (300, 4500, 0.018, 1),
    "gravel": (900, 9000, 0.018, 9),
    "grass": (500, 5000, 0.05, 4),
    "snow": (300, 3500, 0.06, 6),
    "metal": (200, 3000, 0.03, 1),
}


def step(surface: str, strength: float, rng: np.random.Generator) -> np.ndarray:
    """One footfall: heel and sole on a surface."""
    low, high, seconds, grains = SURFACES[surface]
    length = int(0.45 * SAMPLE_RATE)
    out = np.zeros(length)
    for part, gain in ((0.0, 1.0), (rng.uniform(0.05, 0.1), rng.uniform(0.3, 0.6))):
        for _ in range(grains):
            at = int((part + (rng.exponential(0.02) if grains > 1 else 0)) * SAMPLE_RATE)
            if at < length - 100:
                grain = band(noise_burst(high, seconds, rng, length - at), low, high)
                out[at:] += gain * rng.uniform(0.5, 1) * grain
    if surface in ("wood", "metal"):
        out += 0.6 * np.pad(Body(surface, rng, 0.9).strike(0.8, rng), (0, length))[:length]
    return (strength * out / max(1e-9, np.abs(out).max())).astype(np.float32)


def rolling(speed: np.ndarray, material: str, rng: np.random.Generator) -> np.ndarray:
    """Rolling for a per-sample speed (0 .. 1): rumble whose level and tone follow the speed; silent at rest."""
    kind = MATERIALS[material]
    rough = np.repeat(rng.standard_normal(len(speed) // 40 + 1), 40)[: len(speed)]
    rumble = band(rough + 0.5 * rng.standard_normal(len(speed)), 60, 0.25 * kind.tone)
    bright = band(rng.standard_normal(len(speed)), 0.25 * kind.tone, kind.tone)
    out = rumble / max(1e-9, np.abs(rumble).max()) * speed + 0.3 * bright * speed**2
    return (0.5 * out / max(0.2, float(np.abs(out).max()))).astype(np.float32)


def rain(density: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rain for a per-sample density (0 .. 1): hiss plus single drops."""
    hiss = band(rng.standard_normal(len(density)), 1200, 9000) * density * 0.5
    out = hiss.copy()
    at = np.flatnonzero(rng.random(len(density)) < density * 60 / SAMPLE_RATE)
    for place in at:
        drop = noise_burst(rng.uniform(2500, 8000), 0.004, rng, 1500) * rng.uniform(0.1, 0.6)
        end = min(len(out), place + len(drop))
        out[place:end] += drop[: end - place]
    return (0.5 * out).astype(np.float32)


def splash(strength: float, rng: np.random.Generator) -> np.ndarray:
    """Something falls into water: a burst and rising bubbles."""
    length = int(0.7 * SAMPLE_RATE)
    out = 0.8 * band(noise_burst(5000, 0.09, rng, length), 300, 6000)
    for _ in range(rng.integers(3, 8)):
        at, seconds = int(rng.uniform(0.02, 0.35) * SAMPLE_RATE), rng.uniform(0.03, 0.09)
        t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
        f = rng.uniform(350, 1100)
        bubble = np.sin(2 * np.pi * (f * t + f * 2.5 * t**2)) * np.exp(-t / (0.35 * seconds))
        end = min(length, at + len(t))
        out[at:end] += rng.uniform(0.1, 0.35) * bubble[: end - at]
    return (strength * out / max(1e-9, np.abs(out).max())).astype(np.float32)


def place(out: np.ndarray, sound: np.ndarray, seconds: float) -> None:
    """Add a sound at a time, cut at the end."""
    at = round(seconds * SAMPLE_RATE)
    if 0 <= at < len(out):
        end = min(len(out), at + len(sound))
        out[at:end] += sound[: end - at]


def room(dry: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """A short room around a sound: `amount` 0 (none) .. 1."""
    if amount <= 0:
        return dry
    count = int(SAMPLE_RATE * (0.08 + 0.25 * amount))
    tail = rng.standard_normal(count) * np.exp(-5 * np.arange(count) / count)
    tail = low_pass(tail, 5000)
    wet = np.fft.irfft(
        np.fft.rfft(dry, len(dry) + count) * np.fft.rfft(tail, len(dry) + count), len(dry) + count
    )[: len(dry)]
    scale = np.abs(dry).max() / max(1e-9, np.abs(wet).max())
    return (dry + 0.35 * amount * scale * wet).astype(np.float32)
