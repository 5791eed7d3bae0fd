"""A dub that is disturbed, from the command line: full disk, signals, a closed output, an ffmpeg that lies. `python -m tests.robustness faults` is the long version."""

import errno
import os
import random
import signal
import sys
import time
from collections import Counter

import pytest

from tests.robustness.faults import FAKES, Work, fakes, outputs
from tests.robustness.forks import Forked

pytestmark = pytest.mark.slow


@pytest.fixture
def work(tmp_path, request):
    """Commands whose outputs lie in `out`; `dub` unless the test says which."""
    for name in ("inputs", "out"):
        (tmp_path / name).mkdir()
    return Work(tmp_path / "inputs", tmp_path / "out", tmp_path / "cache", [request.param])


def no_room(point, folder, points):
    """From its `point`-th opening for writing on, the process finds no room in the folder; `points` is a pipe for a mark at each."""

    def before():
        seen = 0

        def hear(event, given):
            nonlocal seen
            if event != "open" or not isinstance(given[0], (str, bytes)):
                return
            writes = given[2] & (os.O_WRONLY | os.O_RDWR)
            if writes and os.path.abspath(os.fsdecode(given[0])).startswith(str(folder)):
                seen += 1
                os.write(points, b".")
                if seen >= point:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), given[0])

        sys.addaudithook(hear)

    return before


@pytest.mark.parametrize("work", ["dub", "batch"], indirect=True)
def test_no_room_from_some_write_point_on(work):
    (name,) = work.names
    work.learn(name)
    for point in (1, 4, 8, 12):
        work.older(name)
        read, write = os.pipe()
        done = Forked(work.commands()[name], no_room(point, work.folder, write)).wait()
        os.close(write)
        reached = len(os.read(read, 1000))
        os.close(read)
        assert work.faults(name, done) == [], point
        if reached < point:
            assert done.code == 0 and point > 1
            break
        assert done.code in (6, 7), (point, done)
        assert "No space left" in done.err or "disk full" in done.err


@pytest.mark.parametrize("work", ["dub"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_a_random_moment(work, number):
    rng, codes = random.Random(int(number)), Counter()
    work.learn("dub")
    for _ in range(3):
        work.older("dub")
        running = Forked(work.commands()["dub"])
        time.sleep(rng.uniform(0.05, 0.4))
        running.signal(number)
        done = running.wait()
        codes[done.code] += 1
        assert work.faults("dub", done) == []
    assert set(codes) <= {0, 128 + number} and codes[128 + number]


@pytest.mark.parametrize("work", ["tts"], indirect=True)
def test_an_output_that_nobody_reads_or_that_is_full(work):
    count = Counter()
    assert list(outputs(work, count)) == [] and count["outputs"] == 14


@pytest.mark.parametrize("work", ["dub"], indirect=True)
def test_an_ffmpeg_that_is_missing_or_lies(work, tmp_path, monkeypatch):
    kinds = ("fails", "writes nothing", "half a file", "a folder")
    monkeypatch.setattr("tests.robustness.faults.FAKES", {k: FAKES[k] for k in kinds})
    count = Counter()
    assert list(fakes(work, tmp_path, count)) == [] and count["ffmpeg"] == 7
