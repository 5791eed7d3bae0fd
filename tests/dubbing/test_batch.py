"""Batches: bad rows fail alone, finished items are kept, outputs never collide, shards share the work."""

import io
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepaudio.data.manifest import parse_shard
from deepaudio.dubbing import batch as batches
from deepaudio.dubbing.batch import run_batch
from deepaudio.dubbing.batch_manifest import read_batch, read_stream
from deepaudio.dubbing.engines import processes
from deepaudio.dubbing.jobs import BatchJob, Cast, DubJob, Extras
from deepaudio.errors import BatchError, InputError, UsageError
from deepaudio.media import video
from tests.dubbing import deadly
from tests.stand_ins import convert

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch):
    monkeypatch.setattr(processes, "usable_cores", lambda: 2)


@pytest.fixture
def base(voice):
    return DubJob(clip=None, cast=Cast(voice))


@pytest.fixture
def made(model, tmp_path, monkeypatch):
    """A batch setting whose model is the stand-in, and a way to write manifests."""
    (tmp_path / "preset").mkdir()

    def write(rows, **changes):
        path = tmp_path / "jobs.jsonl"
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
        found = BatchJob(
            path, tmp_path / "out", preset=str(tmp_path / "preset"), **{"jobs": 1} | changes
        )
        monkeypatch.setitem(batches._LOADED, (found.preset, "auto", "auto"), model)
        return found

    return write


def test_a_bad_row_fails_alone_and_a_later_run_does_the_rest(
    made, base, silent_clip, model, tmp_path
):
    rows = [
        {"clip": silent_clip.name, "text": "Hello.", "id": "one"},
        {"clip": "nothing.mp4", "text": "Hello."},
        '{"clip": NaN}',
        {"clip": silent_clip.name, "texxt": "Hello."},
        {"clip": silent_clip.name, "text": "Hello.", "seed": 10**20},
        {"clip": silent_clip.name, "text": "Hello.", "steps": 2.5},
        {"clip": silent_clip.name, "text": "Hello.", "pause": -1},
    ]
    result = run_batch(made(rows), base)
    assert [p.name for p in result.done] == ["one.mp4"]
    assert sorted(f["line"] for f in result.failed) == [2, 3, 4, 5, 6, 7]
    with pytest.raises(BatchError) as caught:
        result.raise_for_failures()
    assert caught.value.exit_code == 7 and caught.value.as_dict()["items"] == 7
    failed = [json.loads(x) for x in (tmp_path / "out/failed.jsonl").read_text().splitlines()]
    codes = {row["error"]["code"] for row in failed}
    assert codes == {"clip.missing", "manifest.row", "manifest.unknown_key"}
    (tmp_path / "nothing.mp4").write_bytes(silent_clip.read_bytes())
    again = run_batch(made(rows[:2], resume=True), base)
    assert [p.name for p in again.kept] == ["one.mp4"] and len(again.done) == 1
    assert not (tmp_path / "out/failed.jsonl").exists()
    changed = run_batch(made([rows[0] | {"text": "Bye."}], resume=True), base)
    assert [p.name for p in changed.done] == ["one.mp4"], "a changed row is done again"


def test_the_failed_rows_are_a_manifest(made, base, silent_clip, tmp_path):
    run_batch(made([{"clip": "late.mp4", "text": "Hello."}]), base)
    (tmp_path / "late.mp4").write_bytes(silent_clip.read_bytes())
    batch = made([])
    batch = BatchJob(tmp_path / "out/failed.jsonl", tmp_path / "again", preset=batch.preset)
    assert [p.name for p in run_batch(batch, base).done] == ["late.dub.mp4"]


