"""Log-mel: the numbers of Vocos' front end, frame counts, silence, very short input."""

from pathlib import Path

import pytest
import torch
import torchaudio
from safetensors.torch import load_file

from deepaudio.audio.mel import MelConfig, log_mel, n_frames

PARITY = Path(__file__).parents[1] / "fixtures" / "parity"


def test_numbers_of_f5():
    numbers = load_file(PARITY / "dit_v0.safetensors")
    assert torch.allclose(log_mel(numbers["wav"]), numbers["mel"].mT, atol=1e-5)


def test_equals_torchaudio():
    transform = torchaudio.transforms.MelSpectrogram(
        24_000, n_fft=1024, hop_length=256, n_mels=100, power=1, center=True
    )
    wave = torch.randn(2, 9000) * 0.1
    assert torch.allclose(log_mel(wave), transform(wave).clamp(min=1e-5).log().mT, atol=1e-4)


@pytest.mark.parametrize("n_samples", [1, 200, 512, 513, 24_000, 25_600])
def test_frame_count(n_samples):
    mel = log_mel(torch.randn(1, n_samples))
    assert mel.shape == (1, n_frames(n_samples), 100) and mel.isfinite().all()


def test_silence_is_the_floor():
    mel = log_mel(torch.zeros(1, 2048))
    assert torch.allclose(mel, torch.tensor(MelConfig().floor).log())


def test_a_tone_lies_in_its_bin():
    """Bin centres are equally spaced on the HTK scale 2595 log10(1 + f / 700)."""
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(24_000) / 24_000)[None]
    peak = log_mel(tone)[0, 40].argmax()
    top = 2595 * torch.log10(torch.tensor(1 + 12_000 / 700))
    expected = 2595 * torch.log10(torch.tensor(1 + 1000 / 700)) / top * 101 - 1
    assert abs(peak - expected) <= 1
