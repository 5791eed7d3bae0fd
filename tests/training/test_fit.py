"""The one training loop, on a network of six numbers: resume, accumulation, interruption, averages, schedules."""

import itertools
import json
import logging
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from deepaudio import checkpoint
from deepaudio.errors import InputError, ResourceError, UsageError, WeightsError
from deepaudio.training import fit as loop
from deepaudio.training import optim, saves
from deepaudio.training.ema import Ema
from deepaudio.training.fit import Loss, fit
from deepaudio.training.recipe import Optim, Recipe, parse
from deepaudio.training.start import initialise

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Config:
    dim: int = 3


class Toy:
    """Regression of noisy points; the noise comes from `rng`, the dropout from torch's own generator."""

    def __init__(self, items: int = 4, dropout: float = 0.2):
        torch.manual_seed(0)
        self.config = Config()
        self.network = "toy"
        self.model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(dropout), nn.Linear(4, 1))
        self.model[0].bias.requires_grad_(False)
        self.items = items
        self.poison_at: int | None = None
        self.seen = 0

    def batches(self, rng):
        while True:
            x = torch.randn(self.items, 3, generator=rng)
            yield x, x.sum(-1, keepdim=True) + 0.1 * torch.randn(self.items, 1, generator=rng)

    def loss(self, batch, rng):
        x, y = batch
        self.seen += 1
        value = (self.model(x + 0.01 * torch.randn(x.shape, generator=rng)) - y).square().sum()
        if self.poison_at == self.seen:
            value = value * float("nan")
        return Loss(value, len(x), {"error": float(value.detach()) / len(x)})


def recipe(folder, **changes) -> Recipe:
    values = {
        "stage": "mof", "output": str(folder), "model": {}, "steps": 12, "save_every": 5, "log_every": 1, "device": "cpu",
        "optim": {"lr": 0.05, "warmup": 2, "clip_norm": 10.0}, "ema": 0.9, "watch": {"tensorboard": False},
    }  # fmt: skip
    return parse(values | changes, "test")


def everything(folder: Path) -> dict[str, torch.Tensor]:
    """All numbers of a run folder, by name."""
    found = {f"model {k}": v for k, v in load_file(folder / "model" / "model.safetensors").items()}
    for name in ("model", "ema"):
        if (folder / "last" / f"{name}.safetensors").is_file():
            found |= {
                f"{name} {k}": v
                for k, v in load_file(folder / "last" / f"{name}.safetensors").items()
            }
    state = torch.load(folder / "last" / "state.pt", weights_only=True)
    for number, values in state.get("optimiser", {}).get("state", {}).items():
        found |= {f"optimiser {number} {k}": torch.as_tensor(v) for k, v in values.items()}
    return found | {
        "rng": state["rng"],
        "torch_rng": state["torch_rng"],
        "step": torch.tensor(state["step"]),
    }


def assert_equal(one: Path, two: Path):
    a, b = everything(one), everything(two)
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different


class Interrupt(Exception):
    pass


def interrupted_at(step: int):
    def progress(state):
        if state.step == step:
            raise Interrupt

    return progress


@pytest.mark.parametrize("killed_at", [5, 7, 11])
@pytest.mark.parametrize("ema", [None, 0.9])
def test_resume_equals_an_uninterrupted_run(tmp_path, killed_at, ema):
    fit(Toy(), recipe(tmp_path / "whole", ema=ema))
    torch.manual_seed(99)
    with pytest.raises(Interrupt):
        fit(Toy(), recipe(tmp_path / "parts", ema=ema), interrupted_at(killed_at))
    torch.manual_seed(98)  # whatever happened in between does not matter
    steps = []
    fit(Toy(), recipe(tmp_path / "parts", ema=ema), lambda state: steps.append(state.step))
    assert steps[0] == killed_at // 5 * 5 + 1 if killed_at % 5 else steps[0] in (1, 6)
    assert_equal(tmp_path / "whole", tmp_path / "parts")


