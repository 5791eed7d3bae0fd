"""The energy contour: known slices, silence, lengths, and the numbers of DeepAudio-V1."""

from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from deepaudio.audio.energy import energy_contour, wave_contour
from deepaudio.audio.grid import FRAME_RATE
from deepaudio.waves import LazyWave

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = Path(__file__).parents[2].parent / "shared"


def test_mean_magnitude_of_slices_over_the_largest():
    wave = torch.cat([torch.full((256,), level) for level in (0.1, -0.4, 0.2)])
    assert torch.allclose(energy_contour(wave, 24_000), torch.tensor([0.25, 1.0, 0.5]))


def test_silence_is_zero_and_not_nan():
    assert energy_contour(torch.zeros(4800), 24_000).tolist() == [0.0] * 18
    assert energy_contour(torch.zeros(10), 24_000).shape == (0,)
    assert energy_contour(torch.zeros(10), 24_000, frames=3).tolist() == [0.0] * 3


@pytest.mark.parametrize("sample_rate", [16_000, 24_000, 44_100])
def test_two_seconds_at_any_rate(sample_rate):
    n = 2 * sample_rate
    wave = torch.sin(torch.arange(n) * 0.3) * torch.linspace(0, 1, n)
    energy = energy_contour(wave, sample_rate)
    assert len(energy) == int(2 * FRAME_RATE) and energy.max() == 1
    assert abs(energy[93] - 0.5) < 0.05


def test_padded_or_cut():
    wave = torch.ones(2560)
    assert energy_contour(wave, 24_000, frames=12).tolist() == [1.0] * 10 + [0.0] * 2
    assert energy_contour(wave, 24_000, frames=4).tolist() == [1.0] * 4


def test_the_example_voice_has_the_contour_of_the_formula():
    """DeepAudio-V1's own steps, one slice after the other in NumPy."""
    wave, sample_rate = soundfile.read(EXAMPLES / "voice.wav", dtype="float64")
    slices = [abs(wave[i : i + 256]).mean() for i in range(0, len(wave) - 255, 256)]
    found = energy_contour(torch.from_numpy(wave).float(), sample_rate)
    assert sample_rate == 24_000 and len(found) == len(slices) > 500
    assert torch.allclose(found, torch.tensor(slices).float() / max(slices), atol=1e-5)


@pytest.mark.parametrize("name", ["0235", "0778"])
def test_numbers_of_the_release(name):
    numbers = SHARED / "parity" / "fixtures" / "energy.safetensors"
    wavs = sorted((SHARED / "media").glob(f"**/*Gobber-00-{name}.wav"))
    if not numbers.is_file() or not wavs:
        pytest.skip("the wavs behind these numbers are not in ../shared")
    wave, sample_rate = soundfile.read(wavs[0], dtype="float32", always_2d=True)
    energy = energy_contour(torch.from_numpy(wave[:, 0].copy()), sample_rate)
    expected = load_file(numbers)[name]
    assert energy.shape == expected.shape
    assert (energy - expected).abs().max() < 1e-4


def test_a_long_sound_has_the_contour_of_the_whole(monkeypatch):
    sound = torch.randn(2, 100_000, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("deepaudio.audio.energy.AT_ONCE", 50)
    found = wave_contour(LazyWave.of(sound, 44_100))
    assert torch.allclose(found, energy_contour(sound.mean(0), 44_100), atol=1e-6)
