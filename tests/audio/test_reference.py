"""Reference preparation and cross-fades on signals whose answer is known."""

import math

import pytest
import torch

from deepaudio.audio.reference import cross_faded, prepare_reference, trim_edges

RATE = 1000


def tone(seconds, rms):
    t = torch.arange(round(seconds * RATE)) / RATE
    return rms * math.sqrt(2) * torch.sin(2 * math.pi * 50 * t)


def test_quiet_edges_are_cut():
    waveform = torch.cat([torch.zeros(200), tone(0.5, 0.2), torch.zeros(305)])
    assert torch.equal(trim_edges(waveform, RATE), tone(0.5, 0.2))
    assert len(trim_edges(torch.zeros(100), RATE)) == 100


def test_soft_references_are_raised_and_loud_ones_left():
    soft = prepare_reference(tone(1.0, 0.02), RATE)
    assert len(soft.waveform) == 1050 and not soft.waveform[1000:].any()
    assert soft.waveform[:1000].square().mean().sqrt() == pytest.approx(0.1, rel=1e-3)
    assert soft.gain_back == pytest.approx(0.2, rel=1e-3)
    loud = prepare_reference(tone(1.0, 0.3), RATE)
    assert loud.gain_back == 1.0 and torch.equal(loud.waveform[:1000], tone(1.0, 0.3))


def test_silence_and_nan_are_refused():
    with pytest.raises(ValueError, match="silent"):
        prepare_reference(torch.zeros(1000), RATE)
    with pytest.raises(ValueError, match="NaN"):
        prepare_reference(torch.full((1000,), torch.nan), RATE)


def test_cross_fade_keeps_a_constant_and_the_length():
    parts = [torch.ones(400), torch.ones(300), torch.ones(50)]
    joined = cross_faded(parts, RATE)
    assert len(joined) == 400 + 300 - 150 + 50 - 50
    assert torch.allclose(joined, torch.ones_like(joined))
    assert len(cross_faded(parts, RATE, 0.0)) == 750
    with pytest.raises(ValueError, match="no parts"):
        cross_faded([], RATE)