def test_the_hours_of_all_calls_are_added_up(tmp_path, monkeypatch):
    clock = iter(range(0, 1_000_000, 360))  # each look at the clock takes a tenth of an hour
    monkeypatch.setattr("deepaudio.training.fit.time.process_time", lambda: next(clock))

    def hours(**changes):
        fit(Toy(), recipe(tmp_path, **changes))
        return json.loads((tmp_path / "progress.json").read_text())

    first = hours(steps=5)
    assert first["step"] == 5 and first["hours"] > 0.05
    second = hours(steps=10)
    assert second["step"] == 10 and second["hours"] > first["hours"] + 0.05


def test_accumulation_equals_the_big_batch(tmp_path):
    class Fixed(Toy):
        """The same eight points, as one batch or as batches of unequal size."""

        def __init__(self, sizes):
            super().__init__(dropout=0.0)
            self.sizes = sizes

        def batches(self, rng):
            x = torch.randn(8, 3, generator=torch.Generator().manual_seed(5))
            while True:
                for part in x.split(self.sizes):
                    yield part, part.sum(-1, keepdim=True)

        def loss(self, batch, rng):
            return Loss((self.model(batch[0]) - batch[1]).square().sum(), len(batch[0]))

    losses = {}
    for name, sizes in {"big": [8], "parts": [1, 5, 2]}.items():
        seen = losses.setdefault(name, [])
        plan = recipe(tmp_path / name, accumulate=len(sizes), ema=None)
        fit(Fixed(sizes), plan, lambda state, seen=seen: seen.append(state.loss))
    assert losses["parts"] == pytest.approx(losses["big"], rel=1e-5)
    big, parts = (
        load_file(tmp_path / name / "last" / "model.safetensors") for name in ("big", "parts")
    )
    for name, value in big.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-6)


def test_the_loss_falls_and_frozen_parameters_stay(tmp_path):
    toy, seen = Toy(items=32, dropout=0.0), []
    before = toy.model[0].bias.clone()
    fit(toy, recipe(tmp_path, steps=80), lambda state: seen.append(state.loss))
    assert sum(seen[-10:]) < 0.2 * sum(seen[:10])
    assert torch.equal(toy.model[0].bias, before)
    assert toy.model[0].bias.grad is None


def test_the_model_folder_holds_the_average(tmp_path):
    folder = fit(Toy(), recipe(tmp_path, ema=0.9)).model
    config, weights = checkpoint.load(folder)
    assert config == {"dim": 3}
    ema = load_file(tmp_path / "last" / "ema.safetensors")
    raw = load_file(tmp_path / "last" / "model.safetensors")
    assert all(torch.equal(weights[k], ema[k]) for k in weights)
    assert not torch.equal(weights["3.weight"], raw["3.weight"])


def test_minutes_end_a_call_and_the_next_goes_on(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 25))  # every look at the clock is 25 s later
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock))
    steps = []
    fit(
        Toy(), recipe(tmp_path, minutes=1.0, log_every=1000), lambda state: steps.append(state.step)
    )
    assert 1 <= steps[-1] < 12
    assert torch.load(tmp_path / "last" / "state.pt", weights_only=True)["step"] == steps[-1]
    fit(Toy(), recipe(tmp_path), lambda state: steps.append(state.step))
    assert steps[-1] == 12
    fit(Toy(), recipe(tmp_path / "whole"))
    assert_equal(tmp_path / "whole", tmp_path)


def test_a_stop_is_obeyed_after_the_update(tmp_path):
    flag, steps = threading.Event(), []

    def progress(state):
        steps.append(state.step)
        if state.step == 3:
            flag.set()

    fit(Toy(), recipe(tmp_path), progress, stop=flag.is_set)
    assert steps == [1, 2, 3, 4]
    assert torch.load(tmp_path / "last" / "state.pt", weights_only=True)["step"] == 4
    fit(Toy(), recipe(tmp_path))
    fit(Toy(), recipe(tmp_path / "whole"))
    assert_equal(tmp_path / "whole", tmp_path)


