"""Loudness against the values of BS.1770 and against ffmpeg's own meter."""

import math
import subprocess

import pytest
import torch

from deepaudio.audio.loudness import TARGETS, adjust, limit, measure, true_peak_db
from deepaudio.media import ffmpeg
from deepaudio.media.audio import write_wav

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


def test_full_scale_997_hz_has_its_value():
    assert measure(tone(), RATE).lufs == pytest.approx(-3.01, abs=0.1)
    stereo = tone()[None].repeat(2, 1)
    assert measure(stereo, RATE).lufs == pytest.approx(0.0, abs=0.1)


def test_true_peak_lies_between_the_samples():
    quarter = tone(12_000.0, phase=math.pi / 4)
    assert float(quarter.abs().max()) < 0.73
    assert true_peak_db(quarter, RATE) == pytest.approx(0.0, abs=0.25)


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
    assert torch.equal(limit(quiet, RATE), quiet)


def test_silence_short_and_odd_sounds_are_safe():
    silent = adjust(torch.zeros(RATE), RATE)
    assert silent.note and torch.equal(silent.waveform, torch.zeros(RATE))
    for n in (0, 1, 10, 1000, 10_000):
        done = adjust(tone()[:n], RATE)
        assert torch.isfinite(done.waveform).all()
        assert not math.isnan(done.after.lufs)
    short = adjust(tone(seconds=0.2), RATE)
    assert short.after.lufs == pytest.approx(-23, abs=0.2)


def test_match_takes_the_loudness_of_the_other():
    original = tone(300.0, 2.0, 0.2)
    done = adjust(speechlike(), 24_000, "match", like=original, like_rate=RATE)
    assert done.after.lufs == pytest.approx(measure(original, RATE).lufs, abs=0.3)
    unmatched = adjust(speechlike(), 24_000, "match", like=torch.zeros(RATE), like_rate=RATE)
    assert "nothing to match" in unmatched.note
    assert unmatched.gain_db == 0


def test_off_changes_nothing_and_nan_is_refused():
    given = speechlike()
    assert torch.equal(adjust(given, 24_000, "off").waveform, given)
    with pytest.raises(ValueError, match="NaN"):
        adjust(torch.full((100,), float("nan")), 24_000)
    with pytest.raises(ValueError, match="streaming"):
        adjust(given, 24_000, "loud")


def test_agrees_with_the_meter_of_ffmpeg(tmp_path):
    done = adjust(speechlike(5.0), 24_000, "podcast")
    path = write_wav(tmp_path / "x.wav", done.waveform, 24_000)
    command = [ffmpeg.executable(), "-nostdin", "-i", str(path), "-af", "ebur128=peak=true"]
    words = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True).stderr
    summary = words[words.rindex("Summary:") :]
    lufs = float(summary.split("I:")[1].split()[0])
    peak = float(summary.split("Peak:")[1].split()[0])
    assert done.after.lufs == pytest.approx(lufs, abs=0.2)
    assert done.after.true_peak_db == pytest.approx(peak, abs=0.3)
