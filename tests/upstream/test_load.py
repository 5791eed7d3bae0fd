"""`upstream.load`: every form official files come in, and every way they can be wrong."""

import fractions
import json
import pickle
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from deepaudio import upstream
from deepaudio.errors import UsageError, WeightsError
from deepaudio.upstream import kinds, source

DIT = {"dim": 32, "depth": 1, "heads": 2, "dim_head": 16, "text_num_embeds": 20, "text_dim": 16}
MMAUDIO = {
    "latent_dim": 4,
    "clip_dim": 8,
    "sync_dim": 8,
    "text_dim": 8,
    "text_seq_len": 3,
    "hidden_dim": 32,
    "num_heads": 2,
    "depth": 2,
    "fused_depth": 1,
    "latent_seq_len": 50,
}
BIGVGAN = {
    "num_mels": 8,
    "upsample_rates": [2, 2],
    "upsample_kernel_sizes": [4, 4],
    "upsample_initial_channel": 16,
}


def fresh(kind, sizes, seed=0):
    """A random state dict under upstream's names."""
    entry = kinds.find(kind)
    torch.manual_seed(seed)
    state = entry.build(entry.config(sizes)).state_dict()
    return {
        name: torch.rand_like(tensor) if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }


def assert_holds(module, state):
    found = module.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)
    assert not module.training
    assert all(p.device.type == "cpu" for p in module.parameters())


@pytest.fixture
def f5():
    return fresh("f5-v0", DIT)


def published(state):
    return {f"ema_model.transformer.{name}": tensor for name, tensor in state.items()}


def test_bare_dict_is_copied(f5):
    module = upstream.load("f5-v0", f5, DIT)
    assert_holds(module, f5)
    next(module.parameters()).data.zero_()
    assert all(bool(t.any()) for t in f5.values())


def test_training_checkpoint_prefers_the_average(f5):
    worse = {name: torch.zeros_like(tensor) for name, tensor in f5.items()}
    checkpoint = {
        "model_state_dict": {f"transformer.{k}": v for k, v in worse.items()},
        "ema_model_state_dict": published(f5)
        | {"initted": torch.tensor(True), "step": torch.tensor(7)}
        | {"ema_model.mel_spec.mel_stft.spectrogram.window": torch.ones(4)},
        "optimizer_state_dict": {"state": {}},
        "update": 7,
    }
    assert_holds(upstream.load("f5-v0", checkpoint, DIT), f5)


def test_half_precision_average_becomes_float32(f5, tmp_path):
    half = {name: tensor.half() for name, tensor in f5.items()}
    save_file(published(half), tmp_path / "model.safetensors")
    module = upstream.load("f5-v0", tmp_path / "model.safetensors", DIT)
    assert_holds(module, {name: tensor.float() for name, tensor in half.items()})


@pytest.mark.parametrize("legacy", [False, True])
def test_pickles_are_read_as_tensors_only(f5, tmp_path, legacy):
    path = tmp_path / "model.pt"
    torch.save(
        {"ema_model_state_dict": published(f5)}, path, _use_new_zipfile_serialization=not legacy
    )
    assert_holds(upstream.load("f5-v0", path, DIT), f5)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module.ema_model.", "ema_model.module._orig_mod."]
)
def test_prefixes_of_wrappers_go_in_any_order(f5, prefix):
    state = {f"{prefix}transformer.{name}": tensor for name, tensor in f5.items()}
    assert_holds(upstream.load("f5-v0", {"model_state_dict": state}, DIT), f5)
    state["stray"] = torch.zeros(1)
    with pytest.raises(WeightsError, match="unknown tensors"):
        upstream.load("f5-v0", state, DIT)


def test_the_module_does_not_live_on_the_file(f5, tmp_path):
    for path, write in ((tmp_path / "m.safetensors", save_file), (tmp_path / "m.pt", torch.save)):
        write(f5, path)
        module = upstream.load("f5-v0", path, DIT)
        path.write_bytes(b"gone")
        assert_holds(module, f5)


