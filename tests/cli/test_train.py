"""`deepaudio train` as a process: a signal that lets it save, and the resume after it."""

import json
import signal
import subprocess
import sys

import pytest
import torch

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