def test_a_finished_run_is_not_run_again(tmp_path):
    fit(Toy(), recipe(tmp_path))
    before = everything(tmp_path)
    steps = []
    folder = fit(Toy(), recipe(tmp_path), lambda state: steps.append(state.step)).model
    assert steps == [] and (folder / "model.safetensors").is_file()
    assert all(torch.equal(value, before[name]) for name, value in everything(tmp_path).items())
    fit(
        Toy(), recipe(tmp_path, steps=13), lambda state: steps.append(state.step)
    )  # more steps are no other recipe
    assert steps == [13]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"ema": 0.5}, "ema was 0.9 and is 0.5"),
        ({"data": {"x": 1}}, "data.x was None and is 1"),
        ({"accumulate": 2}, "accumulate was 1 and is 2"),
        ({"dtype": "bfloat16"}, "dtype was 'float32' and is 'bfloat16'"),
        ({"optim": {"lr": 0.1, "warmup": 2, "clip_norm": 10.0}}, "optim.lr was 0.05 and is 0.1"),
    ],
)
def test_another_recipe_does_not_resume(tmp_path, changes, named):
    fit(Toy(), recipe(tmp_path))
    before = everything(tmp_path)
    with pytest.raises(InputError, match="another recipe") as caught:
        fit(Toy(), recipe(tmp_path, **changes))
    assert caught.value.code == "train.recipe_changed" and "--force-resume" in caught.value.hint
    assert caught.value.message.endswith(f": {named}"), "the key and both values, and no other key"
    assert all(torch.equal(value, before[name]) for name, value in everything(tmp_path).items())
    with pytest.raises(InputError, match="stage was 'mof' and is 'tts'") as caught:
        fit(Toy(), recipe(tmp_path, stage="tts"), force_resume=True)
    assert "--force-resume" not in caught.value.hint


def test_a_run_may_be_told_to_go_on_with_another_recipe(tmp_path, caplog):
    fit(Toy(), recipe(tmp_path))
    steps = []
    with caplog.at_level(logging.WARNING):
        fit(
            Toy(),
            recipe(tmp_path, steps=14, data={"x": 1}),
            lambda state: steps.append(state.step),
            force_resume=True,
        )
    assert steps == [13, 14] and "another recipe: data.x was None and is 1" in caplog.text
    (note,) = (tmp_path / "changes.jsonl").read_text().splitlines()
    assert json.loads(note) == {"step": 12, "changed": {"data.x": [None, 1]}}
    fit(Toy(), recipe(tmp_path, steps=15, data={"x": 1}))  # which is its recipe from then on


def test_a_change_that_cannot_be_is_not_written_down(tmp_path):
    fit(Toy(), recipe(tmp_path))
    other = Toy()
    other.model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    with pytest.raises(InputError, match=r"another network than model=.* with lora=None"):
        fit(other, recipe(tmp_path, data={"x": 1}), force_resume=True)
    assert not (tmp_path / "changes.jsonl").exists()


def test_fewer_steps_than_there_were_change_nothing(tmp_path, caplog):
    fit(Toy(), recipe(tmp_path))
    assert fit(Toy(), recipe(tmp_path, steps=4)).step == 12 and "goes on" not in caplog.text


