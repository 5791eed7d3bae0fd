"""The cross-attention network: numbers of its upstream, padding, drops, nearest frames."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from deepaudio.errors import InputError, UsageError
from deepaudio.models.v2a.crossdit import Config, Model, Transformer, nearest_frames

PARITY = Path(__file__).parents[1] / "fixtures" / "parity"
LISTS = Path(__file__).parents[2].parent / "shared" / "parity" / "statedict"
T = torch.tensor(0.4)


def assert_near(found, expected, tolerance=1e-4):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < tolerance * expected.abs().max()


@torch.no_grad()
def test_transformer_equals_upstream():
    path = PARITY / "ys24k.safetensors"
    n = load_file(path)
    with safe_open(path, "pt") as file:
        sizes = json.loads(file.metadata()["about"])["config"]
    ours = {k: sizes[k] for k in ("depth", "dim", "heads", "dim_head")}
    ours |= {"visual_dim": sizes["dim_text"], "max_len": sizes["max_seq_len"]}
    model = Transformer(Config(**ours, registers=sizes["num_registers"])).eval()
    model.load_state_dict({k.removeprefix("sd."): v for k, v in n.items() if k.startswith("sd.")})
    out = model(n["x"], n["t"], n["visual"], n["context"], n["mask"], n["context_mask"])
    assert_near(out, n["out"])


def test_full_size_has_the_tensors_of_upstream():
    with torch.device("meta"):
        network = Model(Config())
    assert sum(p.numel() for p in network.transformer.parameters()) == 710_689_344
    path = LISTS / "ys24k_e2tts_crossatt_transformer.tsv"
    if not path.is_file():
        pytest.skip("the list of tensors is not in ../shared")
    rows = [line.split("\t")[:2] for line in path.read_text().splitlines()]
    shapes = {k: str(list(v.shape)) for k, v in network.transformer.state_dict().items()}
    assert shapes == dict(rows)


def network():
    """A tiny network all of whose parameters matter, and a batch for it."""
    torch.manual_seed(0)
    model = Model(Config.tiny()).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    c = model.config
    return (
        model,
        torch.randn(2, 20, c.latent_dim),
        torch.randn(2, 20, c.visual_dim),
        torch.randn(2, 6, c.dim),
    )


@torch.no_grad()
def test_padding_does_not_change_valid_frames():
    model, x, visual, text = network()
    alone = model(x, T, model.encode(visual, text))
    longer = [torch.cat((v, torch.randn(2, 5, v.shape[2])), dim=1) for v in (x, visual, text)]
    mask, text_mask = torch.arange(25).expand(2, -1) < 20, torch.arange(11).expand(2, -1) < 6
    cond = model.encode(longer[1], longer[2], mask=mask, text_mask=text_mask)
    together = model(longer[0], T, cond)
    assert_near(together[:, :20], alone, 1e-5)
    assert together[:, 20:].abs().max() == 0


@torch.no_grad()
def test_drops_act_per_item_and_equal_null():
    model, x, visual, text = network()
    dropped = torch.tensor([False, True])
    free = model.encode(visual, text)
    velocity = model(x, T, model.encode(visual, text, drop_video=dropped, drop_text=dropped))
    assert_near(velocity[1], model(x, T, model.null(free))[1], 1e-5)
    assert_near(velocity[0], model(x, T, free)[0], 1e-5)
    assert (velocity[1] - model(x, T, free)[1]).abs().max() > 1e-3


@torch.no_grad()
def test_no_text_at_all_stays_finite():
    model, x, visual, text = network()
    cond = model.encode(visual, text, text_mask=torch.zeros(2, 6, dtype=torch.bool))
    assert model(x, T, cond).isfinite().all()


def test_nearest_frames():
    """Ten seconds at 75 latents and 3 frames: ends and middle belong to their frames."""
    index = nearest_frames(750, 3, 10.0)
    assert index[0] == 0 and index[-1] == 2 and index[375] == 1
    assert (index.diff() >= 0).all() and index.bincount().tolist() == [188, 374, 188]
    assert nearest_frames(5, 1, 1.0).tolist() == [0] * 5


@torch.no_grad()
def test_half_precision_is_near():
    model, x, visual, text = network()
    mask = torch.arange(20).expand(2, -1) < 18
    exact = model(x, T, model.encode(visual, text, mask=mask))
    model.bfloat16()
    half = model(x.bfloat16(), T, model.encode(visual.bfloat16(), text.bfloat16(), mask=mask))
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).norm() < 0.05 * exact.norm()


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="depth = 3 must be even"):
        Config(depth=3)
    with pytest.raises(UsageError, match="kernel = 30 must be odd"):
        Config(kernel=30)
    model, _, _, text = network()
    x, visual = torch.randn(2, 300, 6), torch.randn(2, 300, 24)
    with pytest.raises(InputError, match="300 latents, but there are 256"):
        model(x, T, model.encode(visual, text))
