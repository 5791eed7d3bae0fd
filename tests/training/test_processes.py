"""Two processes (gloo, on the CPU) do what one does: the same weights, one writer, resumes at any number, no half save."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from deepaudio.data.infill import InfillData, InfillShards
from deepaudio.training import recipe as recipes
from deepaudio.training.distributed import feed
from deepaudio.training.distributed.feed import Feed, share_of
from deepaudio.training.distributed.ranks import Alone
from deepaudio.training.fit import fit
from deepaudio.training.recipe import parse
from deepaudio.training.stages import tts
from deepaudio.training.watch import metrics

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("device=cpu", "log_every=1", "ema=0.9", "watch.tensorboard=false")
HELD_OUT = ("watch.validation.data.shards=[synthetic]", "watch.validation.every=2")
# updates of Adam begin as signs of the gradient: where it is next to nothing, its rounding decides
INFILL = """# An infill run on humming voices.
stage: tts
output: runs/x
model: {dim: 64, depth: 1, heads: 2, dim_head: 32, text_dim: 32, conv_layers: 1, vocab_size: 16, dropout: 0.0}
data: {infill: true, shards: [synthetic], batch_items: 4}
objective: {time: uniform}
optim: {lr: 1e-3, warmup: 0, schedule: constant}
steps: 4
save_every: 2
"""


def port() -> str:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return str(one.getsockname()[1])


def launched(count: int, *arguments: str, by: str = "torchrun", **more) -> subprocess.Popen:
    """`count` processes of `deepaudio train`."""
    tool = {
        "torchrun": [
            "torch.distributed.run", f"--nproc_per_node={count}", f"--master_port={port()}",
        ],
        "accelerate": [
            "accelerate.commands.launch", "--cpu", f"--num_processes={count}", "--num_machines=1", "--mixed_precision=no",
            "--dynamo_backend=no", f"--main_process_port={port()}",
        ],
    }  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {"CUDA_VISIBLE_DEVICES": "", **more}
    command = [sys.executable, "-m", *tool[by], "-m", "deepaudio_cli", "train", *arguments]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def done(process: subprocess.Popen) -> tuple[str, str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    return out, err


@pytest.fixture
def infill(tmp_path):
    path = tmp_path / "infill.yaml"
    path.write_text(INFILL)
    return str(path)


def alone(name: str, folder: Path, *pairs: str) -> Path:
    """The same run in this process."""
    plan = recipes.load(recipes.find_recipe(name), [f"output={folder}", *SMALL, *pairs])
    stage = __import__(f"deepaudio.training.stages.{plan.stage}", fromlist=["build"]).build(plan)
    fit(stage, plan)
    return folder


def assert_near(one: Path, two: Path, tolerance: float = 1e-5):
    """All weights and averages within `tolerance`."""
    for file in ("last/model.safetensors", "last/ema.safetensors", "model/model.safetensors"):
        a, b = load_file(one / file), load_file(two / file)
        assert a.keys() == b.keys()
        for name in a:
            torch.testing.assert_close(a[name], b[name], atol=tolerance, rtol=0, msg=name)
    states = [torch.load(x / "last" / "state.pt", weights_only=True) for x in (one, two)]
    figures = [metrics.rows(x) for x in (one, two)]
    for a, b in zip(*figures, strict=True):
        for name in a.keys() - {"seconds_per_step", "waiting"}:
            assert a[name] == pytest.approx(b[name], rel=1e-3, abs=1e-5), (name, a, b)
    assert torch.equal(states[0]["rng"], states[1]["rng"])
    assert states[0].get("stage") == states[1].get("stage")


@pytest.mark.parametrize("total", [1, 2, 7, 8])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_shares_are_all_items_once(total, world):
    shares = [share_of(total, rank, world) for rank in range(world)]
    items = [i for first, last, counts in shares if counts for i in range(first, last)]
    assert items == list(range(total)) and all(last > first for first, last, _ in shares)


def made(tmp_path):
    (tmp_path / "infill.yaml").write_text(INFILL)
    return tts.build(recipes.load(tmp_path / "infill.yaml", ["device=cpu"]))


def test_the_shares_of_a_batch_are_the_batch(tmp_path):
    """Read, drawn and noised for two processes: their halves put together are what one process has."""
    device, whole = torch.device("cpu"), made(tmp_path)
    one = Feed(whole, torch.Generator().manual_seed(4), 0, 1, device)
    two = [Feed(made(tmp_path), torch.Generator().manual_seed(4), r, 2, device) for r in (0, 1)]
    for _ in range(3):
        expected, parts = one.next(), [part.next() for part in two]
        for name in ("mel", "mask", "target", "energy"):
            halves = torch.cat([getattr(part.batch, name) for part in parts if part.counts])
            assert torch.equal(halves, getattr(expected.batch, name))
        for name in ("t", "x0", "drop_text"):
            halves = torch.cat([getattr(part.chance, name) for part in parts if part.counts])
            assert torch.equal(halves, getattr(expected.chance, name))
        assert torch.equal(parts[0].rng_state, expected.rng_state)
    for each in (one, *two):
        each.close()


def test_a_share_is_all_that_is_read(tmp_path):
    shards = InfillShards(InfillData(("synthetic",), batch_items=4))
    places, read = shards.epoch(0, 0)[0], []
    source = shards.sources[0]
    shards.sources[0] = lambda row, name: read.append(row) or source(row, name)
    shards.batch(places, torch.Generator(), slice(0, 2))
    assert set(read) == set(shards.rows[places[:2], 2].tolist())


def test_what_goes_wrong_while_a_batch_is_made_is_raised_in_the_loop(tmp_path):
    content = {
        "stage": "tts", "output": str(tmp_path / "x"), "steps": 1, "device": "cpu", "model": {"dim": 64, "depth": 1, "heads": 1},
        "data": {"infill": True, "shards": [str(tmp_path / "none")]},
    }  # fmt: skip
    plan = parse(content, "test")
    with pytest.raises(Exception, match="no shard at"):
        fit(tts.build(plan), plan)


@pytest.mark.slow
def test_one_process_does_not_import_accelerate():
    code = (
        "import sys, deepaudio.training.fit, deepaudio_cli.main; print('accelerate' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert told.stdout.strip() == "False", told.stderr


def test_batches_are_made_ahead(tmp_path):
    """They are there when the loop comes back; the states are those of the batch that was taken."""
    stage = made(tmp_path)
    one = Feed(stage, torch.Generator().manual_seed(0), 0, 1, torch.device("cpu"))
    one.next()
    deadline = time.monotonic() + 10
    while one.made.qsize() < feed.AHEAD and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one.made.qsize() == feed.AHEAD
    assert one.states()[1] == {"epoch": 0, "place": 1}
    assert stage.state() != one.states()[1], "the thread is further on"
    one.close()
    assert Alone("cpu").summed(1.5, 2.0) == [1.5, 2.0]


@pytest.mark.slow
@pytest.mark.parametrize("by", ["torchrun", "accelerate"])
def test_two_processes_equal_one_with_the_doubled_batch(tmp_path, infill, by):
    whole = alone(infill, tmp_path / "one", *HELD_OUT)
    out, _ = done(launched(2, infill, f"output={tmp_path / 'two'}", *SMALL, *HELD_OUT, by=by))
    assert out.split() == [str(tmp_path / "two" / "model")], "one process prints"
    assert_near(whole, tmp_path / "two")
    assert sum("validation" in row for row in metrics.rows(tmp_path / "two")) == 2
    assert json.loads((tmp_path / "two" / "progress.json").read_text())["step"] == 4


@pytest.mark.slow
def test_shards_of_the_network_equal_one_process(tmp_path, infill):
    whole = alone(infill, tmp_path / "one", *HELD_OUT)
    sharded = (*SMALL, *HELD_OUT, "parallel=fsdp")
    done(launched(2, infill, f"output={tmp_path / 'two'}", *sharded))
    assert_near(whole, tmp_path / "two")


@pytest.mark.slow
def test_accumulation_and_another_stage_in_two_processes(tmp_path):
    pairs = ("data.drawn=3", "accumulate=2", "steps=3", "save_every=3", "optim.lr=1e-3")
    whole = alone("v2a/smoke", tmp_path / "one", *pairs)
    done(launched(2, "v2a/smoke", f"output={tmp_path / 'two'}", *SMALL, *pairs))
    assert_near(whole, tmp_path / "two")


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_run_goes_on_at_another_number_of_processes(tmp_path, infill, parallel):
    """Two updates in two processes and two in one, and the other way round: what one process does in four."""
    whole, how = alone(infill, tmp_path / "one"), f"parallel={parallel}"
    place = f"output={tmp_path / 'down'}"
    done(launched(2, infill, place, *SMALL, how, "steps=2"))
    assert_near(whole, alone(infill, tmp_path / "down"))
    alone(infill, tmp_path / "up", "steps=2")
    done(launched(2, infill, f"output={tmp_path / 'up'}", *SMALL, how))
    assert_near(whole, tmp_path / "up")


@pytest.mark.slow
def test_a_killed_process_leaves_a_whole_save(tmp_path, infill):
    """Rank 1 is killed in the middle: the run ends with an error, and goes on from its last save in one process."""
    folder = tmp_path / "run"
    process = launched(2, infill, f"output={folder}", *SMALL, "steps=4000", "save_every=1")
    deadline = time.monotonic() + 200
    while not (folder / "progress.json").is_file():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    (second,) = (pid for pid in children(process.pid) if rank_of(pid) == "1")
    os.kill(second, signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode != 0
    step = torch.load(folder / "last" / "state.pt", weights_only=True)["step"]
    load_file(folder / "last" / "model.safetensors")
    load_file(folder / "model" / "model.safetensors")
    whole = alone(infill, tmp_path / "one", f"steps={step + 2}", "save_every=1")
    assert_near(whole, alone(infill, folder, f"steps={step + 2}", "save_every=1"), 1e-3)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def rank_of(pid: int) -> str:
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return dict(p.decode().partition("=")[::2] for p in pairs if p).get("RANK", "")
