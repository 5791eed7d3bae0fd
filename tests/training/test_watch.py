"""What is seen of a run: figures, held-out losses, spikes, kept models, samples; and that seeing changes nothing."""

import json
import logging
import sys
from types import SimpleNamespace

import pytest
import soundfile
import torch
from matplotlib.image import imread
from safetensors.torch import load_file

from deepaudio.discover import find
from deepaudio.errors import InputError, ToolError, UsageError
from deepaudio.training import recipe as recipes
from deepaudio.training.changes import fingerprint
from deepaudio.training.fit import fit
from deepaudio.training.watch import metrics
from deepaudio.training.watch.held_out import TIMES, HeldOut
from deepaudio.training.watch.losses import AT_LEAST, Losses
from deepaudio.training.watch.runs import find_runs, read_run
from deepaudio.training.watch.watcher import Watcher

VALIDATION = ["watch.validation.data.shards=[synthetic]", "watch.validation.every=4"]


def planned(name, folder, *pairs):
    settings = [f"output={folder}", "device=cpu", "watch.tensorboard=false", "log_every=2"]
    return recipes.load(recipes.find_recipe(name), [*settings, *pairs])


def trained(name, folder, *pairs, progress=None):
    plan = planned(name, folder, *pairs)
    stage = find("deepaudio.training.stages", plan.stage).build(plan)
    return fit(stage, plan, progress)


def weights(folder):
    return load_file(folder / "last" / "model.safetensors")


def rows(folder, figure):
    return {row["step"]: row[figure] for row in metrics.rows(folder) if figure in row}


class Interrupt(Exception):
    pass


def interrupted_at(step):
    def progress(line):
        if line.step == step:
            raise Interrupt

    return progress


def test_a_line_has_the_mean_since_the_line_before(tmp_path):
    lines, each = [], []
    trained("mof/smoke", tmp_path / "a", "steps=7", "log_every=3", progress=lines.append)
    trained("mof/smoke", tmp_path / "b", "steps=7", "log_every=1", progress=each.append)
    losses = [line.loss for line in each]
    assert [line.step for line in lines] == [3, 6, 7]
    wanted = [sum(losses[:3]) / 3, sum(losses[3:6]) / 3, losses[6]]
    assert [line.loss for line in lines] == pytest.approx(wanted)
    assert list(rows(tmp_path / "a", "loss").values()) == pytest.approx(wanted)
    assert lines[0].left > 0 and lines[-1].left == 0
    assert all(0 <= line.waiting <= 1 and line.seconds_per_step > 0 for line in lines)


@pytest.mark.parametrize("name", ["tts/smoke", "mof/smoke"])
def test_watching_changes_nothing_that_is_learned(tmp_path, name):
    data = VALIDATION if name == "tts/smoke" else ["watch.validation.data={}"]
    common = ["steps=9", "save_every=4", "ema=0.9"]
    common += ["model.dropout=0.1"] if name == "tts/smoke" else []
    trained(name, tmp_path / "plain", *common)
    trained(
        name, tmp_path / "seen", *common, *data, "watch.validation.every=2", "watch.keep_last=1"
    )
    one, two = weights(tmp_path / "plain"), weights(tmp_path / "seen")
    assert all(torch.equal(one[key], two[key]) for key in one)
    plans = planned(name, "x", *common), planned(name, "x", *common, *data)
    assert fingerprint(plans[0]) == fingerprint(plans[1])  # so it may be switched on later


def test_the_held_out_loss_is_always_of_the_same_batches_at_the_same_times(tmp_path):
    """With a learning rate of nothing it never moves; each time has its own, and their mean is the whole."""
    still = ["optim.lr=1e-30", "steps=8", "model.zero_init=false"]
    trained("tts/smoke", tmp_path, *still, *VALIDATION, "watch.validation.batches=5")
    found = rows(tmp_path, "validation")
    assert sorted(found) == [4, 8] and found[4] == pytest.approx(found[8], rel=1e-6)
    row = next(row for row in metrics.rows(tmp_path) if "validation" in row)
    by_time = [row[f"validation_t{t:g}"] for t in TIMES]
    assert len(set(by_time)) == len(TIMES)
    assert min(by_time) < row["validation"] < max(by_time)


