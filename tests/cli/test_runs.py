"""`deepaudio runs` and what `train` says: resumes, finished, figures, curves."""

import json
import subprocess
import sys

import pytest
from matplotlib.image import imread

pytestmark = pytest.mark.slow
PROGRAM = [sys.executable, "-m", "deepaudio_cli"]


def deepaudio(*arguments, code=0):
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "gate"
    pairs = ["steps=6", "log_every=2", "watch.validation.data={}", "watch.validation.every=2"]
    return folder, deepaudio("train", "mof/smoke", *pairs, "-o", folder, "--json")


def test_train_returns_steps_losses_and_seconds(run):
    told = json.loads(run[1].stdout)
    assert (told["began"], told["step"], told["steps"]) == (0, 6, 6)
    assert told["loss"] > 0 and told["validation"] > 0 and told["seconds"] > 0
    lines = run[1].stderr.splitlines()
    assert "validation" in lines[1] and "s a step" in lines[1] and "left" in lines[1]


def test_train_says_where_it_goes_on_and_when_it_has_ended(run):
    folder, _ = run
    again = deepaudio("train", "mof/smoke", "steps=6", "-o", folder, "--json")
    assert "already finished, 6 steps" in again.stderr
    assert json.loads(again.stdout)["loss"] > 0
    more = deepaudio("train", "mof/smoke", "steps=8", "-o", folder)
    assert "resumes at step 6" in more.stderr


def test_runs_are_listed_shown_and_plotted(run, tmp_path):
    folder, _ = run
    listed = json.loads(deepaudio("runs", "ls", folder.parent, "--json").stdout)["runs"]
    assert listed[0]["recipe"] == "mof/smoke" and listed[0]["best"]["step"] in (2, 4, 6)
    assert "gate" in deepaudio("runs", "ls", folder.parent).stdout
    shown = deepaudio("runs", "show", folder).stdout
    assert "steps: 8 instead of 200" in shown and "called" in shown and "best" in shown
    text = deepaudio("runs", "plot", folder, folder, "--figure", "validation").stdout
    assert "validation" in text and "┤" in text and "lr" not in text.split()
    deepaudio("runs", "plot", folder, "-o", tmp_path / "curves.png")
    assert imread(tmp_path / "curves.png").std() > 0.05


def test_what_is_not_there_is_said(run, tmp_path):
    assert "no figure 'los'" in deepaudio("runs", "plot", run[0], "--figure", "los", code=3).stderr
    assert "no run of deepaudio train" in deepaudio("runs", "show", tmp_path, code=3).stderr
    assert "no folder" in deepaudio("runs", "ls", tmp_path / "none", code=3).stderr
    assert "none of .png" in deepaudio("runs", "plot", run[0], "-o", "x.txt", code=2).stderr
