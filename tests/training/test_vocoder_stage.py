"""The vocoder's losses and its stage: a proper score, balanced gradients, a resume that changes nothing."""

import torch

from deepaudio.training.discriminators import Discriminators, judge_loss, matching_loss
from deepaudio.training.recipe import Recipe
from deepaudio.training.spectral_loss import Spectra, distance, energy_distance
from deepaudio.training.stages.vocoder import build


def recipe(**changes) -> Recipe:
    content = dict(
        stage="vocoder",
        output="unused",
        model=dict(dim=32, intermediate_dim=64, n_layers=1, pitch_dim=16, pitch_layers=1),
        data=dict(banks={"synthetic": 1.0}, frames=16, batch_items=2),
        objective=dict(adversarial_from=1, adversarial_items=1, own_pitch_from=1),
        optim=dict(lr=1e-3, warmup=0, schedule="constant"),
        steps=4,
    )
    return Recipe(**content | changes)


def test_energy_distance_prefers_the_right_noise_where_plain_distance_does_not():
    rng = torch.Generator().manual_seed(0)
    spectra = Spectra()

    def sound(scale: float) -> list[torch.Tensor]:
        return spectra(scale * torch.randn(2, 24_000, generator=rng), [1024])

    def flat() -> list[
        torch.Tensor
    ]:  # the typical magnitude everywhere: not a sound, but a tempting answer
        return [view.median(-1, keepdim=True).values.expand_as(view) for view in real]

    real = sound(0.1)
    proper = {
        scale: float(energy_distance(real, sound(scale), sound(scale)))
        for scale in (0.07, 0.1, 0.14)
    }
    assert min(proper, key=proper.get) == 0.1
    assert distance(real, flat()) < distance(real, sound(0.1))
    assert energy_distance(real, flat(), flat()) > energy_distance(real, sound(0.1), sound(0.1))


def test_discriminators_tell_and_match():
    torch.manual_seed(0)
    judges = Discriminators()
    real, fake = judges(torch.randn(1, 4096)), judges(torch.zeros(1, 4096))
    assert len(real) == 7 and matching_loss(real, real).item() == 0
    with torch.no_grad():
        assert matching_loss(real, fake) > 0
    assert abs(judge_loss(real, real).item() - 2) < 0.2
    picked = judges.pick(torch.Generator().manual_seed(1))
    assert len(set(picked)) == 3 and max(picked) >= 4 and sum(i < 4 for i in picked) == 2


def test_a_resumed_stage_goes_on_as_if_uninterrupted():
    def trained(interrupted: bool) -> dict[str, torch.Tensor]:
        stage, rng = build(recipe()), torch.Generator().manual_seed(7)
        batch = next(stage.batches(rng))
        for _ in range(2):
            stage.step(batch, rng, 1e-3)
        if interrupted:
            kept, weights = stage.state(), stage.model.state_dict()
            stage = build(recipe(seed=1))
            stage.model.load_state_dict(weights)
            stage.restore(kept)
        for _ in range(2):
            stage.step(batch, rng, 1e-3)
        return stage.model.state_dict()

    torch.manual_seed(0)
    straight, resumed = trained(False), trained(True)
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_adversarial_gradient_is_scaled_to_the_spectral_one():
    stage = build(recipe())
    beside = torch.randn(2, 100)
    scaled = stage._balanced(1e-3 * torch.randn(2, 100), beside)
    assert torch.isclose(scaled.norm(), beside.norm(), rtol=1e-3)


def test_loss_falls():
    torch.manual_seed(0)
    stage, rng = (
        build(recipe(objective=dict(adversarial_from=1000, own_pitch_from=0))),
        torch.Generator().manual_seed(0),
    )
    batch = next(stage.batches(rng))
    pitch = [stage.step(batch, rng, 3e-3)["pitch"] for _ in range(25)]
    assert pitch[-1] < 0.7 * pitch[0]
