"""The source-filter vocoder: lengths, determinism, pitch of what comes out, batches, silence."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch

import deepaudio
from deepaudio.audio.excitation import pulse_train
from deepaudio.audio.mel import log_mel
from deepaudio.checkpoint import load_network
from deepaudio.codecs.vocos_source import Config, Model


@pytest.fixture(scope="module")
def tiny() -> Model:
    torch.manual_seed(0)
    return Model(Config.tiny()).eval()


def test_pulse_train_is_the_sum_of_its_harmonics():
    pulses = pulse_train(torch.full((1, 5), 300.0), 256, 24_000)[0]
    time = (torch.arange(1024) + 1) / 24_000
    harmonics = torch.arange(1, math.floor(0.46 * 24_000 / 300) + 1)
    expected = torch.cos(2 * math.pi * 300 * harmonics[:, None] * time).sum(0)
    assert torch.allclose(pulses, expected, atol=2e-2)


def test_pulse_train_follows_a_glide():
    pitch = torch.linspace(100, 200, 376)[None]
    pulses = pulse_train(pitch, 256, 24_000)[0]
    peaks = (pulses[1:-1] > pulses[:-2]) & (pulses[1:-1] >= pulses[2:]) & (pulses[1:-1] > 20)
    assert abs(int(peaks.sum()) - 600) <= 1  # 150 Hz on average over 4 s


def test_start_shifts_the_phase():
    pitch = torch.full((2, 9), 240.0)  # 100 samples a period
    a, b = pulse_train(pitch, 256, 24_000, torch.tensor([0.0, 0.25]))
    assert torch.allclose(a[25:], b[:-25], atol=0.3)
    assert not torch.allclose(a, b, atol=1.0)


@pytest.mark.parametrize("n", [2, 3, 17])
def test_length_is_hops_between_frames(tiny, n):
    assert tiny.decode(torch.randn(1, n, 100) - 4).shape == (1, (n - 1) * 256)


def test_same_mel_same_samples_and_batches_do_not_mix(tiny):
    mel = torch.randn(2, 20, 100) - 4
    both = tiny.decode(mel)
    assert torch.equal(both, tiny.decode(mel))
    size = both.abs().max()
    # rounding of the pitch grows along the pulse train
    assert (both[1:] - tiny.decode(mel[1:])).abs().max() < 2e-2 * size
    assert (both[0] - both[1]).abs().max() > 0.1 * size


def test_louder_mel_louder_sound(tiny):
    mel = torch.randn(1, 20, 100) - 6
    assert tiny.decode(mel + 1).std() > 2 * tiny.decode(mel).std()


def test_silence_stays_silent(tiny):
    assert tiny.decode(torch.full((1, 30, 100), math.log(1e-5))).abs().max() < 1e-3


def test_envelope_of_the_mel_has_the_level_of_the_spectrum(tiny):
    torch.manual_seed(1)
    noise = torch.randn(1, 24_000 * 4) * 0.1
    envelope = log_mel(noise) @ tiny.envelope_weight + tiny.envelope_offset
    spectrum = torch.stft(
        noise, 1024, 256, window=torch.hann_window(1024), return_complex=True
    ).abs()
    assert (
        envelope.exp().mean((0, 1))[8:500] / spectrum.mean((0, 2))[8:500]
    ).log().abs().mean() < 0.05


@pytest.mark.parametrize("wrong", [{"hop_length": 300}, {"n_mels": 1}, {"refinements": -1}])
def test_config_checks_itself(wrong):
    with pytest.raises(ValueError, match=str(*wrong.values())):
        Config(**wrong)


def test_refinement_brings_the_mel_closer(tiny):
    torch.manual_seed(2)
    mel = log_mel(0.1 * torch.randn(1, 256 * 40))
    rough = tiny.synthesise(
        tiny.filters(mel, torch.full((1, 41), 150.0), torch.ones(1, 41)),
        pulse_train(torch.full((1, 41), 150.0), 256, 24_000),
        torch.randn(1, 256 * 40),
    )
    before = (log_mel(rough) - mel)[:, 2:-2].abs().mean()
    after = (log_mel(tiny.refined(rough, mel, 4)) - mel)[:, 2:-2].abs().mean()
    assert after < 0.6 * before


def test_noise_gain_changes_only_the_decoding(tiny):
    mel = torch.randn(1, 20, 100) - 4
    quiet = Model(dataclasses.replace(tiny.config, noise_gain=-3.0, refinements=0)).eval()
    loud = Model(dataclasses.replace(tiny.config, refinements=0)).eval()
    for model in (quiet, loud):
        model.load_state_dict(tiny.state_dict())
    given = mel, torch.full((1, 20), 150.0), torch.ones(1, 20)
    assert torch.equal(quiet.filters(*given), loud.filters(*given))
    without = quiet.decode(mel)
    assert (loud.decode(mel) - without).std() > 0.1 * without.std()


def test_shipped_weights_sing_in_tune():
    """A harmonic hum through mel and vocoder keeps its pitch and most of its spectrum."""
    folder = Path(deepaudio.__file__).parent / "presets" / "mini" / "vocoder"
    vocoder = load_network(folder, "codecs/vocos_source")
    time = torch.arange(256 * 120) / 24_000
    hum = sum(torch.cos(2 * math.pi * 140 * k * time) / k for k in range(1, 30))[None] * 0.1
    mel = log_mel(hum)
    with torch.inference_mode():
        sung = vocoder.decode(mel)
        pitch = vocoder.pitch(mel)
    assert pitch.hertz[0, 20:-20].median().item() == pytest.approx(140, rel=0.01)
    spectrum = torch.fft.rfft(sung[0, 5120:-5120] * torch.hann_window(sung.shape[1] - 10240)).abs()
    first = (
        spectrum[: int(210 / 24_000 * (sung.shape[1] - 10240))].argmax().item()
        * 24_000
        / (sung.shape[1] - 10240)
    )
    assert first == pytest.approx(140, rel=0.02)
    assert (log_mel(sung) - mel)[:, 10:-10, :60].abs().mean() < 0.5