def test_settings_of_the_optimiser_that_changed_are_taken(tmp_path, caplog):
    """The saved state carries the old ones; another lr follows its own schedule from where the run is."""
    rates = {}
    values = {"lr": 0.05, "warmup": 2, "clip_norm": 10.0, "schedule": "constant"}
    fit(Toy(), recipe(tmp_path, optim=values))
    changed = values | {"lr": 0.01, "betas": (0.5, 0.6), "weight_decay": 0.3, "name": "adam"}
    plan = recipe(tmp_path, optim=changed, steps=14, ema=None, accumulate=2, dtype="bfloat16")
    fit(Toy(), plan, lambda s: rates.update({s.step: s.lr}), force_resume=True)
    assert rates == pytest.approx({13: 0.01, 14: 0.01}) and "new optim from step 12" in caplog.text
    state = torch.load(tmp_path / "last" / "state.pt", weights_only=True)
    (group,) = state["optimiser"]["param_groups"]
    assert (tuple(group["betas"]), group["weight_decay"]) == ((0.5, 0.6), 0.3)
    assert not group.get("decoupled_weight_decay")
    fit(Toy(), plan.model_copy(update={"ema": 0.9, "steps": 16}), force_resume=True)
    model, ema = (load_file(tmp_path / "last" / f"{name}.safetensors") for name in ("model", "ema"))
    assert (model["0.weight"] - ema["0.weight"]).abs().max() < 0.1, "begins at the weights"


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize(("at", "steps"), [(2, 30), (7, 30), (12, 30), (7, 9)])
@pytest.mark.parametrize("old", [False, True])
def test_other_steps_never_make_the_learning_rate_jump(tmp_path, caplog, schedule, at, steps, old):
    """In the warm-up, in the decay and behind its end; older saves know their steps from recipe.json."""
    values = {"lr": 0.05, "final_lr": 0.001, "warmup": 4, "clip_norm": 10.0, "schedule": schedule}
    rates: dict[int, float] = {}

    def until(step, steps):
        plan = recipe(tmp_path, optim=values, steps=steps)
        fit(
            Toy(), plan, lambda s: rates.update({s.step: s.lr}), stop=lambda: len(rates) + 1 >= step
        )

    until(at, 12)
    place = tmp_path / "last" / "state.pt"
    state = torch.load(place, weights_only=True)
    assert state["step"] == at == len(rates)
    if old:
        torch.save({k: v for k, v in state.items() if k not in ("schedule", "settings")}, place)
    until(at + 1, steps)
    until(steps, steps)  # the resume of that keeps the schedule
    assert sorted(rates) == list(range(1, steps + 1))
    decay = [rates[step] for step in range(5, steps + 1)]
    assert decay == sorted(decay, reverse=True) and decay[0] <= 0.05
    assert caplog.text.count(f"{steps} steps instead of 12") == 1
    if schedule != "constant":
        assert decay[-1] < 0.03


def test_a_compiled_network_is_saved_and_resumed_like_any_other(tmp_path, monkeypatch):
    monkeypatch.setattr("deepaudio.training.compiled.BACKEND", "eager")  # traced, not translated

    class Encoding(Toy):
        """A network that is called in the two ways in which stages call theirs."""

        def __init__(self):
            super().__init__(dropout=0.0)
            self.model.encode = lambda x: 2 * x

        def loss(self, batch, rng):
            return super().loss((self.model.encode(batch[0]), batch[1]), rng)

    fit(Encoding(), recipe(tmp_path / "plain"))
    with pytest.raises(Interrupt):
        fit(Encoding(), recipe(tmp_path / "fast", compile=True), interrupted_at(7))
    toy = Encoding()
    fit(toy, recipe(tmp_path / "fast", compile=True))
    assert toy.model._compiled_call_impl is not None
    plain, fast = everything(tmp_path / "plain"), everything(tmp_path / "fast")
    assert plain.keys() == fast.keys()
    for name, value in plain.items():
        torch.testing.assert_close(fast[name], value, rtol=1e-4, atol=1e-5)
    fit(Encoding(), recipe(tmp_path / "fast", steps=13))  # and goes on without


def test_saves_that_broke_off_are_mended(tmp_path):
    fit(Toy(), recipe(tmp_path / "whole"))
    run = tmp_path / "run"
    with pytest.raises(Interrupt):
        fit(Toy(), recipe(run), interrupted_at(7))
    (run / "last.partial").mkdir()  # killed while writing
    (run / "last.partial" / "state.pt").write_bytes(b"half")
    shutil.move(run / "last", run / "last.old")  # killed between the two renames
    fit(Toy(), recipe(run))
    assert_equal(tmp_path / "whole", run)
    assert sorted(p.name for p in run.iterdir() if p.is_dir()) == ["last", "model"]