def test_same_stem_from_two_folders(base, tmp_path):
    path = tmp_path / "jobs.jsonl"
    rows = [{"clip": "a/x.mp4", "text": "Hi."}, {"clip": "b/x.mp4", "text": "Hi."}]
    path.write_text("\n".join(map(json.dumps, rows)))
    outputs = [item.job.output for item in read_batch(path, base, tmp_path / "out")]
    assert outputs == [tmp_path / "out/a/x.dub.mp4", tmp_path / "out/b/x.dub.mp4"]
    twins = [row | {"id": name} for row, name in zip(rows, ("One", "one"), strict=True)]
    path.write_text("\n".join(map(json.dumps, twins)))
    with pytest.raises(InputError, match="lines 1 and 2"):
        read_batch(path, base, tmp_path / "out")


def test_an_output_cannot_leave_its_folder(base, tmp_path):
    path = tmp_path / "jobs.jsonl"
    for name in ("../x.mp4", "/x.mp4", ".."):
        path.write_text(json.dumps({"clip": "x.mp4", "text": "Hi.", "output": name}))
        (item,) = read_batch(path, base, tmp_path / "out")
        assert item.error.code == "manifest.output"


@pytest.mark.slow
def test_processes_fail_their_items_alone(made, base):
    rows = [{"clip": f"nothing{i}.mp4", "text": "Hi."} for i in range(2)]
    result = run_batch(made(rows, jobs=2), base)
    assert sorted(f["line"] for f in result.failed) == [1, 2]
    assert {f["error"]["code"] for f in result.failed} == {"clip.missing"}


def test_errors_survive_pickling():
    error = InputError("clip.missing", "no such file: x", "check the path", path="x")
    assert pickle.loads(pickle.dumps(error)).as_dict() == error.as_dict()


def test_shards_cover_the_manifest_once():
    rows = list(range(10))
    parts = [parse_shard(f"{i}/3") for i in (1, 2, 3)]
    taken = [r for index, count in parts for r in rows if r % count == index]
    assert sorted(taken) == rows
    for wrong in ("0/3", "4/3", "x", "1/", "-1/2"):
        with pytest.raises(UsageError):
            parse_shard(wrong)


def test_what_belongs_to_one_clip_is_refused(made, base, tmp_path):
    with pytest.raises(UsageError, match="-o"):
        run_batch(made([{"clip": "x"}]), DubJob(clip=None, output=tmp_path / "x.mp4"))
    with pytest.raises(InputError, match="no jobs"):
        run_batch(made([""]), base)


def test_a_file_that_is_no_manifest_is_one_error(base, tmp_path):
    path = tmp_path / "jobs.jsonl"
    path.write_bytes(b"RIFF\0\0\0\0WAVE\n" * 50)
    with pytest.raises(InputError) as error:
        read_batch(path, base, tmp_path)
    assert error.value.code == "manifest.binary"