def test_pickles_with_code_are_refused(f5, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(dict(f5) | {"x": fractions.Fraction(1, 3)}, path)
    with pytest.raises(WeightsError) as caught:
        upstream.load("f5-v0", path, DIT)
    assert caught.value.code == "weights.unsafe_pickle"
    marker = tmp_path / "fired"

    class Touch:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    path.write_bytes(pickle.dumps({"x": Touch()}))
    with pytest.raises(WeightsError):
        upstream.load("f5-v0", path, DIT)
    assert not marker.exists()


def test_unknown_missing_and_misshapen_are_all_named(f5):
    f5["stranger"] = torch.zeros(1)
    del f5["proj_out.bias"]
    f5["proj_out.weight"] = torch.zeros(3, 3)
    with pytest.raises(WeightsError) as caught:
        upstream.load("f5-v0", f5, DIT)
    message = str(caught.value)
    assert "unknown tensors: stranger" in message
    assert "missing tensors: proj_out.bias" in message
    assert "proj_out.weight has shape [3, 3], expected [100, 32]" in message
    assert caught.value.exit_code == 5


def test_numbers_of_another_type_are_named(f5):
    f5["proj_out.bias"] = f5["proj_out.bias"].to(torch.int32)
    with pytest.raises(WeightsError, match=r"proj_out\.bias holds int32"):
        upstream.load("f5-v0", f5, DIT)
    with pytest.raises(WeightsError, match="not tensors: 0"):
        upstream.load("f5-v0", {0: torch.zeros(1)}, DIT)


def test_sizes_that_make_no_network_are_a_usage_error():
    with pytest.raises(UsageError, match="vocos: no network has these sizes"):
        upstream.load("vocos", {"head.out.bias": torch.zeros(1)}, {"dim": -5})


def test_frozen_encoders_in_a_yingsound_checkpoint_are_left_out():
    sizes = {"latent_dim": 8, "dim": 32, "dim_text": 24, "depth": 2, "heads": 2, "dim_head": 16}
    state = fresh("ys-24k", sizes | {"max_seq_len": 64})
    content = state | {"vocos.decoder.w": torch.ones(1), "text_encoder2.shared": torch.ones(1)}
    found = upstream.load("ys-24k", {"model_state_dict": content}, sizes | {"max_seq_len": 64})
    assert_holds(found, state)


def test_only_plain_f5_may_lack_the_energy_input(f5):
    module = upstream.load("f5-v0", f5, DIT | {"energy": True})
    assert not any(p.any() for p in module.input_embed.proj_energy.parameters())
    with pytest.raises(WeightsError, match=r"missing tensors: input_embed.proj_energy"):
        upstream.load("deepaudio-v2s", f5, DIT)
    tuned = fresh("deepaudio-v2s", DIT)
    with pytest.raises(WeightsError, match=r"unknown tensors: input_embed.proj_energy"):
        upstream.load("f5-v0", tuned, DIT)
    del tuned["input_embed.proj_energy.bias"]
    with pytest.raises(WeightsError, match=r"missing tensors: input_embed.proj_energy.bias"):
        upstream.load("f5-v0", tuned, DIT | {"energy": True})


def test_versions_share_names_and_differ_in_config(f5):
    old, new = upstream.load("f5-v0", f5, DIT), upstream.load("f5-v1", f5, DIT)
    assert (old.config.pe_attn_head, new.config.pe_attn_head) == (1, None)
    assert (old.config.text_mask_padding, new.config.text_mask_padding) == (False, True)


def test_mmaudio_tables_are_dropped_and_statistics_checked():
    state = fresh("mmaudio", MMAUDIO)
    tables = {
        "latent_rot": torch.ones(2),
        "clip_rot": torch.ones(2),
        "t_embed.freqs": torch.ones(2),
    }
    assert_holds(upstream.load("mmaudio", state | tables, MMAUDIO), state)
    state["latent_std"] = torch.full_like(state["latent_std"], torch.nan)
    with pytest.raises(WeightsError, match=r"latent_std holds NaN") as caught:
        upstream.load("mmaudio", state, MMAUDIO)
    assert caught.value.code == "weights.latent_statistics"


def test_other_non_finite_weights_are_refused():
    state = fresh("mmaudio", MMAUDIO)
    state["fused_blocks.0.attn.qkv.bias"][0] = torch.inf
    with pytest.raises(WeightsError, match=r"fused_blocks.0.attn.qkv.bias holds NaN or infinite"):
        upstream.load("mmaudio", state, MMAUDIO)


def normalised(state, gain, direction):
    """The file as published: every convolution weight split into gain and direction."""
    split = {}
    for name, tensor in state.items():
        if name.endswith(".weight"):
            stem = name.removesuffix(".weight")
            norm = tensor.flatten(1).norm(dim=1).view(-1, 1, 1)
            split[stem + gain] = norm
            split[stem + direction] = 3 * tensor  # its length does not matter
        else:
            split[name] = tensor
    return split


@pytest.mark.parametrize(
    ("gain", "direction"),
    [
        (".weight_g", ".weight_v"),
        (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    ],
)
def test_weight_norm_is_folded(gain, direction):
    state = fresh("bigvgan-16k", BIGVGAN)
    plain = upstream.load("bigvgan-16k", {"generator": state}, BIGVGAN)
    assert_holds(plain, state)
    split = normalised(state, gain, direction)
    folded = upstream.load("bigvgan-16k", {"generator": split}, BIGVGAN)
    mel = torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(folded(mel), plain(mel), atol=1e-4)
    del split["conv_pre" + gain]
    with pytest.raises(WeightsError, match=r"conv_pre.*is missing"):
        upstream.load("bigvgan-16k", split, BIGVGAN)


@pytest.fixture
def saved(f5, tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(f5, path)
    return path


def refused(path, code):
    with pytest.raises(WeightsError) as caught:
        upstream.load("f5-v0", path, DIT)
    assert caught.value.code == code
    assert path.name in str(caught.value)


def test_absent_empty_and_foreign_files(saved, tmp_path):
    refused(tmp_path / "absent.pt", "weights.missing")
    for name, content, code in [
        ("empty.pt", b"", "weights.empty"),
        ("page.pt", b"<!DOCTYPE html><p>404", "weights.not_weights"),
        ("noise.safetensors", b"\x11" * 64, "weights.not_weights"),
    ]:
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, code)
    renamed = tmp_path / "model.pt"
    renamed.write_bytes(saved.read_bytes())
    refused(renamed, "weights.renamed")
    torch.save({"a": torch.zeros(1)}, tmp_path / "pickle.safetensors")
    refused(tmp_path / "pickle.safetensors", "weights.renamed")


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.999])
def test_truncated_files(saved, f5, tmp_path, kept):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * kept)])
    refused(saved, "weights.corrupt")
    path = tmp_path / "model.pt"
    torch.save(f5, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(path, "weights.corrupt")
    with pytest.raises(WeightsError, match="the file is incomplete"):
        upstream.load("f5-v0", path, DIT)


def with_header(path, change):
    """Rewrite the JSON header of a safetensors file as text."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = change(content[8 : 8 + length].decode()).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])


def test_tampered_headers(saved):
    good = saved.read_bytes()
    entry = json.dumps({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})
    with_header(saved, lambda text: text.replace("{", f'{{"proj_out.bias":{entry},', 1))
    refused(saved, "weights.corrupt")
    saved.write_bytes(good)
    with_header(saved, lambda text: text.replace('"data_offsets":[0,', '"data_offsets":[4,', 1))
    refused(saved, "weights.corrupt")
    saved.write_bytes(good + b"more")
    refused(saved, "weights.corrupt")


def test_another_models_file_is_refused(tmp_path):
    save_file(fresh("mmaudio", MMAUDIO), tmp_path / "model.safetensors")

    with pytest.raises(WeightsError, match=r"unknown tensors: .*missing tensors: "):
        upstream.load("f5-v0", tmp_path / "model.safetensors", DIT)


def test_unknown_kind_and_variant_name_the_nearest():
    with pytest.raises(UsageError) as caught:
        upstream.load("f5-v3", {})
    assert "did you mean 'f5-v" in caught.value.hint
    with pytest.raises(UsageError, match=r"no variant 'small_16'"):
        upstream.load("mmaudio", {}, "small_16")


def test_arrays_are_read_only_where_they_are_asked_for(tmp_path):
    torch.save({"weight": np.arange(6, dtype=np.float32).reshape(2, 3)}, tmp_path / "a.ckpt")
    found = source.read(tmp_path / "a.ckpt", arrays=True)
    assert found["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(WeightsError, match="more than tensors"):
        source.read(tmp_path / "a.ckpt")