@pytest.mark.parametrize("name", ["state.pt", "model.safetensors"])
@pytest.mark.parametrize("kept", [0, 100, None])
def test_a_damaged_save_is_named_and_left_alone(tmp_path, name, kept):
    with pytest.raises(Interrupt):
        fit(Toy(), recipe(tmp_path), interrupted_at(7))
    place = tmp_path / "last" / name
    content = place.read_bytes()
    place.unlink()
    if kept is not None:
        place.write_bytes(content[:kept])
    with pytest.raises(InputError, match="is damaged") as caught:
        fit(Toy(), recipe(tmp_path))
    assert caught.value.code == "train.damaged" and str(tmp_path / "last") in caught.value.message
    assert place.is_file() == (kept is not None)


def test_killed_before_the_last_rename_still_ends_with_a_model(tmp_path, monkeypatch):
    real = saves.os.replace

    def no_room(source, target):
        if str(target).endswith("last"):
            raise Interrupt
        real(source, target)

    monkeypatch.setattr(saves.os, "replace", no_room)
    with pytest.raises(Interrupt):
        fit(Toy(), recipe(tmp_path, save_every=12))
    monkeypatch.setattr(saves.os, "replace", real)
    folder = fit(Toy(), recipe(tmp_path, save_every=12)).model
    fit(Toy(), recipe(tmp_path / "whole", save_every=12))
    assert (folder / "model.safetensors").is_file()
    assert_equal(tmp_path / "whole", tmp_path)


