"""Loudness against the values of BS.1770 and against ffmpeg's own meter."""

import math
import subprocess

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
import torch

from deepaudio.audio import loudness, meter
from deepaudio.audio.biquad import k_weighting
from deepaudio.audio.loudness import TARGETS, Target
from deepaudio.media import ffmpeg
from deepaudio.media.audio import write_wav
from deepaudio.waves import LazyWave

RATE = 48_000


def tone(hertz=997.0, seconds=3.0, gain=1.0, rate=RATE, phase=0.0):
    return gain * torch.sin(
        2 * math.pi * hertz * torch.arange(round(seconds * rate)) / rate + phase
    )


def speechlike(seconds=4.0, seed=0, rate=24_000):
    rng = torch.Generator().manual_seed(seed)
    time = torch.arange(round(seconds * rate)) / rate
    noise = torch.randn(time.numel(), generator=rng)
    return 0.05 * noise * (0.55 + 0.45 * torch.sin(2 * math.pi * 3 * time)).clamp(min=0) ** 3


def measure(waveform, rate):
    return meter.measure(LazyWave.of(waveform, rate).blocks(), rate)


def adjust(waveform, rate, name="ebu-r128"):
    return loudness.adjust(LazyWave.of(waveform, rate), TARGETS[name])


def test_full_scale_997_hz_has_its_value():
    assert measure(tone(), RATE).lufs == pytest.approx(-3.01, abs=0.1)
    stereo = tone()[None].repeat(2, 1)
    assert measure(stereo, RATE).lufs == pytest.approx(0.0, abs=0.1)


def test_true_peak_lies_between_the_samples():
    quarter = tone(12_000.0, phase=math.pi / 4)
    assert float(quarter.abs().max()) < 0.73
    assert measure(quarter, RATE).true_peak_db == pytest.approx(0.0, abs=0.25)


@pytest.mark.parametrize("name", ["ebu-r128", "podcast", "streaming"])
def test_adjusted_speech_meets_its_target_and_ceiling(name):
    done = adjust(speechlike(), 24_000, name)
    assert done.after.lufs == pytest.approx(TARGETS[name].lufs, abs=0.5)
    assert done.after.true_peak_db <= TARGETS[name].peak_db + 0.01


def test_peaky_sound_is_limited_not_clipped():
    clicks = torch.zeros(48_000)
    clicks[::6000] = 0.9
    clicks += 0.01 * tone(400.0, 1.0)
    done = adjust(clicks, RATE, "streaming")
    assert done.limited
    assert done.after.true_peak_db <= -0.99


def test_limiter_leaves_low_sound_alone():
    quiet = tone(gain=0.5)
    assert torch.equal(loudness.limit(LazyWave.of(quiet, RATE)).whole()[0], quiet)


def test_silence_short_and_odd_sounds_are_safe():
    silent = adjust(torch.zeros(RATE), RATE)
    assert silent.note and torch.equal(silent.wave.whole(), torch.zeros(1, RATE))
    for n in (0, 1, 10, 1000, 10_000):
        done = adjust(tone()[:n], RATE)
        assert torch.isfinite(done.wave.whole()).all()
        assert not math.isnan(done.after.lufs)
    short = adjust(tone(seconds=0.2), RATE)
    assert short.after.lufs == pytest.approx(-23, abs=0.2)


def test_any_loudness_may_be_asked_for():
    done = loudness.adjust(LazyWave.of(speechlike(), 24_000), Target(-31.5))
    assert done.after.lufs == pytest.approx(-31.5, abs=0.1)


def test_off_changes_nothing_and_nan_is_refused():
    given = speechlike()
    assert torch.equal(adjust(given, 24_000, "off").wave.whole()[0], given)
    with pytest.raises(ValueError, match="NaN"):
        adjust(torch.full((100,), float("nan")), 24_000)


@pytest.mark.parametrize("rate", [8_000, 24_000, 48_000, 192_000])
def test_filters_are_those_of_pyloudnorm_and_scipy_in_blocks_of_any_length(rate):
    sound = np.random.default_rng(0).normal(size=(2, 5000))
    expected = sound
    for gain, q, hertz, kind in (
        (4.0, 0.5**0.5, 1500.0, "high_shelf"),
        (0.0, 0.5, 38.0, "high_pass"),
    ):
        known = pyloudnorm.IIRfilter(gain, q, hertz, rate, kind)
        expected = scipy.signal.lfilter(known.b, known.a, expected)
    for cuts in ((), (1, 2, 515, 2048), (512, 1024)):
        found = sound
        stages = k_weighting(rate)
        for stage in stages:
            found = np.concatenate([stage(part) for part in np.split(found, cuts, 1)], 1)
        assert np.abs(found - expected).max() < 1e-9


@pytest.mark.parametrize("seconds", [0.45, 2.37])
@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_blocks_measure_what_pyloudnorm_finds_in_the_whole(seconds, rate):
    sound = torch.stack([speechlike(seconds, 1, rate), 0.1 * speechlike(seconds, 2, rate)])
    found = meter.measure(LazyWave.of(sound, rate).blocks(7777), rate)
    expected = pyloudnorm.Meter(rate).integrated_loudness(sound.double().T.numpy())
    assert found.lufs == pytest.approx(expected, abs=1e-6)
    assert found.true_peak_db == pytest.approx(measure(sound, rate).true_peak_db, abs=1e-3)


@pytest.mark.parametrize("gain_db", [-45.0, -6.0, 12.5])
def test_a_gain_is_known_without_listening_again(gain_db):
    sound = torch.cat(
        [speechlike(2.0, 3), 0.003 * speechlike(1.0, 4)]
    )  # its end falls below the gate
    heard = meter.metered(LazyWave.of(sound, 24_000).blocks(), 24_000)
    found, expected = heard.result(gain_db), measure(sound * 10 ** (gain_db / 20), 24_000)
    assert found.lufs == pytest.approx(expected.lufs, abs=1e-4)
    assert found.true_peak_db == pytest.approx(expected.true_peak_db, abs=1e-3)


def test_agrees_with_the_meter_of_ffmpeg(tmp_path):
    done = adjust(speechlike(5.0), 24_000, "podcast")
    path = write_wav(tmp_path / "x.wav", done.wave, 24_000)
    command = [ffmpeg.executable(), "-nostdin", "-i", str(path), "-af", "ebur128=peak=true"]
    words = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True).stderr
    summary = words[words.rindex("Summary:") :]
    lufs = float(summary.split("I:")[1].split()[0])
    peak = float(summary.split("Peak:")[1].split()[0])
    assert done.after.lufs == pytest.approx(lufs, abs=0.2)
    assert done.after.true_peak_db == pytest.approx(peak, abs=0.3)
