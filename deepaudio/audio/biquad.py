"""Second-order filters of audio that comes block by block, and the two that make the K weighting of ITU-R BS.1770.

In NumPy, as importing `scipy.signal` takes longer than a short dub: samples in groups, of which each is one matrix product with the
impulse response, plus the response to the state that the group before left.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

GROUP = 64


class Coefficients(NamedTuple):
    """b0 + b1 z^-1 + b2 z^-2 over 1 + a1 z^-1 + a2 z^-2."""

    b0: float
    b1: float
    b2: float
    a1: float
    a2: float


def high_shelf(sample_rate: int, hertz: float, gain_db: float, q: float) -> Coefficients:
    """Raises what is above `hertz` by `gain_db` (R. Bristow-Johnson's Audio EQ Cookbook)."""
    a, w = 10 ** (gain_db / 40), 2 * math.pi * hertz / sample_rate
    slope, cos = math.sqrt(a) * math.sin(w) / q, math.cos(w)
    up, down = (a + 1) + (a - 1) * cos, (a + 1) - (a - 1) * cos
    scale = 1 / (down + slope)
    return Coefficients(
        a * (up + slope) * scale,
        -2 * a * ((a - 1) + (a + 1) * cos) * scale,
        a * (up - slope) * scale,
        2 * ((a - 1) - (a + 1) * cos) * scale,
        (down - slope) * scale,
    )


def high_pass(sample_rate: int, hertz: float, q: float) -> Coefficients:
    """Keeps what is above `hertz` (the same cookbook)."""
    w = 2 * math.pi * hertz / sample_rate
    cos, alpha = math.cos(w), math.sin(w) / (2 * q)
    scale = 1 / (1 + alpha)
    return Coefficients(
        (1 + cos) / 2 * scale,
        -(1 + cos) * scale,
        (1 + cos) / 2 * scale,
        -2 * cos * scale,
        (1 - alpha) * scale,
    )


def k_weighting(sample_rate: int) -> tuple["Biquad", "Biquad"]:
    """Head and low end of BS.1770, with the values that pyloudnorm (Steinmetz and Reiss, 2021) gives for any rate."""
    return (
        Biquad(high_shelf(sample_rate, 1500.0, 4.0, 1 / math.sqrt(2))),
        Biquad(high_pass(sample_rate, 38.0, 0.5)),
    )


class Biquad:
    """A filter that goes on where the block before ended; each channel has its own state."""

    def __init__(self, coefficients: Coefficients):
        self.coefficients = coefficients
        self._state: np.ndarray | None = None

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(c, n) float64 -> (c, n)."""
        channels, n = samples.shape
        state = np.zeros((channels, 2)) if self._state is None else self._state
        response, from_state, next_state, to_state = _responses(self.coefficients)
        whole = n // GROUP * GROUP
        groups = samples[:, :whole].reshape(channels, -1, GROUP)
        states = _states(state, next_state, groups @ to_state.T)
        states, state = states[:, :-1], states[:, -1]
        made = (groups @ response.T + states @ from_state.T).reshape(channels, whole)
        rest, self._state = _run(self.coefficients, samples[:, whole:], state)
        return np.concatenate([made, rest], 1)


def _states(state: np.ndarray, turn: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The state before each group and after the last, (c, 2) and (c, n, 2) -> (c, n + 1, 2): a sum in which each turn doubles how far back it looks."""
    states = np.concatenate([state[:, None], given], 1)
    back = 1
    while back < states.shape[1]:
        states[:, back:] += states[:, :-back] @ turn.T
        turn, back = turn @ turn, 2 * back
    return states


@lru_cache(maxsize=8)
def _responses(coefficients: Coefficients) -> tuple[np.ndarray, ...]:
    """What a group makes of its samples and of a state: outputs (g g) and (g 2), states after it (2 2) and (2 g)."""
    made, left = _run(coefficients, np.eye(GROUP), np.zeros((GROUP, 2)))
    echo, kept = _run(coefficients, np.zeros((2, GROUP)), np.eye(2))
    return made.T, echo.T, kept.T, left.T


def _run(c: Coefficients, samples: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample after sample, in transposed direct form II: outputs (c n) and the state (c 2) after them."""
    first, second = state[:, 0], state[:, 1]
    made = np.empty_like(samples)
    for index in range(samples.shape[1]):
        x = samples[:, index]
        y = c.b0 * x + first
        first, second = c.b1 * x - c.a1 * y + second, c.b2 * x - c.a2 * y
        made[:, index] = y
    return made, np.stack([first, second], 1)