def test_the_averaged_weights_are_validated(tmp_path):
    """At a step whose average and weights differ, the figure is that of model/, which holds the average."""
    far = ["optim.lr=0.01", "optim.warmup=0", "ema=0.999", "steps=4", *VALIDATION]
    trained("tts/smoke", tmp_path / "a", *far)
    again = [f"init_from={tmp_path / 'a' / 'model'}", "optim.lr=1e-30", "steps=4", *VALIDATION]
    trained("tts/smoke", tmp_path / "b", *again)
    one, two = (rows(tmp_path / name, "validation")[4] for name in "ab")
    assert one == pytest.approx(two, rel=1e-5)
    again[0] = f"init_from={tmp_path / 'a' / 'last'}"
    (tmp_path / "a" / "last" / "config.json").write_text(
        (tmp_path / "a" / "model" / "config.json").read_text()
    )
    trained("tts/smoke", tmp_path / "c", *again)
    assert rows(tmp_path / "c", "validation")[4] != pytest.approx(one, rel=1e-3)


def test_the_best_and_the_last_models_are_kept(tmp_path, monkeypatch):
    found = iter([3.0, 2.0, 1.0, 2.0, 1.0, 4.0])
    loss = lambda *_: {"validation": next(found)}  # noqa: E731
    monkeypatch.setattr("deepaudio.training.watch.held_out.HeldOut.loss", loss)
    kept = ["watch.validation.data={}", "watch.validation.every=4", "watch.keep_last=2"]
    done = trained("mof/smoke", tmp_path / "a", *kept, "steps=24", "save_every=100")
    run = read_run(tmp_path / "a")
    assert run.best() == (12, 1.0) and done.validation == 4.0
    assert run.kept() == ["best", "step-00000020", "step-00000024"]
    again = trained("mof/smoke", tmp_path / "b", "steps=12")
    best, then = (load_file(x / "model.safetensors") for x in (run.folder / "best", again.model))
    assert all(torch.equal(best[key], then[key]) for key in best)