def test_a_full_disk_is_a_resource_error_and_keeps_the_older_save(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(Interrupt):
        fit(Toy(), recipe(tmp_path), interrupted_at(7))
    before = everything(tmp_path)
    monkeypatch.setattr(saves.torch, "save", full)
    with pytest.raises(ResourceError, match="No space left") as caught:
        fit(Toy(), recipe(tmp_path))
    assert caught.value.exit_code == 6
    after = everything(tmp_path)
    assert all(torch.equal(before[n], after[n]) for n in before if not n.startswith("model "))


def test_a_loss_that_is_not_finite_stops_before_it_is_saved(tmp_path):
    toy = Toy()
    toy.poison_at = 8
    with pytest.raises(ResourceError, match="step 7") as caught:
        fit(toy, recipe(tmp_path))
    assert caught.value.code == "train.not_finite"
    saved = everything(tmp_path)
    assert int(saved["step"]) == 5 and all(
        v.isfinite().all() for v in saved.values() if v.is_floating_point()
    )


def test_gradients_that_are_not_finite_skip_the_update_and_say_so(tmp_path, caplog):
    class Steep(Toy):
        def loss(self, batch, rng):
            result = super().loss(batch, rng)
            if self.seen == 3:  # a finite loss whose gradient is not
                return result._replace(value=result.value + (self.model[3].bias * 0).sqrt().sum())
            return result

    caplog.set_level(logging.WARNING, logger="deepaudio")  # the command line may have raised it
    fit(Steep(), recipe(tmp_path))
    assert all(v.isfinite().all() for v in everything(tmp_path).values() if v.is_floating_point())
    assert "not finite" in caplog.text and "step 2" in caplog.text

    class Broken(Toy):
        def loss(self, batch, rng):
            result = super().loss(batch, rng)
            return result._replace(value=result.value + (self.model[3].bias * 0).sqrt().sum())

    with pytest.raises(ResourceError, match="gradient"):
        fit(Broken(), recipe(tmp_path / "broken", steps=100))


def test_a_batch_without_weight_is_named(tmp_path):
    class Empty(Toy):
        def loss(self, batch, rng):
            return Loss(super().loss(batch, rng).value * 0, 0.0)

    with pytest.raises(InputError, match="weight"):
        fit(Empty(), recipe(tmp_path))


def test_two_runs_do_not_share_a_folder(tmp_path):
    def again(_):
        with pytest.raises(UsageError, match="another run"):
            fit(Toy(), recipe(tmp_path))
        raise Interrupt

    with pytest.raises(Interrupt):
        fit(Toy(), recipe(tmp_path), again)
    fit(Toy(), recipe(tmp_path))  # the lock is gone


class Duel(Toy):
    """A stage that updates itself, with a second network."""

    def __init__(self):
        super().__init__()
        self.judge = nn.Linear(1, 1)
        self.optimiser = torch.optim.SGD(
            list(self.model.parameters()) + list(self.judge.parameters()), lr=1.0
        )

    def step(self, batch, rng, lr):
        self.optimiser.zero_grad()
        loss = self.loss(batch, rng).value + self.judge(self.model(batch[0])).square().sum()
        loss.backward()
        for group in self.optimiser.param_groups:
            group["lr"] = lr * 0.01
        self.optimiser.step()
        return {"loss": float(loss.detach())}

    def state(self):
        return {"judge": self.judge.state_dict()}

    def restore(self, state):
        self.judge.load_state_dict(state["judge"])


def test_a_stage_with_its_own_step_resumes_too(tmp_path):
    whole, parts = Duel(), Duel()
    fit(whole, recipe(tmp_path / "whole"))
    with pytest.raises(Interrupt):
        fit(Duel(), recipe(tmp_path / "parts"), interrupted_at(8))
    fit(parts, recipe(tmp_path / "parts"))
    assert_equal(tmp_path / "whole", tmp_path / "parts")
    assert torch.equal(whole.judge.weight, parts.judge.weight)


def learning_rate(step, steps, config):
    return optim.Schedule.whole(steps, config).rate(step, config)


def test_learning_rates():
    linear = Optim(lr=1e-4, final_lr=1e-6, warmup=1000, schedule="linear")
    rates = [learning_rate(step, 330_000, linear) for step in range(0, 330_001, 500)]
    assert rates[0] == pytest.approx(1e-4 / 1001)
    assert max(rates) == pytest.approx(1e-4) == learning_rate(1000, 330_000, linear)
    assert learning_rate(329_999, 330_000, linear) == pytest.approx(1e-6, rel=0.01)
    assert all(a > b for a, b in itertools.pairwise(rates[2:]))
    cosine = Optim(lr=1.0, final_lr=0.0, warmup=0, schedule="cosine")
    assert learning_rate(50, 100, cosine) == pytest.approx(0.5)
    assert learning_rate(25, 100, cosine) == pytest.approx(0.5 + 0.5**1.5)
    constant = Optim(lr=0.3, final_lr=0.0, warmup=3, schedule="constant")
    assert [learning_rate(s, 9, constant) for s in (0, 2, 3, 8)] == pytest.approx(
        [0.075, 0.225, 0.3, 0.3]
    )


def test_the_average_follows_and_its_limit_holds():
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    ema = Ema(model, 0.99)
    model.weight.data.fill_(1.0)
    ema.update(model, 0)
    assert float(ema.shadow["weight"]) == pytest.approx(
        0.9
    )  # decay 1/10 at first: the start is soon forgotten
    for step in range(1, 3000):
        ema.update(model, step)
    model.weight.data.fill_(0.0)
    ema.update(model, 3000)
    assert float(ema.shadow["weight"]) == pytest.approx(0.99, abs=1e-4)


def test_a_run_starts_from_given_weights(tmp_path):
    first = fit(Toy(), recipe(tmp_path / "first")).model
    _, weights = checkpoint.load(first)
    toy = Toy()
    initialise(toy.model, recipe(tmp_path / "second", init_from=str(first)))
    assert all(torch.equal(v, weights[k]) for k, v in toy.model.state_dict().items())
    bigger = nn.Sequential(*toy.model, nn.Linear(1, 1))
    with pytest.raises(WeightsError, match=r"4\.weight"):
        initialise(bigger, recipe(tmp_path / "third", init_from=str(first)))
    initialise(bigger, recipe(tmp_path / "third", init_from=str(first)), new=("4.",))
    with pytest.raises(WeightsError, match=r"3\.bias is not part"):
        initialise(toy.model[:3], recipe(tmp_path / "third", init_from=str(first)))
