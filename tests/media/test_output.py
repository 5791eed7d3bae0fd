"""Atomic files and the checks before them."""

import os
import subprocess
import sys
import threading

import pytest

from deepaudio.errors import InputError, ResourceError, UsageError
from deepaudio.media.output import fitting_name, preflight, published, write_bytes


def test_nothing_appears_before_the_end(tmp_path):
    out = tmp_path / "x.bin"
    with published(out) as temp:
        temp.write_bytes(b"new")
        assert not out.exists() and temp.parent == tmp_path and temp.suffix == ".bin"
    assert out.read_bytes() == b"new" and os.listdir(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_any_exception_leaves_the_older_file(tmp_path, error):
    out = write_bytes(tmp_path / "x.bin", b"old")
    with pytest.raises(error), published(out) as temp:
        temp.write_bytes(b"half")
        raise error
    assert out.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.bin"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(InputError), published(tmp_path / "x.bin"):
        pass
    assert not os.listdir(tmp_path)


def test_temp_is_kept_on_request(tmp_path):
    with pytest.raises(ValueError), published(tmp_path / "x.bin", keep_temp=True) as temp:
        temp.write_bytes(b"half")
        raise ValueError
    assert os.listdir(tmp_path) == [temp.name]


def test_many_writers_of_one_name(tmp_path):
    contents = [bytes([n]) * 50_000 for n in range(8)]
    threads = [threading.Thread(target=write_bytes, args=(tmp_path / "x.bin", c)) for c in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "x.bin").read_bytes() in contents and os.listdir(tmp_path) == ["x.bin"]


def test_long_names_are_shortened_with_a_hash():
    name = "é" * 200 + ".wav"
    short = fitting_name(name)
    assert len(os.fsencode(short)) <= 255 and short.endswith(".wav")
    assert short != fitting_name("é" * 201 + ".wav")
    assert fitting_name("short.wav") == "short.wav"


def test_preflight(tmp_path):
    given = write_bytes(tmp_path / "in.wav", b"x")
    assert preflight(tmp_path / "out.wav", [given]) == tmp_path / "out.wav"
    with pytest.raises(UsageError):
        preflight(tmp_path / "." / "in.wav", [given])
    with pytest.raises(InputError, match="255"):
        preflight(tmp_path / ("n" * 252 + ".wav"))
    with pytest.raises(InputError, match="reserved"):
        preflight(tmp_path / "NUL.wav")
    with pytest.raises(InputError, match="no such folder"):
        preflight(tmp_path / "a" / "b.wav")
    with pytest.raises(InputError, match="directory"):
        preflight(tmp_path)
    with pytest.raises(ResourceError) as error:
        preflight(tmp_path / "out.wav", needed_bytes=1 << 60)
    assert error.value.code == "disk.full" and str(1 << 60) in error.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot write"):
        preflight(tmp_path / "x.wav")


def test_what_killed_runs_left_is_swept_at_the_next_run(tmp_path):
    """A process of this machine that is dead: its files go. Living, kept and foreign ones stay."""
    script = (
        "import os, sys; from pathlib import Path; from deepaudio.media.output import published\n"
        "with published(Path(sys.argv[1]) / 'x.mp4') as temp:\n"
        "    temp.write_bytes(b'half'); print(temp.name, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True)
    left = tmp_path / done.stdout.strip()
    assert left.is_file() and done.returncode == -9
    foreign = left.with_name(left.name.replace(left.name.split("-")[1], "0123abcd"))
    foreign.touch()
    with published(tmp_path / "y.mp4") as mine:
        mine.write_bytes(b"at work")
        preflight(tmp_path / "x.mp4")
        assert not left.exists() and foreign.exists() and mine.exists()
    with pytest.raises(KeyError), published(tmp_path / "z.mp4", keep_temp=True) as kept:
        kept.touch()
        raise KeyError
    preflight(tmp_path / "x.mp4")
    assert kept.exists()