def test_a_validation_that_a_kill_left_out_is_made_up_for(tmp_path, monkeypatch):
    """The run ends between its save and the validation of it, which had the best model."""
    pairs = [*VALIDATION, "steps=8", "save_every=4", "optim.lr=3e-2"]
    trained("tts/smoke", tmp_path / "whole", *pairs)
    with monkeypatch.context() as patched, pytest.raises(Interrupt):
        patched.setattr(
            Watcher, "_validate", lambda *given: interrupted_at(4)(SimpleNamespace(step=4))
        )
        trained("tts/smoke", tmp_path / "cut", *pairs)
    assert not rows(tmp_path / "cut", "validation")
    trained("tts/smoke", tmp_path / "cut", *pairs)
    assert rows(tmp_path / "cut", "validation") == rows(tmp_path / "whole", "validation")
    one, two = (load_file(tmp_path / n / "best" / "model.safetensors") for n in ("whole", "cut"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_figures_of_updates_that_were_lost_are_taken_out(tmp_path):
    pairs = ["steps=9", "save_every=4", *VALIDATION]
    with pytest.raises(Interrupt):
        trained("tts/smoke", tmp_path / "parts", *pairs, progress=interrupted_at(6))
    assert 6 in rows(tmp_path / "parts", "loss")
    with (tmp_path / "parts" / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 7, "lo')  # killed while it was written
    done = trained("tts/smoke", tmp_path / "parts", *pairs)
    trained("tts/smoke", tmp_path / "whole", *pairs)
    for figure in ("loss", "validation"):
        assert rows(tmp_path / "parts", figure) == rows(tmp_path / "whole", figure)
    assert done.began == 4 and done.step == 9
    calls = read_run(tmp_path / "parts").calls
    assert [call["step"] for call in calls] == [0, 4]


def test_a_loss_that_stands_out_is_named():
    losses = Losses()
    for number in range(AT_LEAST):
        assert losses.add(1.0 + 0.01 * (number % 5), {}) is None
    assert losses.add(1.05, {}) is None
    usual = losses.add(3.0, {})
    assert usual.mean == pytest.approx(1.02, abs=0.01) and usual.deviation < 0.02


def test_a_spike_is_written_down(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("deepaudio.training.watch.losses.AT_LEAST", 3)
    monkeypatch.setattr("deepaudio.training.watch.losses.DEVIATIONS", -100.0)  # all stand out
    with caplog.at_level(logging.WARNING):
        trained("mof/smoke", tmp_path, "steps=4")
    assert "step 4: loss" in caplog.text and list(rows(tmp_path, "spike")) == [4]


def test_tensorboard_has_the_same_figures(tmp_path):
    from tensorboard.backend.event_processing import event_accumulator as accumulator

    on = ["steps=4", "watch.tensorboard=true", "watch.validation.data={}"]
    trained("mof/smoke", tmp_path, *on)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {event.step: event.value for event in events.Scalars("train/loss")}
    assert found == pytest.approx(rows(tmp_path, "loss"), rel=1e-6)
    assert events.Scalars("validation/validation")[0].step == 4


def test_wandb_gets_the_same_figures_when_it_is_asked_for(tmp_path, monkeypatch):
    logged, begun = {}, {}

    def init(**settings):
        begun.update(settings)
        return SimpleNamespace(
            log=lambda values, step: logged.update({step: values}), finish=logged.clear
        )

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    seen = []
    trained(
        "mof/smoke",
        tmp_path,
        "steps=2",
        "watch.wandb=true",
        progress=lambda _: seen.append(dict(logged)),
    )
    assert seen[0][2]["loss"] == rows(tmp_path, "loss")[2]
    assert begun["config"]["stage"] == "mof" and not logged  # finished


@pytest.mark.parametrize("package", ["wandb", "tensorboard"])
def test_a_package_that_is_asked_for_and_missing_is_named(tmp_path, monkeypatch, package):
    monkeypatch.setitem(
        sys.modules, package if package == "wandb" else "torch.utils.tensorboard", None
    )
    with pytest.raises(ToolError, match=f"watch.{package} is asked for"):
        trained("mof/smoke", tmp_path, "steps=2", f"watch.{package}=true")


@pytest.mark.parametrize(
    ("name", "pair", "said"),
    [
        ("mof/smoke", "watch.samples.clip=a.mp4", "makes no audio"),
        ("tts/smoke", "watch.samples.lines=[Hello]", "need a reference"),
        ("tts/smoke", "watch.samples.every=4", "nothing to make"),
        (
            "tts/smoke",
            "watch.samples={lines: [Hello], reference: none.wav}",
            "no such file: none.wav",
        ),
        ("vocoder/smoke", "watch.validation.data={}", "has no one loss"),
        ("tts/smoke", "watch.validation.data.shards=[none]", "no shard at none"),
        ("tts/smoke", "watch.validation.data.shardz=[none]", "shardz"),
        ("tts/smoke", "watch.validation.evry=4", "did you mean 'every'"),
    ],
)
def test_what_cannot_be_watched_is_refused_before_the_first_update(tmp_path, name, pair, said):
    with pytest.raises((InputError, UsageError)) as caught:
        trained(name, tmp_path, "steps=2", pair)
    assert said in f"{caught.value} {caught.value.hint}"
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_samples_are_heard_and_seen(tmp_path, monkeypatch):
    """As `--preset RUN` says them, at the steps that were asked for."""
    monkeypatch.chdir(recipes.shipped_folder().parent)
    lines = "[The old mill is quiet., Nobody came.]"
    wanted = [f"watch.samples={{every: 2, lines: {lines}, reference: examples/voice.wav}}"]
    small = [
        "data.shards=[synthetic]",
        "steps=3",
        "save_every=100",
        "data.batch_items=1",
        "data.frames=128",
    ]
    small += ["data.prompt_min=0.5", "data.prompt_max=0.6", *wanted]
    trained("v2s/finetune", tmp_path, *small)
    files = sorted(path.name for path in (tmp_path / "samples").iterdir())
    stems = [f"{step:08d}-line{n}" for step in (2, 3) for n in (1, 2)]
    assert files == sorted(f"{stem}{suffix}" for stem in stems for suffix in (".png", ".wav"))
    sound, rate = soundfile.read(tmp_path / "samples" / f"{stems[0]}.wav")
    assert rate == 24_000 and 0.8 < len(sound) / rate < 4 and abs(sound).max() > 0.05
    assert imread(tmp_path / "samples" / f"{stems[0]}.png").std() > 0.1


@pytest.mark.slow
def test_samples_that_fail_do_not_end_the_run(tmp_path, caplog):
    """The network of the smoke recipe takes its place in `mini` and is far too small to speak there."""
    clip = recipes.shipped_folder().parent / "examples" / "clip.mp4"
    done = trained("v2a/smoke", tmp_path, "data.drawn=2", "steps=2", f"watch.samples.clip={clip}")
    assert done.step == 2
    assert (tmp_path / "samples" / "00000002-clip.wav").is_file() or "no samples" in caplog.text


def test_runs_are_found_and_read(tmp_path):
    trained("mof/smoke", tmp_path / "a", "steps=2")
    trained("mof/smoke", tmp_path / "deep" / "b", "steps=2", "optim.lr=0.1")
    (tmp_path / "not-a-run").mkdir()
    runs = find_runs([tmp_path])
    assert sorted(run.folder.name for run in runs) == ["a", "b"]
    assert all(run.step == 2 and run.newest("loss") > 0 for run in runs)
    with pytest.raises(InputError, match="no run of deepaudio train"):
        read_run(tmp_path / "not-a-run")
    (tmp_path / "a" / "calls.jsonl").write_text(
        json.dumps({"recipe": "mof/smoke", "step": 0}) + "\n"
    )
    changed = read_run(tmp_path / "a").changed()
    assert changed["steps"] == (200, 2) and "optim.lr" not in changed


def test_a_run_with_damaged_notes_is_still_shown(tmp_path, command, capsys):
    trained("mof/smoke", tmp_path / "a", "steps=2")
    for name in ("calls.jsonl", "changes.jsonl"):
        (tmp_path / "a" / name).write_bytes(b'{"step": 0}\n{"step": \n\xe9\n[]\n')
    (tmp_path / "a" / "progress.json").write_text('{"step": "x", "hours": []}')
    run = read_run(tmp_path / "a")
    assert (run.step, run.hours, run.calls, run.notes()) == (0, 0.0, ({"step": 0},), [])
    assert command("runs", "show", tmp_path / "a") == 0
    assert "called ? at step 0: ? x ?" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        b'{"step": 2, "los\xff": 1}',
        b"[" * 100_000,
        b'{"step": true, "loss": 1}',
        b'{"step": 2, "loss": "x", "validation": null, "lr": [1]}',
        b'{"step": 2, "spike": 3.0}',
        b'{"step": 2, "loss": NaN, "validation": NaN, "lr": Infinity}',
    ],
)
def test_a_run_with_damaged_figures_is_shown_and_goes_on(tmp_path, command, capsys, line):
    held = ["watch.validation.data={}", "watch.validation.every=1"]
    trained("mof/smoke", tmp_path / "a", "steps=2", *held)
    with (tmp_path / "a" / "metrics.jsonl").open("ab") as file:
        file.write(line + b"\n")
    for told in (["ls"], ["show"], ["plot"], ["plot", "--figure", "lr"]):
        assert command("runs", *told, tmp_path / "a") == 0
        assert command("runs", *told, tmp_path / "a", "--json") == 0
        json.loads(capsys.readouterr().out.splitlines()[-1], parse_constant=pytest.fail)
    (tmp_path / "a" / "progress.json").write_text('{"step": "x"}')
    assert command("train", "mof/smoke", "steps=3", "device=cpu", *held, "-o", tmp_path / "a") == 0
    assert read_run(tmp_path / "a").step == 3


def test_a_validation_that_is_no_number_is_never_the_best(tmp_path, command, capsys, monkeypatch):
    values = iter([float("nan"), 2.0, 1.0, float("nan")])
    monkeypatch.setattr(HeldOut, "loss", lambda *_: {"validation": next(values)})
    held = ["watch.validation.data={}", "watch.validation.every=1", "steps=4", "device=cpu"]
    assert command("train", "mof/smoke", *held, "-o", tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["validation"] is None
    assert read_run(tmp_path).best() == (3, 1.0) and (tmp_path / "best").is_dir()
