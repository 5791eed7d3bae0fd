"""The MMAudio network: numbers of upstream v1 and v2, changed lengths, drops, zero start."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from deepaudio.errors import InputError, UsageError
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.flow.time import linear
from deepaudio.models.v2a.mmdit import Config, Model

PARITY = Path(__file__).parents[1] / "fixtures" / "parity"
THEIRS = {"text_len": "text_seq_len", "heads": "num_heads"}
SIZES = (
    "latent_dim",
    "clip_dim",
    "sync_dim",
    "text_dim",
    "hidden_dim",
    "depth",
    "fused_depth",
    "v2",
)


@pytest.fixture(scope="module", params=["mmaudio_v1", "mmaudio_v2"])
def upstream(request):
    """(model with upstream's weights, upstream's numbers)."""
    path = PARITY / f"{request.param}.safetensors"
    numbers = load_file(path)
    with safe_open(path, "pt") as file:
        sizes = json.loads(file.metadata()["about"])["config"]
    ours = {name: sizes[name] for name in SIZES} | {k: sizes[v] for k, v in THEIRS.items()}
    model = Model(Config(**ours)).eval()
    state = {k.removeprefix("sd."): v for k, v in numbers.items() if k.startswith("sd.")}
    model.load_state_dict(state)
    return model, numbers


def assert_near(found, expected, tolerance=1e-4):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < tolerance * expected.abs().max()


@torch.no_grad()
def test_velocity_equals_upstream(upstream):
    model, n = upstream
    cond = model.encode(n["clip"], n["sync"], n["text"])
    assert_near(model(n["lat"], n["t"], cond), n["out.flow"])


@torch.no_grad()
def test_other_lengths_equal_upstream(upstream):
    model, n = upstream
    cond = model.encode(n["clip"][:, :9], n["sync"][:, :24], n["text"])
    assert_near(model(n["lat"][:, :37], n["t"], cond), n["out.flow_len37"])


@torch.no_grad()
def test_five_guided_steps_equal_upstream(upstream):
    model, n = upstream
    cond = model.encode(n["clip"], n["sync"], n["text"])
    done = euler(guided(model, cond, model.null(cond), 4.5), n["lat"], linear(5))
    assert_near(done, n["out.euler5"])
    assert_near(model.unnormalize(done), n["out.euler5_unnorm"])
    assert_near(model.normalize(n["out.euler5_unnorm"]), done)


def network(**changes):
    """A tiny network all of whose parameters matter, and a batch for it."""
    torch.manual_seed(0)
    model = Model(Config(**{**vars(Config.tiny()), **changes})).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    c = model.config
    clip, sync = torch.randn(3, 8, c.clip_dim), torch.randn(3, 24, c.sync_dim)
    return model, torch.randn(3, 33, c.latent_dim), (clip, sync, torch.randn(3, 5, c.text_dim))


@torch.no_grad()
def test_drops_act_per_item_and_equal_null():
    model, x, features = network()
    t, dropped = torch.rand(3), torch.tensor([False, True, False])
    free = model.encode(*features)
    velocity = model(x, t, model.encode(*features, drop_video=dropped, drop_text=dropped))
    null = model(x, t, model.null(free))
    assert_near(velocity[1], null[1], 1e-5)
    assert_near(velocity[::2], model(x, t, free)[::2], 1e-5)
    for name in ("drop_video", "drop_text"):
        half = model(x, t, model.encode(*features, **{name: dropped}))[1]
        assert (half - null[1]).abs().max() > 1e-3
        assert (half - model(x, t, free)[1]).abs().max() > 1e-3


@torch.no_grad()
def test_a_negative_prompt_takes_the_place_of_the_empty_one():
    model, x, features = network()
    cond = model.encode(*features)
    same = model.null(cond, model.empty_string_feat.expand(3, -1, -1))
    other = model.null(cond, features[2])
    assert torch.equal(model(x, T, same), model(x, T, model.null(cond)))
    assert (model(x, T, other) - model(x, T, same)).abs().max() > 1e-3


@torch.no_grad()
def test_a_batch_equals_its_items():
    model, x, features = network()
    t = torch.rand(3)
    both = model(x, t, model.encode(*features))
    for i in range(3):
        alone = model(x[i : i + 1], t[i : i + 1], model.encode(*(f[i : i + 1] for f in features)))
        assert_near(both[i : i + 1], alone, 1e-5)


@torch.no_grad()
def test_sync_at_the_rate_of_the_video_without_segments():
    model, x, (clip, _, text) = network(sync_segment=None)
    assert "sync_pos_emb" not in model.state_dict()
    sync = torch.randn(3, 19, model.config.sync_dim)
    velocity = model(x, T, model.encode(clip, sync, text))
    moved = sync.clone()
    moved[:, 18] += 3
    change = (model(x, T, model.encode(clip, moved, text)) - velocity).abs().amax(dim=(0, 2))
    assert change[-1] > change[0]


def test_starts_with_zero_velocity_and_trains_everything_but_statistics():
    torch.manual_seed(0)
    model = Model(Config.tiny())
    _, x, features = network()
    assert model(x, T, model.encode(*features)).abs().max() == 0
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"latent_mean", "latent_std", "empty_string_feat"}
    model, x, features = network()
    drop = torch.tensor([True, False, False])
    model(x, T, model.encode(*features, drop_video=drop)).square().mean().backward()
    assert not [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]


@torch.no_grad()
def test_half_precision_is_near():
    model, x, features = network()
    exact = model(x, T, model.encode(*features))
    model.bfloat16()
    half = model(x.bfloat16(), T, model.encode(*(f.bfloat16() for f in features)))
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).norm() < 0.05 * exact.norm()


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match=r"hidden_dim = 100 .* 7 heads"):
        Config(hidden_dim=100)
    with pytest.raises(UsageError, match="fused_depth = 12 must be below depth = 12"):
        Config(fused_depth=12)
    model, _, (clip, sync, text) = network()
    with pytest.raises(InputError, match="23 sync frames are not whole segments of 8"):
        model.encode(clip, sync[:, :23], text)
    with pytest.raises(InputError, match="4 text tokens"):
        model.null(model.encode(clip, sync, text[:, :4]))


T = torch.tensor(0.4)
