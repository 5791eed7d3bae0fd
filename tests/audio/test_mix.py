"""Mixing on a timeline, and ducking."""

import pytest
import torch

from deepaudio.audio import mix
from deepaudio.audio.mix import Event, timeline
from deepaudio.waves import LazyWave

RATE = 8000


def duck_gain(voice, n_samples, duck_db=12.0):
    return mix.duck_gain(LazyWave.of(voice, RATE), n_samples, duck_db).whole()[0]


def test_events_lie_at_their_times_and_add_up():
    track = timeline([Event(0.5, torch.ones(800)), Event(0.55, torch.ones(800))], 1.0, RATE)
    assert track.shape == (RATE,)
    assert float(track[:4000].abs().max()) == 0
    assert float(track[4500]) == 2.0
    assert float(track[4100]) == 1.0


def test_edges_fade():
    track = timeline([Event(0.0, torch.ones(RATE))], 1.0, RATE)
    assert 0 < float(track[0]) < 0.1 and 0 < float(track[-1]) < 0.1
    assert float(track[100]) == 1.0


@pytest.mark.parametrize("start", [-0.1, 0.5])
def test_sound_outside_the_timeline_is_an_error(start):
    with pytest.raises(ValueError, match="outside"):
        timeline([Event(start, torch.ones(RATE))], 1.0, RATE)


def test_bed_goes_down_under_the_voice_and_comes_back():
    voice = torch.zeros(5 * RATE)
    voice[2 * RATE : 3 * RATE] = 0.5
    gain = duck_gain(voice, 5 * RATE)
    assert float(gain[RATE]) == pytest.approx(1.0)
    assert float(gain[int(2.5 * RATE)]) == pytest.approx(10 ** (-12 / 20), rel=0.01)
    assert float(gain[int(1.99 * RATE)]) < 0.6, "the bed is down before the voice begins"
    assert float(gain[int(3.6 * RATE)]) == pytest.approx(1.0, abs=0.02)
    assert float(gain.diff().abs().max()) < 0.01, "no jumps"


def test_short_pauses_do_not_pump():
    voice = torch.zeros(4 * RATE)
    voice[RATE : int(1.5 * RATE)] = 0.5
    voice[int(1.7 * RATE) : int(2.2 * RATE)] = 0.5
    gain = duck_gain(voice, 4 * RATE)
    assert float(gain[int(1.6 * RATE)]) == pytest.approx(10 ** (-12 / 20), rel=0.01)


def test_silent_voice_leaves_the_bed():
    bed = torch.randn(2, RATE)
    done = mix.ducked(LazyWave.of(bed, RATE), LazyWave.of(torch.zeros(RATE // 2), RATE), 12.0)
    assert torch.equal(done.whole(), bed)
