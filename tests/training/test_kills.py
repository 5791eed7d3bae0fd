"""A run that is killed twenty times, wherever it is, ends with the bits of one that was left alone."""

import json
import multiprocessing
import random

import pytest
import torch
from safetensors.torch import load_file

from deepaudio.discover import find
from deepaudio.training import recipe as recipes
from deepaudio.training.fit import fit

KILLS, STEPS, LOG_EVERY = 20, 200, 3
PAIRS = [
    "device=cpu", "dtype=float32", f"steps={STEPS}", "save_every=2", f"log_every={LOG_EVERY}", "ema=0.9", 
    "model.dropout=0.1", "model.dim=32", "model.heads=1", "model.depth=1", "watch.tensorboard=false", "watch.keep_last=2",
    "watch.validation.data.shards=[synthetic]", "watch.validation.every=20", "watch.validation.batches=1",
]  # fmt: skip


def train(folder: str) -> None:
    torch.set_num_threads(1)
    plan = recipes.load(recipes.find_recipe("tts/smoke"), [f"output={folder}", *PAIRS])
    fit(find("deepaudio.training.stages", plan.stage).build(plan), plan)


def lines(path):
    return path.read_text().splitlines() if path.is_file() else []


def numbers(folder):
    """All numbers of a run folder by name, and the figures that do not depend on the clock."""
    found = {}
    for path in sorted(folder.rglob("*.safetensors")):
        found |= {f"{path.relative_to(folder)} {k}": v for k, v in load_file(path).items()}
    state = torch.load(folder / "last" / "state.pt", weights_only=True)
    for number, values in state["optimiser"]["state"].items():
        found |= {f"optimiser {number} {k}": torch.as_tensor(v) for k, v in values.items()}
    found |= {name: state[name] for name in ("rng", "torch_rng")}
    rows = map(json.loads, lines(folder / "metrics.jsonl"))
    aside = ("seconds_per_step", "waiting")
    figures = [{k: v for k, v in row.items() if k not in aside} for row in rows if "loss" in row]
    return found, figures


@pytest.mark.slow
def test_twenty_kills_change_no_bit(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["deepaudio.training.stages.tts", "deepaudio.training.fit"])
    draw = random.Random(5)
    kills, calls = 0, tmp_path / "parts" / "calls.jsonl"
    while kills < KILLS:
        process = context.Process(target=train, args=(str(tmp_path / "parts"),))
        before = len(lines(calls))
        process.start()
        while len(lines(calls)) == before and process.exitcode is None:  # it has not begun
            process.join(0.02)
        process.join(draw.uniform(0.05, 0.8))
        if process.exitcode is not None:
            break
        process.kill()
        process.join()
        kills += 1
    train(str(tmp_path / "parts"))
    began = {json.loads(line)["step"] for line in lines(calls)}
    assert process.exitcode != 1 and kills >= KILLS // 2 and len(began) > 4, (kills, began)
    train(str(tmp_path / "whole"))
    (one, figures), (two, others) = numbers(tmp_path / "whole"), numbers(tmp_path / "parts")
    assert one.keys() == two.keys()
    assert not [name for name in one if not torch.equal(one[name], two[name])]
    assert {row["step"] for row in figures} >= {row["step"] for row in others}
    last = {row["step"]: row for row in others}
    settled = max(began) + LOG_EVERY  # the first line of a call is the mean of fewer steps
    assert all(last[row["step"]] == row for row in figures if row["step"] > settled)
