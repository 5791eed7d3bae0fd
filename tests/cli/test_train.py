"""`deepaudio train` as a process: a signal that lets it save, and the resume after it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = str(Path(__file__).resolve().parents[2])
DEEPAUDIO = [sys.executable, "-m", "deepaudio_cli", "train"]


def train(*arguments):
    return subprocess.run([*DEEPAUDIO, *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_update_end_and_be_saved(tmp_path, number, code):
    run = [
        *DEEPAUDIO,
        "mof/smoke",
        "-o",
        str(tmp_path),
        "save_every=1000000",
        "steps=1000000",
        "log_every=1",
        "-v",
    ]
    process = subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:  # wait for the first updates
        if line.startswith("step 3/"):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert out == "" and "Traceback" not in err
    step = torch.load(tmp_path / "last" / "state.pt", weights_only=True)["step"]
    assert step >= 3
    if number == signal.SIGTERM:
        return  # one resume is enough
    done = train(
        "mof/smoke", "-o", str(tmp_path), f"steps={step + 2}", "save_every=1000000", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert torch.load(tmp_path / "last" / "state.pt", weights_only=True)["step"] == step + 2


def test_a_typed_pair_beats_settings_and_a_typed_option_both(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", ROOT)
    monkeypatch.setenv("DEEPAUDIO_OUTPUT", "from-environment")
    (tmp_path / "deepaudio.toml").write_text('[train]\ndevice = "cuda:99"\n')
    outputs = []
    for more in (["output=pair"], ["output=pair", "-o", "option"], []):
        done = train("mof/smoke", "steps=1", "device=cpu", *more, "--json")
        assert done.returncode == 0, done.stderr
        outputs.append(json.loads(done.stdout)["recipe"]["output"])
    assert outputs == ["pair", "option", "from-environment"]
