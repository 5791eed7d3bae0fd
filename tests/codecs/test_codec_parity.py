"""Mel front ends, VAEs and BigVGANs give the numbers of the official implementations."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from deepaudio import upstream
from deepaudio.audio.mel_slaney import SlaneyMelConfig, log_mel_slaney
from deepaudio.codecs.bigvgan import kaiser_sinc
from deepaudio.codecs.mel_vae import MPConv, mp_silu, mp_sum, unit_magnitude

FIXTURES = Path(__file__).parents[1] / "fixtures" / "parity"


def fixture(name):
    tensors = load_file(FIXTURES / f"{name}.safetensors")
    state = {k.removeprefix("sd."): v for k, v in tensors.items() if k.startswith("sd.")}
    return state, tensors


def assert_equal_to_upstream(found, expected):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize(
    ("name", "config"),
    [("mel16k", SlaneyMelConfig.codec_16k()), ("mel44k", SlaneyMelConfig.codec_44k())],
)
def test_mel_front_end(name, config):
    _, numbers = fixture("mmaudio_mel")
    mel = log_mel_slaney(numbers["wav16000"], config)
    assert_equal_to_upstream(mel.transpose(1, 2), numbers[name])


def test_mel_refuses_less_than_its_margin():
    config = SlaneyMelConfig.codec_16k()
    with pytest.raises(ValueError, match="384 samples are too few"):
        log_mel_slaney(torch.zeros(1, 384), config)
    assert log_mel_slaney(torch.zeros(1, 385), config).shape == (1, 1, 80)


@pytest.mark.parametrize(
    ("kind", "name", "sizes"),
    [
        ("mmaudio-vae-16k", "mmaudio_vae80", {"embed_dim": 4, "hidden_dim": 16}),
        ("mmaudio-vae-44k", "mmaudio_vae128", {"embed_dim": 5, "hidden_dim": 16}),
    ],
)
@torch.no_grad()
def test_mel_vae(kind, name, sizes):
    state, numbers = fixture(name)
    vae = upstream.load(kind, state, sizes)
    posterior = vae.encode(numbers["mel"].transpose(1, 2))
    assert_equal_to_upstream(posterior.mean.transpose(1, 2), numbers["mean"])
    assert_equal_to_upstream(posterior.logvar.transpose(1, 2), numbers["logvar"])
    decoded = vae.decode(numbers["mean"].transpose(1, 2))
    assert_equal_to_upstream(decoded.transpose(1, 2), numbers["dec"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [("bigvgan-16k", "bigvgan_16k"), ("bigvgan-v2", "bigvgan_v2_44k")]
)
@torch.no_grad()
def test_bigvgan(kind, name):
    state, numbers = fixture(name)
    vocoder = upstream.load(kind, state, {"upsample_initial_channel": 64})
    waveform = vocoder(numbers["mel"].transpose(1, 2))
    assert_equal_to_upstream(waveform, numbers["wav"].squeeze(1))
    assert waveform.shape[1] == numbers["mel"].shape[2] * vocoder.config.hop_length


def test_bigvgan_filter_is_the_one_in_the_files():
    state, _ = fixture("bigvgan_16k")
    assert_equal_to_upstream(kaiser_sinc(0.25, 0.3, 12), state["activation_post.upsample.filter"])


@torch.no_grad()
def test_magnitudes_are_kept():
    x = torch.randn(2, 64, 1000, generator=torch.Generator().manual_seed(0))
    assert unit_magnitude(5 * x, (1,)).square().mean().sqrt() == pytest.approx(1, abs=1e-3)
    assert mp_silu(x).square().mean().sqrt() == pytest.approx(1, abs=0.02)
    assert mp_sum(x, x.flip(1)).square().mean().sqrt() == pytest.approx(1, abs=0.02)
    conv = MPConv(64, 64, 3)
    conv.weight.data *= 7  # the raw scale does not matter
    assert conv(x).square().mean().sqrt() == pytest.approx(1, abs=0.05)
