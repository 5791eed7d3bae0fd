"""Judges of the paper loaded from published files: names, shapes and numbers of the published implementations."""

import hashlib
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from deepaudio.encoders.synchformer import Config as VisualConfig
from deepaudio.errors import InputError, WeightsError
from deepaudio.judges import imagebind, open_judge, synchformer, wav2clip, wavlm_ecapa
from deepaudio.judges._weights import filled, load_state

TINY_WAVLM = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
    "feat_extract_norm": "layer", "do_stable_layer_norm": True, "num_buckets": 320,
    "max_bucket_distance": 800, "conv_dim": (16,) * 7,
}  # fmt: skip
# What the published modules gave for the weights of `drawn` and the sounds and frames below.
ECAPA = [-5.20349, 3.7128, 3.34258, 0.52741]
HEARD = [-0.49496, 0.14259, -0.08403, -0.07186]
SEEN = [-0.42266, -0.1106, -0.44818, 0.48415]
CLIP = [0.01507, 0.33309, -0.30657, 0.12383]


def drawn(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights that only depend on names and shapes, the same for ours and the published code."""
    rng, out = torch.Generator().manual_seed(0), {}
    for key in sorted(state):
        value = 0.2 * torch.randn(state[key].shape, generator=rng)
        if key.endswith("running_var"):
            value = value.abs() + 0.5
        out[key] = value if state[key].is_floating_point() else torch.zeros_like(state[key])
    return out


def digest(network: nn.Module) -> str:
    lines = [f"{key} {list(value.shape)}" for key, value in sorted(network.state_dict().items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def wave(seconds: float = 1.5) -> torch.Tensor:
    t = torch.arange(round(16000 * seconds)) / 16000
    return 0.2 * torch.sin(2 * math.pi * (200 + 300 * t) * t)


@pytest.mark.parametrize(
    ("network", "tensors", "expected"),
    [
        # The first two were taken from the published modules themselves at full size (the second at a depth of two).
        (wavlm_ecapa.Verifier, 710, "d0a8035eb99bac61"),
        (
            lambda: imagebind.ImageBind(
                imagebind.Half(1280, 2, 16, 257), imagebind.Half(768, 2, 12, 229)
            ),
            68,
            "e159360757934bdb",
        ),
        (synchformer.Synchformer, 513, "30dd96733084b292"),
    ],
)
def test_names_and_shapes_are_the_published_ones(network, tensors, expected):
    with torch.device("meta"):
        made = network()
    assert len(made.state_dict()) == tensors and digest(made) == expected


def test_the_published_names_of_wavlm_become_those_of_transformers():
    published = {
        "feature_extract.model.mask_emb": "wavlm.masked_spec_embed",
        "feature_extract.model.feature_extractor.conv_layers.3.2.1.bias": (
            "wavlm.feature_extractor.conv_layers.3.layer_norm.bias"
        ),
        "feature_extract.model.encoder.pos_conv.0.weight_g": (
            "wavlm.encoder.pos_conv_embed.conv.parametrizations.weight.original0"
        ),
        "feature_extract.model.layer_norm.weight": "wavlm.feature_projection.layer_norm.weight",
        "feature_extract.model.encoder.layers.0.self_attn.grep_a": (
            "wavlm.encoder.layers.0.attention.gru_rel_pos_const"
        ),
        "feature_extract.model.encoder.layers.23.self_attn_layer_norm.bias": (
            "wavlm.encoder.layers.23.layer_norm.bias"
        ),
        "feature_weight": "feature_weight",
        "layer2.Res2Conv1dReluBn.bns.6.running_var": "layer2.Res2Conv1dReluBn.bns.6.running_var",
    }
    state = dict.fromkeys([*published, "loss_calculator.projection.weight"], torch.zeros(1))
    assert list(wavlm_ecapa.renamed(state)) == list(published.values())


def test_speaker_network_gives_the_numbers_of_the_published_code():
    config = wavlm_ecapa.Config(wavlm=TINY_WAVLM, channels=32, dim=24)
    network = wavlm_ecapa.Verifier(config)
    network = filled(lambda: network, drawn(network.state_dict()), "tiny")
    judge = wavlm_ecapa.Judge(network, "cpu")
    found = judge(wave(), 16000)
    assert found[:4].tolist() == pytest.approx(ECAPA, abs=2e-3)
    assert judge(torch.zeros(30), 16000).shape == (24,)


def test_imagebind_gives_the_numbers_of_the_published_code():
    tiny = imagebind.Half(32, 2, 4, 257), imagebind.Half(24, 2, 4, 229)
    network = imagebind.ImageBind(*tiny, out=16)
    network = filled(lambda: network, drawn(network.state_dict()), "tiny")
    judge = imagebind.Judge(network, "cpu")
    assert judge(wave(7.0), 16000).imagebind[:4].tolist() == pytest.approx(HEARD, abs=1e-4)
    pixels = torch.arange(4 * 120 * 200 * 3).reshape(4, 120, 200, 3) * 7 % 256
    pairs = imagebind.picture_pairs(list(pixels.to(torch.uint8)))
    assert pairs.shape == (9, 3, 2, 224, 224)
    seen = network(pairs, "vision").mean(0)
    assert seen[:4].tolist() == pytest.approx(SEEN, abs=1e-4)
    # One frame is a still: twice the same, in three crops.
    still = imagebind.picture_pairs([torch.zeros(50, 40, 3, dtype=torch.uint8)])
    assert still.shape == (3, 3, 2, 224, 224) and bool((still[:, :, 0] == still[:, :, 1]).all())


def test_wav2clip_gives_the_numbers_of_the_published_code():
    network = wav2clip.Wav2Clip()
    network = filled(lambda: network, drawn(network.state_dict()), "tiny")
    found = wav2clip.Judge(network, nn.Identity(), None, "cpu")(wave(), 16000)
    assert (found.clip[:4] / found.clip.abs().max()).tolist() == pytest.approx(CLIP, abs=1e-3)


@pytest.mark.slow
def test_the_halves_of_clip_meet_in_a_folder(tmp_path):
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    network = wav2clip.Wav2Clip()
    more = {"audio_encoder.spectrogram.window": torch.zeros(512), "image_encoder.x": torch.zeros(1)}
    torch.save(network.state_dict() | more, tmp_path / "Wav2CLIP.pt")
    with pytest.raises(WeightsError, match="clip-vit-base-patch32"):
        open_judge("wav2clip", tmp_path)
    sizes = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        image_size=32, patch_size=16, projection_dim=512,
    )  # fmt: skip
    beside = tmp_path / "clip-vit-base-patch32"
    CLIPVisionModelWithProjection(sizes).save_pretrained(beside)
    side = {"shortest_edge": 32}
    CLIPImageProcessor(size=side, crop_size={"height": 32, "width": 32}).save_pretrained(beside)
    judge = open_judge("wav2clip", tmp_path)
    clip = Path(__file__).resolve().parents[2] / "examples/clip.mp4"
    assert judge(wave(), 16000).clip.shape == judge.look(clip).shape == (512,)
    assert float(judge.look(clip).norm()) <= 1.0001


TINY_SYNC = synchformer.Config(visual=VisualConfig.tiny(), audio_depth=2, depth=2, heads=4)


def standard_layer(dim: int, heads: int, eps: float) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        dim, heads, 4 * dim, dropout=0.0, activation="gelu", layer_norm_eps=eps, batch_first=True,
        norm_first=True,
    ).eval()  # fmt: skip


def test_synchformer_equals_standard_transformer_layers():
    network = synchformer.Synchformer(TINY_SYNC)
    state = drawn(network.state_dict())
    network = filled(lambda: network, state, "tiny")
    x = torch.randn(2, 7, 48, generator=torch.Generator().manual_seed(1))

    def joined(prefix: str, parts: tuple[str, ...], kind: str) -> torch.Tensor:
        return torch.cat([state[f"{prefix}.{part}.{kind}"] for part in parts])

    def copied(layer, prefix, qkv, out, first, second, norms):
        weights = {
            "self_attn.out_proj": out, "linear1": first, "linear2": second, "norm1": norms[0],
            "norm2": norms[1],
        }  # fmt: skip
        given = {
            f"{ours}.{kind}": state[f"{prefix}.{theirs}.{kind}"]
            for ours, theirs in weights.items()
            for kind in ("weight", "bias")
        }
        for kind in ("weight", "bias"):
            given[f"self_attn.in_proj_{kind}"] = joined(prefix, qkv, kind)
        layer.load_state_dict(given)
        return layer

    heard = copied(
        standard_layer(48, 4, 1e-12), "afeat_extractor.ast.encoder.layer.1",
        tuple(f"attention.attention.{part}" for part in ("query", "key", "value")),
        "attention.output.dense", "intermediate.dense", "output.dense",
        ("layernorm_before", "layernorm_after"),
    )  # fmt: skip
    ours = network.afeat_extractor.ast.encoder["layer"][1]
    assert torch.allclose(ours(x), heard(x), atol=1e-5)
    both = copied(
        standard_layer(48, 4, 1e-5), "transformer.blocks.0",
        tuple(f"attn.{part}" for part in ("query", "key", "value")),
        "attn.proj", "mlp.0", "mlp.2", ("ln1", "ln2"),
    )  # fmt: skip
    assert torch.allclose(network.transformer.blocks[0](x), both(x), atol=1e-5)


def test_offsets_lie_on_the_grid_and_short_clips_say_why(tmp_path):
    network = synchformer.Synchformer(TINY_SYNC)
    judge = synchformer.Judge(filled(lambda: network, drawn(network.state_dict()), "tiny"), "cpu")
    seen = torch.randn(16, 8, 48, generator=torch.Generator().manual_seed(2))
    offsets = judge.watch(wave(6.0), 16000, seen)
    assert len(offsets) == 2
    assert all(
        abs(offset * 5 - round(offset * 5)) < 1e-5 and abs(offset) <= 2 for offset in offsets
    )
    with pytest.raises(InputError, match=r"4\.8 s: the sound has 5 of 14 segments"):
        judge.watch(wave(2.0), 16000, seen)
    with pytest.raises(InputError, match="the sound has 0"):
        judge.watch(wave(0.2), 16000, seen)


def test_a_pickle_gives_its_tensors_and_nothing_else(tmp_path):
    torch.save({"model": {"a": torch.ones(2)}, "iteration": 3}, tmp_path / "x.pth")
    assert load_state("x", tmp_path, "x.pth")["a"].tolist() == [1, 1]
    torch.save({"model": {"a": torch.ones(2)}, "path": Path("here")}, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="holds more than tensors"):
        load_state("x", tmp_path, "x.pth")
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    assert load_state("x", tmp_path, "x.pth")["a"].tolist() == [0, 0]
