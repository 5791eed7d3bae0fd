"""Activation checkpointing: the same loss and gradients, blocks run once more, runs may switch it on when they resume."""

import json

import pytest
import torch
from torch import nn

from deepaudio.errors import InputError
from deepaudio.models.tts import dit
from deepaudio.models.v2a import crossdit, mmdit
from deepaudio.training import recipe as recipes
from deepaudio.training import recompute as recomputing
from deepaudio.training.fit import Loss, fit


def made(module, **changes):
    torch.manual_seed(0)
    config = module.Config.tiny()
    model = module.Model(type(config)(**{**vars(config), **changes})).train()
    with torch.no_grad():  # nothing may stay at zero, or its gradient would
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def speech():
    return made(dit, dropout=0.3, energy=True)


def joint():
    return made(mmdit)


def cross():
    return made(crossdit, dropout=0.3)


def loss_of(model):
    generator = torch.Generator().manual_seed(1)
    config, t = model.config, torch.tensor([0.3, 0.8])

    def noise(*shape):
        return torch.randn(*shape, generator=generator)

    if isinstance(model, dit.Model):
        text = torch.randint(0, config.vocab_size, (2, 5), generator=generator)
        cond = model.encode(cond=noise(2, 12, 100), text=text, energy=noise(2, 12, 1).abs())
        x = noise(2, 12, 100)
    elif isinstance(model, mmdit.Model):
        cond = model.encode(noise(2, 4, 16), noise(2, 16, 12), noise(2, 5, 16))
        x = noise(2, 10, 6)
    else:
        cond = model.encode(noise(2, 10, 24), noise(2, 3, 32))
        x = noise(2, 10, 6)
    torch.manual_seed(2)  # of the dropout
    return model(x, t, cond).square().mean()


@pytest.mark.parametrize("make", [speech, joint, cross])
def test_loss_and_gradients_are_equal(make):
    plain, saving = make(), make()
    recomputing.recompute(saving)
    assert plain.state_dict().keys() == saving.state_dict().keys()
    losses = [loss_of(model) for model in (plain, saving)]
    assert torch.equal(*losses)
    for loss in losses:
        loss.backward()
    expected = {name: p.grad for name, p in plain.named_parameters()}
    found = {name: p.grad for name, p in saving.named_parameters()}
    assert any(g is not None and g.any() for g in expected.values())
    for name, gradient in expected.items():
        assert (gradient is None) == (found[name] is None), name
        assert gradient is None or torch.equal(gradient, found[name]), name


@pytest.mark.parametrize("make", [speech, joint, cross])
def test_blocks_run_again_in_the_backward_pass(make):
    model = make()
    inner = model.blocks()[0]
    leaf = next(m for m in inner.modules() if isinstance(m, nn.Linear))
    calls = []
    leaf.register_forward_hook(lambda *a: calls.append(1))
    recomputing.recompute(model)
    loss = loss_of(model)
    once = len(calls)
    loss.backward()
    assert len(calls) == 2 * once > 0


def test_a_network_without_blocks_is_refused():
    with pytest.raises(InputError, match="no blocks"):
        recomputing.recompute(nn.Linear(2, 2))


class Speech:
    """A stage on one batch."""

    network = "tts/dit"

    def __init__(self):
        self.model = speech()
        self.config = self.model.config

    def batches(self, rng):
        while True:
            yield None

    def loss(self, batch, rng):
        return Loss(loss_of(self.model), 1.0)


def test_a_run_may_be_resumed_with_it(tmp_path):
    plan = {"stage": "tts", "output": str(tmp_path), "model": {}, "device": "cpu"}
    fit(Speech(), recipes.parse(plan | {"steps": 1}, "test"))
    fit(Speech(), recipes.parse(plan | {"steps": 2, "checkpoint_activations": True}, "test"))
    saved = json.loads((tmp_path / "recipe.json").read_text())
    assert saved["checkpoint_activations"] is True and saved["steps"] == 2
