"""From an official state dict to the official numbers: whole samples through `upstream.load` and the pipelines' samplers."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from deepaudio import upstream
from deepaudio.audio.mel import log_mel
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.flow.time import linear
from deepaudio.inference.f5_tts import sample
from deepaudio.options import F5_TTS, SampleOptions

FIXTURES = Path(__file__).parents[1] / "fixtures" / "parity"


def fixture(name):
    """Official state dict, inputs and outputs, and what the file says about itself."""
    path = FIXTURES / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    tensors = load_file(path)
    state = {k.removeprefix("sd."): v for k, v in tensors.items() if k.startswith("sd.")}
    return state, tensors, about


def assert_equal_to_upstream(found, expected):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("f5-v0", "dit_v0"), ("f5-v1", "dit_v1"), ("deepaudio-v2s", "dit_deepaudio")],
)
@torch.no_grad()
def test_f5_sample(kind, name):
    state, numbers, about = fixture(name)
    network = upstream.load(kind, state, about["config"])
    energy = None
    if kind == "deepaudio-v2s":
        energy = torch.rand(1, 90, 1, generator=torch.Generator().manual_seed(5))[0, :, 0]
    noise = torch.randn(90, 100, generator=torch.Generator().manual_seed(11))
    options = F5_TTS.fill(
        SampleOptions(steps=8, guidance_scale=3.0)
    )  # upstream counts this strength as 2
    mel = sample(network, log_mel(numbers["wav"])[0], numbers["text"][0], energy, noise, options)
    assert_equal_to_upstream(mel, numbers["out.sample"][0])


@pytest.mark.parametrize("name", ["mmaudio_v1", "mmaudio_v2"])
@torch.no_grad()
def test_mmaudio_sample(name):
    state, numbers, about = fixture(name)
    network = upstream.load("mmaudio", state, about["config"])
    cond = network.encode(numbers["clip"], numbers["sync"], numbers["text"])
    field = guided(network, cond, network.null(cond), 4.5)
    latent = euler(field, numbers["lat"], linear(5))
    assert_equal_to_upstream(latent, numbers["out.euler5"])
    assert_equal_to_upstream(network.unnormalize(latent), numbers["out.euler5_unnorm"])


@torch.no_grad()
def test_yingsound_transformer_alone():
    state, numbers, about = fixture("ys24k")
    network = upstream.load("ys-24k", state, about["config"])
    streams = (numbers[k] for k in ("x", "t", "visual", "context", "mask", "context_mask"))
    assert_equal_to_upstream(network(*streams), numbers["out"])


@torch.no_grad()
def test_vocos():
    path = FIXTURES / "vocos.safetensors"
    _, numbers, about = fixture("vocos")
    state = {k: v for k, v in load_file(path).items() if k not in ("mel", "wav")}
    state["feature_extractor.mel_spec.spectrogram.window"] = torch.ones(1024)  # as published
    sizes = {"backbone": about["backbone"], "head": about["head"]}
    vocoder = upstream.load("vocos", state, sizes)
    assert_equal_to_upstream(vocoder(numbers["mel"].transpose(1, 2)), numbers["wav"])