def test_a_signal_ends_the_workers_too(made, base, monkeypatch):
    batch = made([{"clip": "nothing.mp4", "text": "Hi.", "id": str(i)} for i in range(3)], jobs=2)
    others, workers = multiprocessing.active_children(), []

    def interrupted(running, return_when):
        workers.extend(p for p in multiprocessing.active_children() if p not in others)
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_batch(batch, base)
    assert len(workers) == 2
    for worker in workers:
        until = time.monotonic() + 30
        while (
            worker.exitcode is None and time.monotonic() < until
        ):  # the pool's thread joins it too
            worker.join(0.1)
        assert worker.exitcode in (-signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.mark.slow
def test_workers_do_not_outlive_the_process_that_started_them():
    code = (
        "import os, time\nfrom deepaudio.dubbing.engines.processes import pool\n"
        "with pool(2, 2) as made:\n"
        "    print(made.submit(os.getpid).result(), flush=True)\n"
        "    made.submit(time.sleep, 600).result()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert int(child.stdout.readline()) != child.pid
    child.kill()
    assert child.communicate(timeout=120)[0] == b"", "the pipe ends with the last that holds it"


@pytest.mark.slow
def test_a_worker_at_work_ends_when_an_idle_one_is_killed(tmp_path):
    """The idle one holds the lock of the queue of items, and takes it with it."""
    with processes.pool(2, 2) as made:
        long = made.submit(processes.in_worker, deadly.long, tmp_path / "begun", None)
        idle = made.submit(os.getpid).result(60)
        _wait_for((tmp_path / "begun").is_file)
        workers = list(made._processes.values())
        os.kill(idle, signal.SIGKILL)
        with pytest.raises(BrokenProcessPool):
            long.result(60)
        _wait_for(lambda: not any(worker.is_alive() for worker in workers))
    assert (tmp_path / "begun.cleaned").is_file()


def _wait_for(reached, seconds=60):
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_rehearsal_writes_nothing_and_says_so(made, base, silent_clip, tmp_path):
    rows = [{"clip": silent_clip.name, "text": "Hello."}, {"clip": "nothing.mp4", "text": "Hello."}]
    batch = made(rows)
    before = sorted(tmp_path.rglob("*"))
    result = run_batch(batch, replace(base, extras=Extras(dry_run=True)))
    assert result.done == [] and [p.name for p in result.planned] == ["clip [x].dub.mp4"]
    assert [f["line"] for f in result.failed] == [2] and result.as_dict()["dry_run"]
    assert sorted(tmp_path.rglob("*")) == before


def test_no_item_writes_over_what_another_reads(base, tmp_path):
    rows = [
        {"clip": "a.mp4", "text": "Hi.", "output": "b.mp4"},
        {"clip": "b.mp4", "text": "Hi.", "output": "c.mp4"},
    ]
    path = tmp_path / "jobs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match=r"line 1 would write .*b\.mp4, which line 2 reads"):
        read_batch(path, base, tmp_path)
    assert len(read_batch(path, base, tmp_path / "out")) == 2


@pytest.mark.slow
def test_only_the_item_that_kills_its_process_fails(made, base, monkeypatch):
    batch = made([{"clip": f"{i}.mp4", "text": "Hi."} for i in range(4)], jobs=2)
    monkeypatch.setattr(batches, "dub_one", deadly.work)
    monkeypatch.setattr(processes, "_begin", deadly.begin)
    result = run_batch(batch, base)
    assert [(f["line"], f["error"]["code"]) for f in result.failed] == [(1, "batch.killed")]
    assert sorted(p.name for p in result.done) == [f"{i}.dub.mp4" for i in (1, 2, 3)]


def test_memory_that_runs_out_is_no_bug(made, base, model, monkeypatch):
    def exhausted(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr("deepaudio.dubbing.dub.dub", exhausted)
    result = run_batch(made([{"clip": "a.mp4", "text": "Hi."}]), base)
    (failed,) = result.failed
    assert failed["error"]["code"] == "resource.memory" and failed["error"]["retryable"]


def test_low_memory_reaches_the_model_of_a_batch(made, base, monkeypatch):
    asked = {}

    def load(preset, device, **given):
        asked.update(given)
        raise InputError("preset.unknown", "only asked")

    batch = made([{"clip": "a.mp4", "text": "Hi."}], low_memory=True)
    monkeypatch.setattr(batches, "_LOADED", {})
    monkeypatch.setattr("deepaudio.inference.model.load", load)
    run_batch(batch, base)
    assert asked["low_memory"]


@pytest.mark.parametrize(
    "clip", ['"C:\\clips\\a.mp4"', '"C:\\\\clips\\\\a.mp4"', '"clips\\temp\\new.mp4"']
)
def test_a_windows_path_gets_a_hint_about_backslashes(clip, base, tmp_path):
    path = tmp_path / "jobs.jsonl"
    path.write_text(f'{{"clip": {clip}, "text": "Hello."}}\n')
    (item,) = read_batch(path, base, tmp_path / "out")
    assert "line 1" in item.error.message and "written twice" in item.error.hint


@pytest.mark.parametrize("key", ["clip", "script", "ref", "voices", "id", "output"])
@pytest.mark.parametrize(("name", "what"), [("a\ud800.x", "U+D800"), ("a\0.x", "NUL")])
def test_a_name_that_no_file_has_fails_its_line_alone(key, name, what, silent_clip, base, tmp_path):
    row = {"clip": str(silent_clip), "id": "a"} | ({} if key == "script" else {"text": "Hello."})
    row[key] = {"ANN": name} if key == "voices" else name
    fine = {"clip": str(silent_clip), "text": "Hello.", "id": "b"}
    path = tmp_path / "jobs.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(fine) + "\n")
    bad, good = read_batch(path, base, tmp_path / "out")
    assert bad.error.code == "manifest.path" and good.job is not None
    assert f"line 1: '{key}" in bad.error.message
    if "NUL" not in what or key not in ("clip", "script", "ref"):  # there it may be a backslash
        assert what in bad.error.message
    bad, good = read_stream(io.BytesIO(path.read_bytes()), base, None)
    assert bad.error.code == "manifest.path" and good.job is not None


def test_bytes_that_are_no_text_may_be_in_a_name(silent_clip, base, tmp_path):
    path, clip = tmp_path / "jobs.jsonl", silent_clip.with_name("clip-\udcff.mp4")
    path.write_text(json.dumps({"clip": str(clip), "text": "Hello."}) + "\n")
    (item,) = read_batch(path, base, tmp_path / "out")
    assert item.job.clip == clip


@pytest.mark.parametrize(
    ("asked", "cores", "memory", "device", "count"),
    [
        (None, 4, 64e9, "cpu", 4),
        (None, 4, 3.5e9, "cpu", 2),
        (None, 4, 0.1e9, "cpu", 1),
        (2, 4, 0.1e9, "cpu", 2),
        (9, 4, 64e9, "cpu", 4),
        (None, 4, 64e9, "cuda", 1),
        (2, 1, 64e9, "cuda", 2),
    ],
)
def test_cores_are_split_and_never_oversubscribed(
    made, silent_clip, monkeypatch, asked, cores, memory, device, count
):
    monkeypatch.setattr(processes, "usable_cores", lambda: cores)
    monkeypatch.setattr(processes, "_free_memory", lambda: memory)
    monkeypatch.setattr(processes, "device_of", lambda _: torch.device(device))
    batch = made([{"clip": silent_clip.name, "text": "Hi."}], jobs=asked)
    assert processes.processes_for(batch) == count
    monkeypatch.setattr(processes, "is_full_size", lambda _: True)
    assert processes.processes_for(made([], jobs=None)) == 1


def test_a_process_decodes_with_its_share_of_the_cores(silent_clip, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    opened, counts = video.opened, []

    @contextmanager
    def noted(path):
        with opened(path) as container:
            yield container
            counts.append(container.streams.video[0].codec_context.thread_count)

    monkeypatch.setattr(video, "opened", noted)
    assert list(video.frames(silent_clip)) and counts == [3]


def test_a_batch_has_an_index_and_a_report_beside_each_output(made, base, silent_clip, tmp_path):
    rows = [{"clip": silent_clip.name, "text": "Hello.", "id": name} for name in ("one", "two")]
    index = tmp_path / "out/index.html"
    batch = made([*rows, {"clip": "none.mp4", "text": "Hi.", "id": "three"}], report=index)
    result = run_batch(batch, base)
    assert result.report == index and (tmp_path / "out/one.mp4.html").is_file()
    text = index.read_text()
    assert "2 done, 1 failed" in text and 'href="./two.mp4.html"' in text
    again = run_batch(replace(batch, resume=True), base)
    assert len(again.kept) == 2, "the report is no part of what was asked for"
    assert "2 kept, 1 failed" in index.read_text()
    assert len(run_batch(replace(batch, resume=True, report=None), base).kept) == 2


def test_the_index_is_not_the_manifest(made, base, silent_clip):
    batch = made([{"clip": silent_clip.name, "text": "Hello."}])
    with pytest.raises(UsageError, match="used already"):
        run_batch(replace(batch, report=batch.manifest), base)


def test_a_dry_run_writes_no_index(made, base, silent_clip, tmp_path):
    batch = made([{"clip": silent_clip.name, "text": "Hi."}], report=tmp_path / "index.html")
    result = run_batch(batch, replace(base, extras=Extras(dry_run=True)))
    assert result.report is None and not (tmp_path / "index.html").exists()


@pytest.fixture
def lossless(silent_clip, tmp_path):
    """A clip whose video no .mp4 can carry."""
    path = tmp_path / "lossless.mkv"
    convert(silent_clip, "-an", "-c:v", "ffv1", path)
    return path


def test_an_output_that_became_mkv_is_named_kept_and_listed(made, base, lossless, tmp_path):
    rows = [{"clip": lossless.name, "text": "Hello.", "output": "one.mp4"}]
    batch = made(rows, report=tmp_path / "out/index.html")
    assert [p.name for p in run_batch(batch, base).done] == ["one.mkv"]
    again = run_batch(replace(batch, resume=True), base)
    assert [p.name for p in again.kept] == ["one.mkv"] and not again.done
    assert "1 kept" in batch.report.read_text()


def test_the_index_lists_no_output_of_before(made, base, silent_clip, tmp_path):
    row = {"clip": silent_clip.name, "text": "Hello.", "id": "one"}
    run_batch(made([row]), base)
    bad = {"clip": "none.mp4", "text": "Hi.", "id": "two"}
    batch = made([bad, row], report=tmp_path / "out/index.html", keep_going=False)
    run_batch(batch, base)
    assert "1 failed" in batch.report.read_text() and "/one.mp4" not in batch.report.read_text()


def test_each_of_ref_words_and_voices_takes_the_place_of_its_flag(base, tmp_path):
    mine = replace(base, cast=Cast(Path("/flag.wav"), "What it says.", (("MARA", Path("/m.wav")),)))
    rows = [
        {"ref": "/row.wav"},
        {"ref_text": "Others."},
        {"voices": {"TOM": "/t.wav"}},
    ]
    path = tmp_path / "jobs.jsonl"
    common = {"clip": "/a.mp4", "text": "Hi."}
    path.write_text(
        "\n".join(json.dumps(common | row | {"id": str(n)}) for n, row in enumerate(rows))
    )
    found = [item.job.cast for item in read_batch(path, mine, tmp_path / "out")]
    assert found == [
        replace(mine.cast, ref=Path("/row.wav"), ref_text=None),
        replace(mine.cast, ref_text="Others."),
        replace(mine.cast, named=(("TOM", Path("/t.wav")),)),
    ]
    path.write_text(json.dumps(common | {"ref_text": "Whose?"}))
    (item,) = read_batch(path, replace(mine, cast=Cast()), tmp_path / "out")
    assert "'ref_text' belongs to a 'ref'" in item.error.message


def test_a_failed_row_has_paths_that_hold_elsewhere(made, base, silent_clip, tmp_path):
    run_batch(made([{"clip": silent_clip.name, "text": "Hi.", "stepz": 3}]), base)
    (row,) = map(json.loads, (tmp_path / "out/failed.jsonl").read_text().splitlines())
    assert row["clip"] == str(silent_clip)


def test_a_prompt_without_a_bed_from_it_is_refused(base, tmp_path):
    path, row = tmp_path / "jobs.jsonl", {"clip": "/a.mp4", "text": "Hi.", "prompt": "rain"}
    rows = [row | {"id": "a"}, row | {"id": "b", "bed": "foley"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    first, second = read_batch(path, base, tmp_path / "out")
    assert "'prompt' belongs to a bed" in first.error.message and second.error is None
