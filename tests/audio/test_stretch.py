"""Time-stretching: length, pitch and level are what they should be."""

import math

import pytest
import torch

from deepaudio.audio.stretch import stretch, stretch_to

RATE = 24_000


def harmonic(seconds=1.5, hertz=140.0):
    time = torch.arange(round(seconds * RATE)) / RATE
    return 0.3 * sum(torch.sin(2 * math.pi * k * hertz * time) / k for k in range(1, 12))


@pytest.mark.parametrize("speed", [0.5, 0.7, 0.85, 0.99, 1.1, 1.3, 2.0])
def test_length_pitch_and_level(speed):
    given = harmonic()
    made = stretch(given, RATE, speed)
    assert made.numel() == round(given.numel() / speed)
    spectrum = torch.fft.rfft(made * torch.hann_window(made.numel())).abs()
    pitch = float(spectrum.argmax()) * RATE / made.numel()
    assert pitch == pytest.approx(140, rel=0.02)
    middle = slice(2000, -2000)
    assert float(made[middle].std()) == pytest.approx(float(given[middle].std()), rel=0.1)


def test_events_move_in_proportion():
    given = torch.zeros(2 * RATE)
    given[RATE : RATE + 2400] = harmonic(0.1)
    made = stretch(given, RATE, 0.8)
    centre = float((made.pow(2) * torch.arange(made.numel())).sum() / made.pow(2).sum()) / RATE
    assert centre == pytest.approx(1.05 / 0.8, abs=0.03)


def test_speed_one_and_silence():
    given = harmonic(0.3)
    assert torch.equal(stretch(given, RATE, 1.0), given)
    assert torch.equal(stretch(torch.zeros(RATE), RATE, 1.3), torch.zeros(round(RATE / 1.3)))


def test_exact_lengths_also_for_tiny_sounds():
    for n in (1, 5, 100, 700, 900, 5000):
        made = stretch_to(harmonic()[:n], RATE, max(1, round(n * 0.8)))
        assert made.numel() == max(1, round(n * 0.8))
        assert torch.isfinite(made).all()


@pytest.mark.parametrize("speed", [0.4, 2.5, float("nan")])
def test_beyond_the_limits_is_an_error(speed):
    with pytest.raises(ValueError, match="possible"):
        stretch(harmonic(), RATE, speed)
