"""Guidance as an input of M_tts: one evaluation gives what two give, training learns that, and a scale never learned is refused."""

import dataclasses

import pytest
import torch

from deepaudio import checkpoint
from deepaudio.errors import InputError, UsageError
from deepaudio.flow.guidance import guided
from deepaudio.flow.path import interpolate
from deepaudio.models.tts.dit import Config, Model
from deepaudio.training.fit import fit
from deepaudio.training.stages import tts
from deepaudio.training.stages._infill import Guide, at_scales, scales
from tests.training.test_style import A, C, N, recipe, spoken, toy

T = torch.tensor(0.4)


def model(**changes):
    torch.manual_seed(0)
    return Model(dataclasses.replace(Config.tiny(), **changes)).eval()


def conditions(network, rows=3, encoded=True):
    rng = torch.Generator().manual_seed(1)
    text = torch.randint(0, 60, (rows, 9), generator=rng)
    cond = torch.randn(rows, 20, 100, generator=rng)
    given = {"cond": cond, "text": text}
    x = torch.randn(rows, 20, 100, generator=rng)
    return (network.encode(**given) if encoded else given), x


@torch.no_grad()
def test_it_begins_as_the_network_without_it():
    plain, learned = model(), model(guidance=3.0)
    new = set(learned.state_dict()) - set(plain.state_dict())
    assert new and all(name.startswith("guidance_embed.") for name in new)
    cond, x = conditions(plain)
    expected = plain(x, T, cond)
    for scale in (1.0, 3.0, torch.tensor([1.0, 2.0, 3.0])):
        assert torch.equal(learned(x, T, learned.at_scale(conditions(learned)[0], scale)), expected)


@torch.no_grad()
def test_a_step_is_one_evaluation_at_the_scale_and_at_one_outside_the_interval():
    network, seen = model(guidance=3.0), []
    network.guidance_embed.mlp[-1].weight.normal_()
    cond, x = conditions(network)

    def field(x, t, given):
        seen.append(given.guidance)
        return network(x, t, given)

    velocity = guided(field, cond, None, 2.0, interval=(0.2, 0.7), learned=network.at_scale)
    inside, outside = velocity(x, torch.tensor(0.5)), velocity(x, torch.tensor(0.9))
    assert len(seen) == 2 and not torch.equal(inside, outside)
    assert torch.equal(seen[0], network.at_scale(cond, 2.0).guidance)
    assert torch.equal(seen[1], network.at_scale(cond, 1.0).guidance)


def test_scales_that_were_not_learned_and_ranges_that_are_none_are_refused():
    network = model(guidance=3.0)
    cond, _ = conditions(network)
    for scale in (0.5, 4.0):
        with pytest.raises(UsageError, match=f"learned guidance from 1 to 3, not {scale:g}"):
            network.at_scale(cond, scale)
    with pytest.raises(UsageError, match="takes no scale of guidance"):
        model().at_scale(cond, 2.0)
    with pytest.raises(UsageError, match="guidance = 1 must be more than 1"):
        Config(guidance=1.0)


def test_what_is_added_to_the_velocity_is_that_of_guidance_by_the_frozen_network():
    network = model(guidance=3.0)
    with torch.no_grad():
        network.guidance_embed.mlp[-1].weight.normal_()
    guide = Guide(network)
    given, x = conditions(network, encoded=False)
    sample = interpolate(x, torch.randn_like(x), T.expand(3))
    with torch.no_grad():
        cond = network.encode(**given)
        own = network(sample.x_t, T, network.at_scale(cond, 1.0))
        wanted = 1.5 * (own - network(sample.x_t, T, network.null(cond)))
        network.proj_out.bias.fill_(7.0)  # the guide stays as it was
    found = guide.added(sample, T.expand(3), torch.tensor([0.0, 1.0, 2.5]), given)
    assert not found[:2].any() and not found.requires_grad
    torch.testing.assert_close(found[2], wanted[2])
    scaled = at_scales(network, cond, torch.tensor([0.0, 1.0, 2.5])).guidance
    assert not scaled[0].any() and scaled[1].any()


def test_scales_are_drawn_only_where_they_are_learned():
    rng = torch.Generator().manual_seed(0)
    dropped = torch.arange(1000) < 100
    assert scales(Config.tiny(), dropped, rng) is None
    drawn = scales(dataclasses.replace(Config.tiny(), guidance=3.0), dropped, rng)
    assert not drawn[:100].any() and 1 <= drawn[100:].min() < 1.1 and 2.9 < drawn[100:].max() <= 3


@pytest.mark.slow
def test_training_learns_what_two_evaluations_give(tmp_path):
    """Mels are A or -A as the emotion says, so their mean without one is 0, and guidance at w leads to w A."""
    shard = toy(tmp_path, True, False)
    (tmp_path / "first").mkdir()
    first = recipe(tmp_path / "first", shard, emotions=["angry", "calm"])
    with pytest.raises(InputError, match=r"guidance is learned .* init_from is missing"):
        recipe(tmp_path, shard, emotions=["angry", "calm"], guidance=3.0)
    begun = fit(tts.build(first), first).model
    sizes = first.model | {"guidance": 3.0}
    more = {"init_from": str(begun), "output": str(tmp_path / "run"), "model": sizes}
    plan = first.model_copy(update=more)
    network = checkpoint.load_network(fit(tts.build(plan), plan).model, "tts/dit").eval()
    assert network.config.guidance == 3.0, "it is in config.json"
    x = torch.randn(16, N, C, generator=torch.Generator().manual_seed(0))
    text = torch.tensor([[1, 2, 3]]).expand(16, 3)
    with torch.no_grad():
        cond = network.encode(cond=torch.zeros(16, N, C), text=text, emotion=torch.full((16,), 2))
        for scale in (1.0, 2.0, 3.0):
            v = network(x, torch.tensor(0.0), network.at_scale(cond, scale))
            assert float((v + x).mean()) == pytest.approx(scale * A, rel=0.3)
    for scale in (1.0, 3.0):
        assert spoken(network, "calm", scale) > 0.5 * A
    with pytest.raises(UsageError, match="not 5"):
        spoken(network, "calm", 5.0)


def test_a_voice_may_be_tuned_on_its_recordings_alone(tmp_path):
    """Without `learn_guidance` no frozen copy adds to the targets, and every scale is still drawn and heard."""
    shard = toy(tmp_path, True, False)
    plan = recipe(tmp_path, shard, emotions=["angry", "calm"])
    begun = fit(tts.build(plan), plan).model
    more = {"init_from": str(begun), "model": plan.model | {"guidance": 3.0}}
    losses = []
    for learn in (True, False):
        objective = plan.objective | {"learn_guidance": learn}
        stage = tts.build(plan.model_copy(update=more | {"objective": objective}))
        assert (stage.guide is not None) == learn
        rng = torch.Generator().manual_seed(1)
        batch = next(stage.batches(rng))
        drawn = stage.draw(batch, rng)
        with torch.no_grad():
            losses.append(
                [
                    float(stage.loss(batch, drawn._replace(scale=s)).value)
                    for s in (drawn.scale, drawn.scale.clamp(max=1))
                ]
            )
    assert losses[0][0] != losses[0][1] and losses[1][0] == losses[1][1] == losses[0][1]
