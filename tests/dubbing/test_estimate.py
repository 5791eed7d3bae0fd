"""`--estimate`: which items are measured, what is made of their numbers, and a measured run of the whole path."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepaudio.dubbing import batch as batches
from deepaudio.dubbing import estimate as costs
from deepaudio.dubbing.batch import run_batch
from deepaudio.dubbing.estimate import Estimate, Spent, Worker, estimate, evenly
from deepaudio.dubbing.jobs import BatchJob, Cast, DubJob
from deepaudio.errors import BatchError
from deepaudio_cli.estimate import size, words

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_sample_is_spread_over_the_manifest():
    assert evenly(10, 2) == [2, 7] and evenly(100_000, 4) == [12_500, 37_500, 62_500, 87_500]
    assert evenly(3, 9) == [0, 1, 2] and evenly(1, 4) == [0]


def known(items=1000, jobs=8, gpu=None):
    """Two items of 10 and 30 s of clip: 4 and 8 CPU seconds, 5 and 7 s, 1 and 3 MB; a worker starts in 3 CPU s and 4 s."""
    sample = (
        Spent(10.0, 4.0, 5.0, 5.0 if gpu else None, 2_000_000, 1_000_000),
        Spent(30.0, 8.0, 7.0, 7.0 if gpu else None, 4_000_000, 3_000_000),
    )
    device = "cuda" if gpu else "cpu"
    return Estimate(items, jobs, device, Worker(3.0, 4.0, 10**9, gpu), sample)


def test_the_whole_is_the_means_times_the_items():
    whole = known().whole
    assert whole["clip_seconds"] == 20_000 and whole["written_bytes"] == 2_000_000_000
    assert whole["cpu_seconds"] == 8 * 3 + 1000 * 6
    assert whole["wall_seconds"] == 4 + 125 * 6, "eight workers with 125 items each"
    assert whole["memory_bytes"] == 8 * 10**9 and whole["gpu_seconds"] is None
    assert whole["give_or_take"] == pytest.approx(2 * 8**0.5 * (0.998 / 2) ** 0.5 / 6)
    assert known().clip_second == {
        "cpu_seconds": 0.3, "gpu_seconds": None, "written_bytes": 100_000
    }  # fmt: skip


def test_no_more_workers_than_items_and_a_gpu_is_paid_for_while_it_is_held():
    assert known(items=3).whole["cpu_seconds"] == 3 * 3 + 3 * 6
    assert known(gpu=2 * 10**9).whole["gpu_seconds"] == 1000 * 6 + 8 * 4
    single = replace(known(), sample=known().sample[:1])
    assert single.whole["give_or_take"] is None and "give or take" not in words(single.as_dict())[4]


def test_the_words_say_the_numbers():
    sample, worker, item, second, whole = words(known(gpu=2 * 10**9).as_dict())
    assert sample == "sample     2 of 1000 items, 20.0 s of clip each, on cuda"
    assert worker == "a worker   3.0 CPU s (4.0 s) to start, 1.0 GB of memory, 2.0 GB of the GPU's"
    assert item.endswith("6.00 CPU s, 6.00 GPU s, 6.00 s, reads 3.0 MB, writes 2.0 MB")
    assert second == "per clip s 0.300 CPU s, 0.30 GPU s, writes 100 kB"
    assert "5 h 33 min of clips: 1 h 40 min of CPU (give or take 67%), 1 h 41 min of GPU" in whole
    assert whole.endswith("13 min with --jobs 8, writes 2.0 GB")
    assert [size(n) for n in (0, 999, 1000, 123_456, 2.5e12)] == [
        "0 B", "999 B", "1.0 kB", "123 kB", "2.5 TB",
    ]  # fmt: skip


@pytest.fixture
def made(model, voice, tmp_path, monkeypatch):
    """Estimates in this process, of rows with the stand-in as the model."""
    (tmp_path / "preset").mkdir()

    @contextmanager
    def here(workers, share):
        def submit(work, *given):
            return SimpleNamespace(result=lambda: work(*given))

        yield SimpleNamespace(submit=submit)

    monkeypatch.setattr(costs, "pool", here)
    base = DubJob(clip=None, cast=Cast(voice))

    def write(rows, **changes):
        path = tmp_path / "jobs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        changes = {"out_dir": None} | changes
        batch = BatchJob(path, preset=str(tmp_path / "preset"), jobs=1, **changes)
        monkeypatch.setitem(batches._LOADED, (batch.preset, "auto", "auto"), model)
        return batch, base

    return write


def test_items_are_measured_and_nothing_stays(made, silent_clip, model, tmp_path):
    rows = [{"clip": silent_clip.name, "text": "Hello.", "id": str(n)} for n in range(5)]
    rows[2]["clip"] = "nothing.mp4"
    batch, base = made(rows)
    before = sorted(tmp_path.rglob("*"))
    found = estimate(batch, base, sample=5)
    assert found.items == 5 and len(found.sample) == 4
    assert [(f["line"], f["error"]["code"]) for f in found.failed] == [(3, "clip.missing")]
    assert len(model.tts.calls) == 5, "four items, the first of them twice"
    for spent in found.sample:
        assert spent.clip_seconds == 4.0 and spent.read_bytes == silent_clip.stat().st_size
        assert spent.written_bytes > spent.read_bytes and spent.cpu_seconds > 0
    assert sorted(tmp_path.rglob("*")) == before and found.worker.memory_bytes > 50e6


def test_what_is_finished_is_not_counted_again(made, silent_clip, tmp_path):
    rows = [{"clip": silent_clip.name, "text": "Hello.", "id": str(n)} for n in range(3)]
    batch, base = made(rows[:2], out_dir=tmp_path / "out")
    run_batch(batch, base)
    batch, base = made(rows, out_dir=tmp_path / "out", resume=True)
    assert estimate(batch, base).items == 1
    batch, base = made(rows, out_dir=tmp_path / "out", shard="2/2")
    assert estimate(batch, base).items == 1, "the second of three"
    batch, base = made(rows[:2], out_dir=tmp_path / "out", resume=True)
    with pytest.raises(BatchError, match="no item is left"):
        estimate(batch, base)


def test_a_sample_of_which_nothing_can_be_dubbed_is_an_error(made):
    batch, base = made([{"clip": "nothing.mp4", "text": "Hello."}])
    with pytest.raises(BatchError, match=r"none of 1 items could be dubbed; the first: .*nothing"):
        estimate(batch, base)


@pytest.mark.parametrize(
    "arguments",
    [
        ["clip.mp4", "--text", "Hi.", "--ref", "v.wav", "--estimate"],
        ["--manifest", "m.jsonl", "--sample", "3"],
        ["--manifest", "m.jsonl", "--estimate", "--dry-run"],
    ],
)
def test_what_does_not_go_together_is_refused(command, arguments):
    assert command("dub", *arguments) == 2


@pytest.mark.slow
def test_the_example_is_measured_by_a_worker_of_its_own(command, tmp_path, capfd):
    """The whole path with `mini`: a started process, its memory and its seconds."""
    row = {"clip": str(EXAMPLES / "clip.mp4"), "text": "Hello.", "ref": str(EXAMPLES / "voice.wav")}
    path = tmp_path / "jobs.jsonl"
    path.write_text("".join(json.dumps(row | {"id": str(n)}) + "\n" for n in range(50)))
    assert command("dub", "--manifest", path, "--estimate", "--sample", 1, "--json") == 0
    found = json.loads(capfd.readouterr().out)
    assert found["ok"] and found["items"] == 50 and len(found["sample"]) == 1
    item, worker, whole = found["item"], found["worker"], found["whole"]
    assert item["clip_seconds"] == 8.6 and 0.2 < item["cpu_seconds"] < 60
    assert worker["cpu_seconds"] > 1, "libraries and networks are loaded"
    assert 3e8 < worker["memory_bytes"] < 4e9
    assert whole["written_bytes"] == pytest.approx(50 * item["written_bytes"])
    assert {p.name for p in tmp_path.iterdir()} <= {path.name, "cache"}
