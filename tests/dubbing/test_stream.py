"""`deepaudio dub -`: jobs are dubbed as they come, by one model, and a bad one is a result like the others."""

import io
import json
import os
import subprocess
import sys

import pytest

from deepaudio.dubbing import batch as batches
from deepaudio.dubbing.batch import run_stream
from deepaudio.dubbing.batch_manifest import MAX_LINE
from deepaudio.dubbing.jobs import BatchJob, Cast, DubJob
from deepaudio.errors import DeepAudioError, UsageError


@pytest.fixture
def batch(model, tmp_path, monkeypatch):
    """A setting whose model is the stand-in, for jobs with paths below the working folder."""
    (tmp_path / "preset").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(batches._LOADED, (str(tmp_path / "preset"), "auto", "auto"), model)
    return BatchJob(None, None, preset=str(tmp_path / "preset"))


def stream(*rows):
    lines = (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    return io.BytesIO(b"".join(line + b"\n" for line in lines))


def test_every_line_has_one_result_and_the_next_goes_on(batch, silent_clip, voice, tmp_path):
    rows = [
        {"clip": silent_clip.name, "text": "Hello.", "id": "a", "output": "new/one.mp4"},
        {"clip": "nothing.mp4", "text": "Hello.", "id": "b"},
        b"{not json",
        b" ",
        b'{"clip": "' + b"x" * MAX_LINE + b'"}',
        {"clip": silent_clip.name, "texxt": "Hello."},
        {"clip": silent_clip.name, "text": "Hello again.", "ref": str(voice)},
    ]
    base = DubJob(clip=None, cast=Cast(voice))
    results = [
        json.loads(json.dumps(r, default=os.fspath)) for r in run_stream(stream(*rows), batch, base)
    ]
    assert [(r["line"], r["id"], r["ok"]) for r in results] == [
        (1, "a", True), (2, "b", False), (3, None, False), (5, None, False), (6, None, False), (7, None, True),
    ]  # fmt: skip
    wrong = [(r["error"]["code"], r["exit_code"]) for r in results if not r["ok"]]
    assert wrong == [
        ("clip.missing", 3), ("manifest.row", 3), ("manifest.limits", 3), ("manifest.unknown_key", 3),
    ]  # fmt: skip
    assert (tmp_path / results[0]["output"]).samefile(tmp_path / "new/one.mp4")
    assert (tmp_path / "clip [x].dub.mp4").is_file() and results[-1]["lines"]
    assert results[-1]["warnings"] == [] and results[-1]["record"]


def test_results_come_before_the_next_job_is_read(batch, silent_clip, voice, monkeypatch):
    read, write = os.pipe()
    results = run_stream(os.fdopen(read, "rb"), batch, DubJob(clip=None, cast=Cast(voice)))
    for text in ("Hello.", "And again."):
        os.write(
            write, json.dumps({"clip": silent_clip.name, "text": text, "id": "a"}).encode() + b"\n"
        )
        assert next(results)["lines"][0]["text"] == text
    os.close(write)
    assert list(results) == []


def test_two_jobs_write_one_file_only_where_they_say_so(batch, silent_clip, voice):
    row = {"clip": silent_clip.name, "text": "Hello."}
    rows = [row, row, row | {"id": "a"}, row | {"output": "b.mp4"}, row | {"output": "b.mp4"}]
    results = list(run_stream(stream(*rows), batch, DubJob(clip=None, cast=Cast(voice))))
    assert [r["ok"] for r in results] == [True, False, False, True, True]
    assert results[1]["error"]["code"] == "manifest.collision"


def test_a_folder_for_the_results(batch, silent_clip, voice, tmp_path):
    row = {"clip": silent_clip.name, "text": "Hello.", "id": "one"}
    there = BatchJob(None, tmp_path / "out", preset=batch.preset)
    base = DubJob(clip=None, cast=Cast(voice))
    outside = {**row, "id": "../two"}
    first, second = run_stream(stream(row, outside), there, base)
    assert first["output"] == tmp_path / "out/one.mp4" and first["output"].is_file()
    assert second["error"]["code"] == "manifest.output"


def test_an_internal_error_is_a_result(batch, silent_clip, voice, model):
    model.tts.speak = lambda *a, **k: 1 / 0
    row = {"clip": silent_clip.name, "text": "Hello."}
    (result,) = run_stream(stream(row), batch, DubJob(clip=None, cast=Cast(voice)))
    assert result["exit_code"] == DeepAudioError.exit_code and result["error"]["code"] == "internal"


def test_what_belongs_to_one_clip_is_refused(batch, voice):
    base = DubJob(clip=None, cast=Cast(voice), output="x.mp4")
    with pytest.raises(UsageError, match="-o is for one clip"):
        list(run_stream(stream(), batch, base))


@pytest.mark.parametrize(
    "flag", [["--jobs", "2"], ["--shard", "1/2"], ["--resume"], ["--stop-at-first"]]
)
def test_what_belongs_to_a_manifest_is_refused(command, capsys, flag):
    assert command("dub", "-", *flag) == 2
    assert flag[0] in capsys.readouterr().err


@pytest.mark.slow
def test_from_the_shell(silent_clip, voice, tmp_path):
    rows = [{"clip": silent_clip.name, "text": "Hello."}, {"clip": "nothing.mp4", "text": "Hello."}]
    line = [sys.executable, "-m", "deepaudio_cli", "dub", "-", "--ref", str(voice)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        line, input=stream(*rows).getvalue(), capture_output=True, env=environment, cwd=tmp_path
    )
    first, second = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 7 and b"1 jobs failed" in done.stderr
    assert first["ok"] and first["schema"] == 1 and (tmp_path / first["output"]).is_file()
    assert not second["ok"] and second["exit_code"] == 3
