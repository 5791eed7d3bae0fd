"""The text-to-speech DiT: numbers of F5-TTS and DeepAudio-V1, padding, drops, folding, zero starts."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from deepaudio.audio.mel import log_mel
from deepaudio.errors import InputError, UsageError
from deepaudio.flow.guidance import guided
from deepaudio.flow.solver import euler
from deepaudio.flow.time import linear, sway
from deepaudio.models.tts.dit import Config, Model

PARITY = Path(__file__).parents[1] / "fixtures" / "parity"
V0 = {"pe_attn_head": 1, "text_mask_padding": False}
V1 = {"pe_attn_head": None, "text_mask_padding": True}
MINI = {"content_dim": 7, "reference_summary": True, "regression": True, "energy": True} | V1
T = torch.tensor(0.37)


@pytest.fixture(scope="module", params=["dit_v0", "dit_v1", "dit_deepaudio"])
def upstream(request):
    """(model with upstream's weights, upstream's numbers)."""
    path = PARITY / f"{request.param}.safetensors"
    numbers = load_file(path)
    with safe_open(path, "pt") as file:
        sizes = json.loads(file.metadata()["about"])["config"]
    sizes["vocab_size"] = sizes.pop("text_num_embeds")
    switches = V1 if request.param == "dit_v1" else V0
    model = Model(Config(**sizes, **switches, energy="deepaudio" in request.param)).eval()
    state = {k.removeprefix("sd."): v for k, v in numbers.items() if k.startswith("sd.")}
    model.load_state_dict({k.removeprefix("transformer."): v for k, v in state.items()})
    return model, numbers


def assert_near(found, expected, tolerance=1e-4):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < tolerance * expected.abs().max()


@torch.no_grad()
def test_velocity_equals_upstream(upstream):
    model, numbers = upstream
    kinds = {"rand": numbers["energy"]} if model.config.energy else {"none": None}
    for kind, energy in kinds.items():
        cond = model.encode(cond=numbers["cond"], text=numbers["text"], energy=energy)
        assert_near(model(numbers["x"], T, cond), numbers[f"out.{kind}_drop0"])
        assert_near(model(numbers["x"], T, model.null(cond)), numbers[f"out.{kind}_drop1"])


@torch.no_grad()
def test_zero_energy_equals_upstream(upstream):
    model, numbers = upstream
    if not model.config.energy:
        pytest.skip("no energy input")
    bias = model.input_embed.proj_energy.bias
    kept = bias.clone()
    bias.zero_()
    cond = model.encode(cond=numbers["cond"], text=numbers["text"])
    velocity, null = model(numbers["x"], T, cond), model(numbers["x"], T, model.null(cond))
    bias.copy_(kept)
    assert_near(velocity, numbers["out.zero_drop0"])
    assert_near(null, numbers["out.zero_drop1"])


@torch.no_grad()
def test_eight_guided_steps_equal_upstream(upstream):
    model, numbers = upstream
    reference = log_mel(numbers["wav"])
    n = reference.shape[1]
    mel = torch.zeros(1, 90, 100)
    mel[:, :n] = reference
    energy = torch.rand(1, 90, 1, generator=torch.Generator().manual_seed(5))
    cond = model.encode(
        cond=mel, text=numbers["text"], energy=energy if model.config.energy else None
    )
    noise = torch.randn(90, 100, generator=torch.Generator().manual_seed(11))[None]
    done = euler(guided(model, cond, model.null(cond), 3.0), noise, sway(linear(8)))
    done[:, :n] = reference
    assert_near(done, numbers["out.sample"])


def network(seed=0, **changes):
    """A tiny network all of whose parameters matter."""
    torch.manual_seed(seed)
    model = Model(dataclasses.replace(Config.tiny(), **changes)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return model


def inputs(model, n, b=1, seed=0, reference=9):
    """Keyword arguments of `encode` and a point x_t, random, with the reference at the start."""
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=rng)

    c = model.config
    is_reference = (torch.arange(n) < reference).expand(b, n)
    arguments = {"cond": draw(b, n, c.mel_dim) * is_reference[..., None], "cond_mask": is_reference}
    if c.content_dim is None:
        arguments["text"] = torch.randint(0, c.vocab_size, (b, 14), generator=rng)
    else:
        arguments |= {"content": draw(b, n, c.content_dim), "content_mask": ~is_reference}
    if c.energy:
        arguments["energy"] = draw(b, n, 1).abs()
    return arguments, draw(b, n, c.mel_dim)


def padded(arguments, x, extra):
    """The same item with `extra` frames of rubbish after it, and the mask that says so."""
    n = x.shape[1]

    def longer(value):
        if value.dtype == torch.bool:
            return torch.cat((value, torch.ones(value.shape[0], extra, dtype=torch.bool)), dim=1)
        return torch.cat((value, torch.randn(value.shape[0], extra, value.shape[2])), dim=1)

    more = {k: v if k == "text" else longer(v) for k, v in arguments.items()}
    more["mask"] = (torch.arange(n + extra) < n).expand(x.shape[0], -1)
    return more, longer(x)


KINDS = [
    V0,
    V1,
    V1 | {"energy": True, "qk_norm": True, "long_skip": True},
    MINI,
    MINI | {"frames_per_token": 2},
    MINI | {"frames_per_token": 3},
    V0 | {"frames_per_token": 2, "energy": True},
]


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_padding_does_not_change_valid_frames(kind):
    model = network(**kind)
    arguments, x = inputs(model, 31)
    alone = model(x, T, model.encode(**arguments))
    more, longer = padded(arguments, x, 8)
    cond = model.encode(**more)
    together = model(longer, T, cond)
    assert_near(together[:, :31], alone, 1e-5)
    assert together[:, 31:].abs().max() == 0
    null = model(x, T, model.null(model.encode(**arguments)))
    assert_near(model(longer, T, model.null(cond))[:, :31], null, 1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_batch_of_two_equals_two_batches(kind):
    model = network(**kind)
    long, x_long = inputs(model, 33, seed=1)
    short, x_short = inputs(model, 24, seed=2, reference=5)
    more, x_more = padded(short, x_short, 9)
    long_too = long | {"mask": torch.ones(1, 33, dtype=torch.bool)}
    batch = {key: torch.cat((long_too[key], more[key])) for key in more}
    t = torch.tensor([0.2, 0.9])
    both = model(torch.cat((x_long, x_more)), t, model.encode(**batch))
    assert_near(both[:1], model(x_long, t[:1], model.encode(**long)), 1e-5)
    assert_near(both[1:, :24], model(x_short, t[1:], model.encode(**short)), 1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_drops_act_per_item_and_equal_null(kind):
    model = network(**kind)
    arguments, x = inputs(model, 20, b=3)
    free = model.encode(**arguments)
    dropped = torch.tensor([False, True, False])
    some = model.encode(**arguments, drop_audio=dropped, drop_text=dropped)
    velocity, null = model(x, T, some), model(x, T, model.null(free))
    assert_near(velocity[1], null[1], 1e-5)
    assert_near(velocity[::2], model(x, T, free)[::2], 1e-5)
    assert (velocity[1] - model(x, T, free)[1]).abs().max() > 1e-3
    audio_only = model(x, T, model.encode(**arguments, drop_audio=dropped))
    assert (audio_only[1] - null[1]).abs().max() > 1e-3


@torch.no_grad()
def test_null_keeps_the_energy():
    model = network(**MINI)
    arguments, _ = inputs(model, 20)
    cond = model.encode(**arguments)
    null = model.null(cond)
    assert torch.equal(null.energy, cond.energy)
    assert null.audio.abs().max() == 0 and null.summary.abs().max() == 0


@pytest.mark.parametrize("fold", [1, 2])
@torch.no_grad()
def test_video_to_speech_at_its_start_is_text_to_speech_bit_for_bit(fold):
    """The energy projection starts at zero, whatever the energy is."""
    torch.manual_seed(3)
    speech = Model(dataclasses.replace(Config.tiny(), frames_per_token=fold)).eval()
    dubbed = Model(dataclasses.replace(Config.tiny(), frames_per_token=fold, energy=True)).eval()
    own = {k: v for k, v in dubbed.state_dict().items() if "proj_energy" in k}
    assert len(own) == 2
    dubbed.load_state_dict(speech.state_dict() | own)
    arguments, x = inputs(speech, 21)
    expected = speech(x, T, speech.encode(**arguments))
    found = dubbed(x, T, dubbed.encode(**arguments, energy=torch.rand(1, 21, 1)))
    assert torch.equal(found, expected) and expected.abs().max() > 0


@torch.no_grad()
def test_energy_matters_once_it_is_trained():
    model = network(energy=True)
    arguments, x = inputs(model, 21)
    quiet = model(x, T, model.encode(**arguments | {"energy": None}))
    assert (model(x, T, model.encode(**arguments)) - quiet).abs().max() > 1e-3


@torch.no_grad()
def test_reference_summary_starts_at_zero_and_knows_its_statistics():
    plain = Model(dataclasses.replace(Config.tiny(), reference_summary=True)).eval()
    arguments, _ = inputs(plain, 20)
    assert plain.encode(**arguments).summary.abs().max() == 0
    model = network(reference_summary=True)
    seen = []
    model.summary_embed.mlp.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.encode(**arguments)
    reference = arguments["cond"][:, :9]
    mean, deviation = seen[0].split(100, dim=1)
    assert torch.allclose(mean, reference.mean(dim=1), atol=1e-5)
    assert torch.allclose(deviation, reference.std(dim=1, correction=0), atol=1e-4)
    nothing = torch.zeros_like(arguments["cond"])
    assert model.encode(cond=nothing, text=arguments["text"]).summary.abs().max() == 0


@torch.no_grad()
def test_text_positions_end_at_the_last_row():
    model = network(text_positions=16, conv_layers=1)
    cond = model.encode(cond=torch.zeros(1, 40, 100), text=torch.full((1, 40), 3))
    assert torch.allclose(cond.text[0, 25], cond.text[0, 30], atol=1e-6)
    assert not torch.allclose(cond.text[0, 5], cond.text[0, 9], atol=1e-3)


@torch.no_grad()
def test_text_longer_than_the_frames_is_cut():
    model = network()
    arguments, x = inputs(model, 10)
    cut = arguments | {"text": arguments["text"][:, :10]}
    assert torch.equal(model(x, T, model.encode(**arguments)), model(x, T, model.encode(**cut)))


def test_zero_init_gives_zero_velocity():
    model = Model(dataclasses.replace(Config.tiny(), zero_init=True))
    arguments, x = inputs(model, 12)
    assert model(x, T, model.encode(**arguments)).abs().max() == 0


def test_a_network_that_says_nothing_flows_to_its_guess_as_well_as_can_be():
    """For data normal about the guess the mean velocity at a point is known in closed form."""
    spread = 0.7
    sizes = MINI | {"zero_init": True, "content_dim": 107}
    model = Model(dataclasses.replace(Config.tiny(), **sizes, prior=True, prior_spread=spread))
    arguments, x = inputs(model, 20, reference=9)
    cond, t = model.encode(**arguments), 0.3
    guess = arguments["content"][..., -100:]
    # regression of x1 - x0 on x_t = (1 - t) x0 + t x1
    slope = (t * spread**2 - (1 - t)) / ((t * spread) ** 2 + (1 - t) ** 2)
    wanted = guess + slope * (x - t * guess)
    v = model(x, torch.tensor(t), cond)
    torch.testing.assert_close(v[:, 9:], wanted[:, 9:])
    assert not v[:, :9].any(), "the reference is not generated"
    null = model(x, torch.tensor(t), model.null(cond))
    torch.testing.assert_close(null[:, 9:], slope * x[:, 9:])
    moved = x.clone()
    moved[:, :9] += 1
    assert torch.equal(model(moved, torch.tensor(t), cond), v)


def test_every_parameter_is_trained():
    model = network(**MINI, frames_per_token=2, qk_norm=True, long_skip=True)
    arguments, x = inputs(model, 13)
    cond = model.encode(**arguments)
    (model(x, T, cond).square().mean() + model.regress(cond).square().mean()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


@torch.no_grad()
def test_half_precision_is_near():
    model = network(**MINI, frames_per_token=2)
    arguments, x = inputs(model, 31)
    more, longer = padded(arguments, x, 4)
    exact = model(longer, T, model.encode(**more))
    small = {k: v.bfloat16() if v.is_floating_point() else v for k, v in more.items()}
    model.bfloat16()
    half = model(longer.bfloat16(), T, model.encode(**small))
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).norm() < 0.05 * exact.norm()


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match=r"4 x 16 = 64 is not dim = 80"):
        Config(dim=80, heads=4, dim_head=16)
    with pytest.raises(UsageError, match="depth must be at least 1, got 0"):
        Config(depth=0)
    with pytest.raises(UsageError, match="pe_attn_head = 17"):
        Config(pe_attn_head=17)
    model = network()
    mel = torch.zeros(1, 4, 100)
    with pytest.raises(InputError, match="text alone"):
        model.encode(cond=mel)
    with pytest.raises(InputError, match="no energy input"):
        model.encode(cond=mel, text=torch.zeros(1, 2, dtype=torch.long), energy=mel[..., :1])
    with pytest.raises(UsageError, match="regression"):
        model.regress(model.encode(cond=mel, text=torch.zeros(1, 2, dtype=torch.long)))
    with pytest.raises(InputError, match="content alone"):
        network(**MINI).encode(cond=mel, text=torch.zeros(1, 2, dtype=torch.long))


def test_a_pitch_contour_is_a_second_input_that_starts_at_nothing():
    sizes = dataclasses.replace(Config.tiny(), energy=True)
    torch.manual_seed(0)
    plain, melodic = (Model(dataclasses.replace(sizes, pitch=on)).eval() for on in (False, True))
    missing = melodic.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing == ["input_embed.proj_pitch.weight", "input_embed.proj_pitch.bias"]
    cond = torch.randn(1, 12, 100)
    given = {"cond": cond, "text": torch.ones(1, 3, dtype=torch.long)}
    pitch, t = torch.rand(1, 12, 1), torch.tensor(0.5)
    with torch.no_grad():
        before = melodic(cond, t, melodic.encode(**given, pitch=pitch))
        assert torch.equal(before, plain(cond, t, plain.encode(**given)))
        melodic.input_embed.proj_pitch.weight.fill_(0.5)
        conditions = melodic.encode(**given, pitch=pitch)
        assert not torch.equal(before, melodic(cond, t, conditions))
        assert torch.equal(before, melodic(cond, t, melodic.encode(**given)))  # phi
        assert torch.equal(melodic.null(conditions).pitch, pitch)
    with pytest.raises(InputError, match="no pitch input"):
        plain.encode(**given, pitch=pitch)
