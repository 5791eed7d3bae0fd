"""The engine on a local Ray with two workers: errors come back with their items, a dead worker costs its item alone."""

import os
import signal
from pathlib import Path

import pytest

from deepaudio.dubbing.batch import run_batch
from deepaudio.dubbing.batch_manifest import BatchItem
from deepaudio.dubbing.engines import ray as engine
from deepaudio.dubbing.jobs import BatchJob, Cast, DubJob
from deepaudio.dubbing.record import record_path
from deepaudio.errors import InputError, ResourceError, ToolError

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLIP, VOICE = EXAMPLES / "clip.mp4", EXAMPLES / "voice.wav"


@pytest.fixture(scope="module", autouse=True)
def ray_here():
    """One Ray for all tests of the file; its workers find the modules of the tests."""
    import ray

    root = str(EXAMPLES.parent)
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    paths = {"env_vars": {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=paths)
    yield
    ray.shutdown()


def work(job, batch):
    """Instead of a dub: the prompt says what happens."""
    if job.prompt == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return InputError("test.bad", job.prompt) if job.prompt else None


def items_of(*prompts, clip=CLIP):
    jobs = [DubJob(clip=clip, text="Hello.", cast=Cast(ref=VOICE), prompt=p) for p in prompts]
    return [BatchItem(number, {}, job) for number, job in enumerate(jobs, 1)]


def outcomes(items, **settings):
    batch = BatchJob(Path("m.jsonl"), Path("out"), **settings)
    return {item.line: error for item, error in engine.run(work, items, batch)}


def test_every_item_comes_back_with_its_error(tmp_path):
    items = items_of("", "bad", "")
    items.append(BatchItem(4, {}, items_of("", clip=tmp_path / "none.mp4")[0].job))
    found = outcomes(items, jobs=2)
    assert found.keys() == {1, 2, 3, 4} and found[1] is None and found[3] is None
    assert isinstance(found[2], InputError) and found[2].message == "bad"
    assert found[4].code == "clip.missing"  # said by the stage that loads no model


def test_a_dead_worker_costs_its_item_alone():
    found = outcomes(items_of("", "", "die", "", "", ""), jobs=2)
    assert isinstance(found.pop(3), ResourceError) and len(found) == 5
    assert set(found.values()) == {None}


def test_two_clips_are_dubbed_and_kept(tmp_path):
    """The whole path: a manifest, two workers with a model each, records, and a second run that keeps what is there."""
    rows = [f'{{"clip": "{CLIP}", "text": "Hello there.", "output": "{n}.mp4"}}' for n in (1, 2)]
    (tmp_path / "jobs.jsonl").write_text("\n".join(rows))
    base = DubJob(clip=Path(), cast=Cast(ref=VOICE))
    batch = BatchJob(tmp_path / "jobs.jsonl", tmp_path / "out", jobs=2, resume=True, engine="ray")
    done = run_batch(batch, base)
    assert not done.failed and len(done.done) == 2
    assert all(p.is_file() and record_path(p).is_file() for p in done.done)
    assert len(run_batch(batch, base).kept) == 2


def test_an_address_without_ray_is_named(monkeypatch):
    import ray

    def refused(**settings):
        raise ConnectionError("nobody listens there\nand more")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refused)
    with pytest.raises(ToolError, match=r"no Ray at 10\.0\.0\.9:6379: nobody listens there"):
        outcomes(items_of(""), address="10.0.0.9:6379")


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_ray_that_is_lost_is_no_bug(monkeypatch, when):
    import ray

    def lost(*args, **given):
        raise ray.exceptions.RaySystemError("Failed to connect to GCS.\nand more")

    monkeypatch.setattr(ray, "is_initialized", lambda: when == "later")
    monkeypatch.setattr(ray, "init", lost)
    monkeypatch.setattr(ray.data, "from_items", lost)
    wrong = ToolError if when == "at the start" else ResourceError
    with pytest.raises(wrong, match=r"Failed to connect to GCS\.$"):
        outcomes(items_of(""))
