"""bfloat16 on a CPU: the networks of the full sizes come within stated bounds of float32, and `auto` takes it where it is fast.

Bounds are relative RMS of what the flow ends at; bfloat16 itself rounds by 0.2 %.
"""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch.nn import functional as F

from deepaudio import devices, upstream
from deepaudio.devices import dtype_of
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.flow.time import epss, linear, sway
from deepaudio.inference.model import DeepAudio
from deepaudio.models.tts import dit
from deepaudio.models.v2a import mmdit
from deepaudio.nn.attention import dot_product
from deepaudio.presets.trained import preset_folder

PARITY = Path(__file__).parents[1] / "fixtures" / "parity"
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SPEECH, SOUND, SIGHT = (
    0.03,
    0.05,
    0.02,
)  # guidance of 4.5 enlarges what the two evaluations differ by


def numbers_of(name):
    path = PARITY / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        about = json.loads((file.metadata() or {}).get("about", "{}"))
    numbers = load_file(path)
    state = {k.removeprefix("sd."): v for k, v in numbers.items() if k.startswith("sd.")}
    return numbers, state, about.get("config", {})


def apart(half, full):
    return float((half.float() - full).norm() / full.norm())


@torch.inference_mode()
def test_steps_of_f5():
    numbers, state, sizes = numbers_of("dit_deepaudio")
    sizes["vocab_size"] = sizes.pop("text_num_embeds")
    model = dit.Model(dit.Config(**sizes, pe_attn_head=1, text_mask_padding=False, energy=True))
    model.load_state_dict({k.removeprefix("transformer."): v for k, v in state.items()})
    made = {}
    for dtype in (torch.float32, torch.bfloat16):
        model = model.eval().to(dtype)
        cond, energy = (numbers[k].to(dtype) for k in ("cond", "energy"))
        cond = model.encode(cond=cond, text=numbers["text"], energy=energy)
        field = guided(model, cond, model.null(cond), 3.0, dtype)
        made[dtype] = euler(field, numbers["x"], sway(epss(7)))
    assert 0 < apart(made[torch.bfloat16], made[torch.float32]) < SPEECH


@torch.inference_mode()
@pytest.mark.parametrize("name", ["mmaudio_v1", "mmaudio_v2"])
def test_steps_of_mmaudio(name):
    numbers, state, sizes = numbers_of(name)
    same = (
        "latent_dim",
        "clip_dim",
        "sync_dim",
        "text_dim",
        "hidden_dim",
        "depth",
        "fused_depth",
        "v2",
    )
    ours = {k: sizes[k] for k in same}
    ours |= {"text_len": sizes["text_seq_len"], "heads": sizes["num_heads"]}
    model = mmdit.Model(mmdit.Config(**ours))
    model.load_state_dict(state)
    made = {}
    for dtype in (torch.float32, torch.bfloat16):
        model = model.eval().to(dtype)
        cond = model.encode(*(numbers[k].to(dtype) for k in ("clip", "sync", "text")))
        field = guided(model, cond, model.null(cond), 4.5, dtype)
        made[dtype] = euler(field, numbers["lat"], linear(8))
    assert 0 < apart(made[torch.bfloat16], made[torch.float32]) < SOUND


@torch.inference_mode()
def test_features_of_synchformer():
    _, state, _ = numbers_of("synchformer")
    state["afeat_extractor.x"] = state["transformer.y"] = torch.zeros(1)
    encoder = upstream.load("synchformer", state, {"dim": 48, "depth": 2, "heads": 4}).eval()
    frames = torch.randn(1, 2, 16, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    full = encoder.segments(frames)
    half = encoder.to(torch.bfloat16).segments(frames.to(torch.bfloat16))
    assert 0 < apart(half, full) < SIGHT


@pytest.mark.parametrize("amx", [True, False])
@pytest.mark.parametrize("shape", [(1, 16, 300), (1, 16, 1100), (196, 12, 9)])
def test_attention_in_half_precision_is_that_in_full(monkeypatch, shape, amx):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(*shape, 64, generator=generator) for _ in range(3))
    with torch.inference_mode():
        half = dot_product(*(x.to(torch.bfloat16) for x in (q, k, v)))
        assert torch.equal(dot_product(q, k, v), F.scaled_dot_product_attention(q, k, v))
    assert half.dtype == torch.bfloat16
    assert 0 < apart(half, F.scaled_dot_product_attention(q, k, v)) < 0.01


def test_auto_takes_what_the_processor_can_do(monkeypatch):
    for fast in (True, False):
        monkeypatch.setattr(devices, "fast_bfloat16", lambda fast=fast: fast)
        half = torch.bfloat16 if fast else torch.float32
        assert dtype_of("auto", CPU, full_size=True) == half
        assert dtype_of("auto", CPU) == dtype_of("float32", CPU, full_size=True) == torch.float32
        assert dtype_of("auto", CUDA) == torch.bfloat16
        assert DeepAudio(Path("mm-s16k"), "cpu").dtype == half
        mini = DeepAudio(preset_folder("mini"), "cpu")
        flow = {"flow_dtype": "bfloat16"} if fast else {}
        assert mini.precision == {"device": "cpu", "dtype": "float32"} | flow


@pytest.mark.parametrize("amx", [True, False])
@pytest.mark.parametrize("avx", [True, False])
def test_x86_needs_amx_or_avx512_bf16(monkeypatch, amx, avx):
    monkeypatch.setattr(devices.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    assert devices.fast_bfloat16() == (amx or avx)
