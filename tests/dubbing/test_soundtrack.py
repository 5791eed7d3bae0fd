"""Mixing in pieces: the same sound as mixing the whole, at the loudness asked for."""

import math
import subprocess

import pytest
import torch

from deepaudio import waves
from deepaudio.audio.meter import measure
from deepaudio.dubbing import soundtrack
from deepaudio.media import ffmpeg
from deepaudio.media.probe import probe
from deepaudio.notices import Notices
from deepaudio.options import MixOptions
from deepaudio.waves import LazyWave

SECONDS = 3.0


@pytest.fixture(scope="module")
def voice():
    """Bursts of noise, 24 kHz."""
    time = torch.arange(round(SECONDS * 24_000)) / 24_000
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(0))
    return LazyWave.of(0.05 * noise * (torch.sin(2 * math.pi * 0.4 * time) > 0), 24_000)


@pytest.fixture(scope="module")
def bed():
    """A quiet stereo hum with blows that need the limiter, 44.1 kHz."""
    time = torch.arange(round(SECONDS * 44_100)) / 44_100
    hum = 0.01 * torch.sin(2 * math.pi * 300 * time)
    for place in range(20_000, len(time) - 400, 51_000):
        hum[place : place + 400] += 0.8 * torch.hann_window(400)
    return LazyWave.of(torch.stack([hum, -0.5 * hum]), 44_100)


def composed(monkeypatch, seconds, voice, bed, **options):
    monkeypatch.setattr(waves, "BLOCK_SECONDS", seconds)
    warnings = []
    options = MixOptions(**options)
    passages = [(0.7, 1.6), (2.1, 2.9)]
    track = soundtrack.compose(voice, bed, bed, SECONDS, options, warnings, passages)
    return track, track.sound.whole(), warnings


@pytest.mark.slow
@pytest.mark.parametrize(("audio", "loudness"), [("mix", "off"), ("replace", "match")])
def test_pieces_make_the_sound_of_the_whole(monkeypatch, voice, bed, audio, loudness):
    options = {"audio": audio, "loudness": loudness}
    one, whole, said = composed(monkeypatch, 1000, voice, bed, **options)
    many, pieces, also_said = composed(monkeypatch, 1, voice, bed, **options)
    assert pieces.shape == whole.shape == (2, round(SECONDS * 44_100))
    # where the limiter works, a peak within 0.2 % of its ceiling may be left or not
    assert float((pieces - whole).abs().max()) < 2e-3 * float(whole.abs().max())
    assert float((pieces - whole).abs().mean()) < 1e-5
    assert many.gain == pytest.approx(one.gain, rel=1e-4) and said == also_said
    assert torch.allclose(many.voice.whole(), one.voice.whole(), atol=1e-3)


@pytest.mark.slow
def test_the_mix_is_at_its_target(monkeypatch, voice, bed):
    track, _, warnings = composed(monkeypatch, 2, voice, bed, audio="mix", loudness="podcast")
    found = measure(track.sound.blocks(), track.sound.sample_rate)
    assert found.lufs == pytest.approx(-16, abs=0.5) or warnings
    assert found.true_peak_db <= -0.95


def test_the_original_is_read_as_far_as_the_picture_goes(tmp_path):
    """A track of hours behind a video of seconds would fill the disk."""
    clip = tmp_path / "long_sound.mkv"
    sources = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2"]
    sources += ["-f", "lavfi", "-i", "anullsrc=sample_rate=8000:channel_layout=mono"]
    line = [ffmpeg.executable(), "-v", "error", *sources, "-map", "0", "-map", "1", "-t", "600"]
    subprocess.run([*line, "-c:a", "flac", str(clip)], check=True)
    sound = soundtrack.original_sound(probe(clip), tmp_path)
    assert 2 <= sound.seconds < 300


def test_only_the_mix_is_limited(voice):
    """A voice is as loud as the one whose place it takes before the mix is turned down: peaks between are not cut off."""
    noise = torch.randn(1, voice.n_samples, generator=torch.Generator().manual_seed(1))
    removed, hum = (LazyWave.of(level * noise, 24_000) for level in (0.5, 1e-4))
    options = MixOptions("mix", duck_db=0)
    track = soundtrack.compose(voice, hum, hum, SECONDS, options, Notices(), (), removed)
    assert track.removed_lufs > -5
    torch.testing.assert_close(track.voice.whole(), voice.whole() * track.gain, rtol=1e-3, atol=0)
