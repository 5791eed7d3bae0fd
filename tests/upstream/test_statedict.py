"""Every full-size network has exactly the tensors of the official files: names, shapes, counts."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from deepaudio.upstream import kinds
from deepaudio.upstream.unwrap import fold_weight_norm

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[1]
DIGESTS = json.loads((HERE / "fixtures" / "statedict.json").read_text())

FULL_SIZES = [
    ("mmaudio", "small_16k", "mmaudio_small_16k", 157_283_644),
    ("mmaudio", "small_44k", "mmaudio_small_44k", 157_409_144),
    ("mmaudio", "medium_44k", "mmaudio_medium_44k", 621_805_944),
    ("mmaudio", "large_44k", "mmaudio_large_44k", 1_030_002_168),
    ("mmaudio", "large_44k_v2", "mmaudio_large_44k_v2", 1_030_575_608),
    ("mmaudio-vae-16k", None, "vae_16k", 171_657_218),
    ("mmaudio-vae-44k", None, "vae_44k", 305_479_682),
    ("bigvgan-16k", None, "bigvgan_16k_wn_removed", 112_199_473),
    ("synchformer", None, "synchformer_visual", 122_440_704),
    ("f5-v0", None, "f5_v0_base", 337_096_804),
    ("f5-v1", None, "f5_v1_base", 337_096_804),
    ("deepaudio-v2s", None, "deepaudio_v2c_base", 337_098_852),
]


def skeleton(kind, variant=None):
    entry = kinds.find(kind)
    with torch.device("meta"):
        return entry.build(entry.config(variant))


def digest(shapes):
    lines = sorted(f"{name.removeprefix('transformer.')} {shape}" for name, shape in shapes.items())
    return {
        "tensors": len(lines),
        "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    }


@pytest.mark.parametrize(("kind", "variant", "name", "parameters"), FULL_SIZES)
def test_names_shapes_and_counts(kind, variant, name, parameters):
    network = skeleton(kind, variant)
    shapes = {k: list(v.shape) for k, v in network.state_dict().items()}
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert digest(shapes) == DIGESTS[name]


@pytest.mark.parametrize(
    ("kind", "name", "parameters"),
    [
        ("bigvgan-16k", "bigvgan_16k_parametrized", 112_231_250),
        ("bigvgan-v2", "bigvgan_v2_44k", 122_184_529),
    ],
)
def test_weight_norm_of_the_official_files_folds_to_our_names(kind, name, parameters):
    network = skeleton(kind)
    official, ours = {}, {k: list(v.shape) for k, v in network.state_dict().items()}
    for key, shape in ours.items():
        if key.endswith(".weight"):
            stem = key.removesuffix("weight") + "parametrizations.weight.original"
            official |= {f"{stem}0": [shape[0], 1, 1], f"{stem}1": shape}
        else:
            official[key] = shape
    assert digest(official) == DIGESTS[name]
    gains = sum(shape[0] for key, shape in official.items() if key.endswith("original0"))
    assert sum(p.numel() for p in network.parameters()) + gains == parameters
    with torch.device("meta"):
        state = {key: torch.empty(shape) for key, shape in official.items()}
        folded = fold_weight_norm(state, kind)
    assert {k: list(v.shape) for k, v in folded.items()} == ours


def test_yingsound_has_its_projections_around_the_published_transformer():
    network = skeleton("ys-24k")
    shapes = {k: list(v.shape) for k, v in network.transformer.state_dict().items()}
    assert digest(shapes) == DIGESTS["ys24k_e2tts_crossatt_transformer"]
    others = {k: v for k, v in network.state_dict().items() if not k.startswith("transformer.")}
    assert {k: list(v.shape) for k, v in others.items()} == {
        "proj_in.weight": [1024, 128],
        "proj_in.bias": [1024],
        "to_pred.weight": [128, 1024],
        "to_pred.bias": [128],
    }
    assert sum(p.numel() for p in network.parameters()) == 710_952_640


@pytest.mark.parametrize("variant", list(kinds.KINDS["mmaudio"].variants))
def test_the_variant_is_known_by_its_tensors(variant):
    assert kinds.mmaudio_variant(skeleton("mmaudio", variant).state_dict()) == variant
