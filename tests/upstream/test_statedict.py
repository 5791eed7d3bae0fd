"""Every full-size network has exactly the tensors of the official files: names, shapes, counts."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from deepaudio.upstream import kinds
from deepaudio.upstream.unwrap import fold_weight_norm

HERE = Path(__file__).parents[1]
DIGESTS = json.loads((HERE / "fixtures" / "statedict.json").read_text())
LISTS = HERE.parents[1] / "shared" / "parity" / "statedict"

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
    ("kind", "name"),
    [("bigvgan-16k", "bigvgan_16k_parametrized"), ("bigvgan-v2", "bigvgan_v2_44k")],
)
def test_folded_weight_norm_has_our_names(kind, name):
    path = LISTS / f"{name}.tsv"
    if not path.is_file():
        pytest.skip("the lists of tensors are not beside the repository")
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    with torch.device("meta"):
        state = {row[0]: torch.empty(json.loads(row[1])) for row in rows}
        folded = fold_weight_norm(state, kind)
    network = skeleton(kind).state_dict()
    assert {k: v.shape for k, v in folded.items()} == {k: v.shape for k, v in network.items()}


@pytest.mark.parametrize("variant", list(kinds.KINDS["mmaudio"].variants))
def test_the_variant_is_known_by_its_tensors(variant):
    assert kinds.mmaudio_variant(skeleton("mmaudio", variant).state_dict()) == variant
