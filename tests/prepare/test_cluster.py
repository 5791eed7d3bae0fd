"""Shards on a local Ray with two workers: those of one process, bad files named, a dead worker's part alone missing."""

import json
import logging
import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from deepaudio.data.manifest import Item, read_manifest
from deepaudio.data.shards import is_whole, write_shard
from deepaudio.errors import InputError, ResourceError, ToolError
from deepaudio.inference import full_size
from deepaudio.inference.model import load
from deepaudio.media import ffmpeg
from deepaudio.prepare import infill_shards, parallel
from deepaudio.prepare import v2a_latents as latents
from deepaudio.prepare.energies import write_energies
from deepaudio.presets.trained import embedded
from deepaudio.text.f5_tokenizer import VOCABULARY_LINES

pytestmark = pytest.mark.slow


@pytest.fixture
def ray_here(full_home):
    """One Ray for a test; its workers find the modules of the tests and the models in miniature."""
    import ray

    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    paths = {"env_vars": {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=paths)
    yield
    ray.shutdown()


def sound(path, seconds, hertz=300):
    t = torch.arange(round(seconds * 16_000)) / 16_000
    soundfile.write(path, (0.3 * torch.sin(2 * torch.pi * hertz * t)).numpy(), 16_000)
    return path.name


def files(*shards):
    return [Path(f"{s}{end}").read_bytes() for s in shards for end in (".json", ".safetensors")]


def odd(items, place):
    """Instead of real work: the id says what happens."""
    for item in items:
        if item.id == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if item.id == "bad":
            raise InputError("test.bad", "nothing can be read")
    return write_shard(place, [{"key": i.id} for i in items], {"x": torch.ones(1)})


def test_shards_of_a_cluster_are_those_of_one_process(ray_here, tmp_path, command, capsys):
    rows = [{"id": n, "text": "a b", "audio": sound(tmp_path / f"{n}.wav", 0.6, 200 + 50 * i)} for i, n in enumerate("abcd")]  # fmt: skip
    (tmp_path / "e.wav").write_bytes(b"RIFF, and no more")
    rows.append({"id": "e", "text": "a", "audio": "e.wav"})
    manifest, words = tmp_path / "items.jsonl", tmp_path / "vocab.txt"
    manifest.write_text("\n".join(map(json.dumps, rows)))
    words.write_text("\n".join([" ", "a", "b", *(f"<{i}>" for i in range(VOCABULARY_LINES - 3))]) + "\n")  # fmt: skip
    given = ("prepare", "infill", manifest, tmp_path / "out", "--vocabulary", words, "--jobs", 2)
    assert command(*given, "--engine", "ray") == 0
    said = capsys.readouterr().err
    assert "left out e:" in said and "2 entries in" in said
    for n, part in enumerate((items := read_manifest(manifest))[k::2] for k in range(2)):
        infill_shards.write(part, tmp_path / f"one-{n}", vocabulary=words, energies=None)
    assert len(items) == 5
    assert files(tmp_path / "out-0", tmp_path / "out-1") == files(
        tmp_path / "one-0", tmp_path / "one-1"
    )
    assert command(*given, "--engine", "ray") == 0
    assert capsys.readouterr().err.count("is whole already") == 2

    # features by a model that each worker loads
    for name in ("long", "other"):
        sound(tmp_path / f"{name}.wav", 8.1)
    items = [Item(n, audio=str(tmp_path / f"{n}.wav"), prompt="a bell") for n in ("long", "a", "other")]  # fmt: skip
    made = latents.write_v2a_on_cluster(tmp_path / "v2a", items, "mm-s16k", 1, device="cpu")
    model = full_size.load("mm-s16k", torch.device("cpu"), torch.float32).v2a
    expected = latents.write_v2a_shards(tmp_path / "here", items, model, 1)
    assert [p.name for p in made] == ["v2a-000", "v2a-002"]  # the second item is too short
    assert files(*made) == files(*expected)


@pytest.fixture
def one_thread():
    """As a process of the cluster has: with more, sums differ by rounding on some processors."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_energies_of_a_cluster_are_those_of_one_process(
    ray_here, one_thread, tmp_path, command, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # where no worker stands
    Path("preset").symlink_to(embedded()["mini"])
    example = Path(__file__).parents[2] / "examples/clip.mp4"
    for start, name in enumerate("abc"):
        # fmt: off
        subprocess.run([ffmpeg.executable(), "-v", "error", "-ss", str(start / 2), "-i", str(example), "-t", "0.6", "-an", f"{name}.mp4"],
                       check=True)
        # fmt: on
    Path("d.mp4").write_bytes(b"no video")
    rows = [{"id": name, "video": f"{name}.mp4"} for name in "abcd"]
    Path("items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    given = ("prepare", "energies", "items.jsonl", "out", "--preset", "preset", "--device", "cpu", "--jobs", 2, "--engine", "ray")  # fmt: skip
    assert command(*given) == 0
    said = capsys.readouterr().err
    assert "left out d:" in said and "2 entries in out-0.safetensors" in said
    model = load("mini", "cpu").v2a
    for n, part in enumerate((items := read_manifest(Path("items.jsonl")))[k::2] for k in range(2)):
        write_energies(Path(f"one-{n}.safetensors"), part, model)
    assert len(items) == 4
    made = [Path(f"out-{n}.safetensors").read_bytes() for n in range(2)]
    assert made == [Path(f"one-{n}.safetensors").read_bytes() for n in range(2)]
    contours = load_file("out-0.safetensors") | load_file("out-1.safetensors")
    assert sorted(contours) == ["a", "b", "c"] and not torch.equal(contours["a"], contours["b"])

    Path("out-1.safetensors").unlink()
    assert command(*given) == 0
    said = capsys.readouterr().err
    assert "out-0.safetensors is whole already" in said and "1 entries in" in said
    torch.testing.assert_close(load_file("out-1.safetensors")["b"], contours["b"])


def test_a_bad_part_and_a_dead_worker_leave_the_others(ray_here, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL, "ray")
    write = partial(parallel.write_parts, odd, out=tmp_path / "s", jobs=4, engine="ray")
    with pytest.raises(InputError, match="nothing can be read"):
        write(items=[Item(n) for n in ("a", "bad", "c", "d")])
    whole = [is_whole(tmp_path / f"s-{n}") for n in range(4)]
    assert whole == [True, False, True, True]
    with pytest.raises(ResourceError, match=r"the worker of .*s-1 died"):
        write(items=[Item(n) for n in ("a", "die", "c", "d")])
    assert not is_whole(tmp_path / "s-1")
    counts = write(items=[Item(n) for n in ("a", "b", "c", "d")])
    assert [counts[str(tmp_path / f"s-{n}")] for n in range(4)] == [None, 1, None, None]


def test_an_address_belongs_to_ray(tmp_path, command, capsys, monkeypatch):
    import ray

    given = ("prepare", "speech", tmp_path / "m.jsonl", tmp_path / "out", "--address", "10.0.0.9:6379")  # fmt: skip
    assert command(*given) == 2 and "--engine ray" in capsys.readouterr().err

    def refused(**settings):
        raise ConnectionError("nobody listens there")

    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(ToolError, match=r"no Ray at 10\.0\.0\.9:6379: nobody listens there"):
        parallel.write_parts(odd, [Item("a")], tmp_path / "s", engine="ray", address="10.0.0.9:6379")  # fmt: skip
