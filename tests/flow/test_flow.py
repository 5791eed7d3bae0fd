"""Known answers: straight paths integrate exactly, solver orders are measured, guidance can be off."""

import math
from typing import NamedTuple

import pytest
import torch

from deepaudio.flow.guidance import guided
from deepaudio.flow.objective import flow_matching_loss
from deepaudio.flow.path import estimate_data, interpolate
from deepaudio.flow.solver import euler
from deepaudio.flow.time import EPSS_32NDS, epss, linear, logit_normal, sway, uniform


@pytest.mark.parametrize("grid", [linear(1), linear(7), sway(linear(5)), epss(7)])
def test_a_straight_path_integrates_exactly(grid):
    x0, x1 = torch.randn(2, 3, 5, 4).unbind(0)
    done = euler(lambda x, t: x1 - x0, x0, grid)
    assert torch.allclose(done, x1, atol=1e-5)


def test_euler_is_of_first_order():
    """dx/dt = x cos(2 pi t) has no straight path but a closed form, x(1) = x(0); half the step, half the error."""

    def field(x, t):
        return x * torch.cos(2 * math.pi * t)

    start = torch.ones(1, dtype=torch.float64)
    grids = [torch.linspace(0, 1, n + 1, dtype=torch.float64) for n in (128, 256)]
    errors = [(euler(field, start, grid) - start).abs().item() for grid in grids]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.1)


def test_callback_counts_steps():
    seen = []
    euler(lambda x, t: x, torch.zeros(1), linear(3), lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_path_ends_and_one_step_estimate():
    x0, x1 = torch.randn(2, 3, 5, 4).unbind(0)
    assert torch.equal(interpolate(x0, x1, torch.zeros(3)).x_t, x0)
    assert torch.allclose(interpolate(x0, x1, torch.ones(3)).x_t, x1)
    t = torch.tensor([0.1, 0.5, 0.9])
    sample = interpolate(x0, x1, t)
    assert torch.allclose(sample.x_t[1], (x0[1] + x1[1]) / 2)
    assert torch.allclose(estimate_data(sample.x_t, sample.v, t), x1, atol=1e-6)


def test_equation_12_is_equation_11_weighted():
    """The MSE of the one-step estimate is (1 - t)^2 times that of the velocity."""
    x0, x1, noise = torch.randn(3, 2, 5, 4).unbind(0)
    t = torch.tensor([0.2, 0.7])
    sample = interpolate(x0, x1, t)
    error = (estimate_data(sample.x_t, sample.v + noise, t) - x1).square().mean((1, 2))
    assert torch.allclose(error, (1 - t) ** 2 * noise.square().mean((1, 2)), atol=1e-5)


def test_guidance_off_is_one_forward_and_equal():
    calls = []

    def field(x, t, cond):
        calls.append(cond)
        return x * cond

    x = torch.randn(2, 3)
    plain = guided(field, 3.0, 1.0, scale=1.0)(x, torch.tensor(0.5))
    assert calls == [3.0] and torch.equal(plain, field(x, None, 3.0))
    assert torch.allclose(guided(field, 3.0, 1.0, scale=2.5)(x, torch.tensor(0.5)), x * 6.0)
    assert torch.equal(guided(field, 3.0, 1.0, scale=0.0)(x, torch.tensor(0.5)), x)
    with pytest.raises(ValueError, match="null"):
        guided(field, 3.0, None, scale=2.0)


def test_grids():
    assert linear(4).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    for steps in EPSS_32NDS:
        grid = epss(steps)
        assert len(grid) == steps + 1 and grid[0] == 0 and grid[-1] == 1
        assert (grid.diff() > 0).all()
    assert torch.equal(epss(9), linear(9))
    swayed = sway(linear(8), -1.0)
    assert torch.allclose(swayed, 1 - torch.cos(math.pi / 2 * linear(8)), atol=1e-6)
    assert torch.equal(sway(linear(8), 0.0), linear(8))
    with pytest.raises(ValueError, match="0"):
        linear(0)


def test_time_samplers():
    flat = uniform(20_000, torch.Generator().manual_seed(0))
    peaked = logit_normal(20_000, torch.Generator().manual_seed(0))
    for t in (flat, peaked):
        assert t.min() >= 0 and t.max() <= 1 and abs(t.mean() - 0.5) < 0.01
    assert abs(flat.var() - 1 / 12) < 0.002
    # P(0.25 < t < 0.75) of a logit-normal is erf(ln 3 / sqrt 2)
    middle = ((peaked > 0.25) & (peaked < 0.75)).float().mean()
    assert abs(middle - math.erf(math.log(3) / math.sqrt(2))) < 0.01


def test_loss_of_parts_adds_up_to_the_loss_of_the_whole():
    predicted, target = torch.randn(2, 4, 9, 3).unbind(0)
    mask = torch.arange(9) < torch.tensor([9, 2, 5, 1])[:, None]
    whole = flow_matching_loss(predicted, target, mask)
    parts = [flow_matching_loss(predicted[i], target[i], mask[i]) for i in (slice(1), slice(1, 4))]
    assert whole.weight == 17 == sum(p.weight for p in parts)
    assert torch.allclose(whole.sum, sum(p.sum for p in parts))
    assert torch.allclose(whole.sum / 17, (predicted - target)[mask].square().mean())
    assert flow_matching_loss(predicted, target).weight == 36


def test_masked_frames_do_not_spoil_the_loss():
    predicted = torch.zeros(1, 2, 3)
    predicted[0, 1] = float("nan")
    loss = flow_matching_loss(predicted, torch.ones(1, 2, 3), torch.tensor([[True, False]]))
    assert loss.sum == 1 and loss.weight == 1


def test_guidance_in_an_interval_and_as_one_batch():
    class Conditions(NamedTuple):
        value: torch.Tensor
        mask: torch.Tensor | None

    calls = []

    def field(x, t, cond):
        calls.append(len(x))
        return x * cond.value

    cond, null = (Conditions(torch.full((1, 2), v), None) for v in (3.0, 1.0))
    x = torch.ones(1, 2)
    given = field, cond, null, 2.5
    apart, joined = guided(*given), guided(*given, together=True)
    assert torch.equal(apart(x, torch.tensor(0.5)), joined(x, torch.tensor(0.5)))
    assert torch.equal(joined(x, torch.tensor(0.5)), x * 6.0) and calls == [1, 1, 2, 2]
    within = guided(*given, interval=(0.2, 0.7))
    assert [float(within(x, torch.tensor(t))[0, 0]) for t in (0.1, 0.5, 0.9)] == [3.0, 6.0, 3.0]
    calls.clear()
    other = Conditions(torch.full((1, 2), 1.0), torch.ones(1, 2))  # a mask that the other has not
    guided(field, cond, other, 2.5, together=True)(x, torch.tensor(0.5))
    assert calls == [1, 1]


def test_the_state_keeps_its_precision_when_the_field_computes_in_half():
    seen = []

    def field(x, t, cond):
        seen.append(x.dtype)
        return x * cond

    v = guided(field, 3.0, 1.0, 2.0, torch.bfloat16)(torch.ones(1), torch.tensor(0.5))
    assert set(seen) == {torch.bfloat16} and v.dtype == torch.float32 and float(v) == 5.0
