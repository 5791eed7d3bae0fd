"""Disturbances one by one: the disk full from each write point on, signals at random times, a closed or full standard output, an ffmpeg that is none.

Whatever happens: an exit code of the README, one line at most for an error, no unfinished file, every output the older one or the new one.
Needs the right to mount a tmpfs (root on Linux).
"""

import argparse
import hashlib
import itertools
import json
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deepaudio.dubbing.record import SUFFIX
from deepaudio.media import ffmpeg
from tests.robustness.forks import Ended, Forked
from tests.robustness.page import write_run
from tests.robustness.scene import VOICE, clip, unfinished

OLDER = b"an older output"
SRT = "1\n00:00:00,100 --> 00:00:00,700\nHello.\n"
SIZE = 24 << 20
NAMES = ("dub", "batch", "foley", "tts")
Finding = str


class Work:
    """Commands in a folder, what they write, and whether that is whole afterwards."""

    def __init__(self, inputs: Path, folder: Path, cache: Path, names: Iterable[str] = NAMES):
        self.inputs, self.folder, self.names = inputs, folder, names
        os.environ["DEEPAUDIO_CACHE_DIR"] = str(cache)
        clip(inputs / "clip.mp4")
        (inputs / "lines.srt").write_text(SRT)
        rows = [{"clip": "clip.mp4", "script": "lines.srt", "id": str(n)} for n in (1, 2)]
        (inputs / "jobs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.before = _digests(inputs)
        self.new: dict[str, dict[str, str]] = {}

    def commands(self) -> dict[str, list[object]]:
        """By name; together they write every kind of file."""
        one = [
            "dub",
            self.inputs / "clip.mp4",
            "--script",
            self.inputs / "lines.srt",
            "--ref",
            VOICE,
        ]
        out, batch = self.folder, ["--manifest", self.inputs / "jobs.jsonl", "--ref", VOICE]
        every = {
            "dub": [*one, "-o", out / "o.mp4", "--report", out / "o.html", "--stems", out / "stems",
                    "--emit-script", out / "o.json", "--subtitles", out / "o.srt", "--subtitles", "track"],
            "batch": ["dub", *batch, "--out-dir", out, "--jobs", 1, "--report", out / "index.html"],
            "foley": ["foley", self.inputs / "clip.mp4", "-o", out / "o.mp4"],
            "tts": ["tts", "--text", "Hello.", "--ref", VOICE, "-o", out / "o.wav"],
        }  # fmt: skip
        return {name: every[name] for name in self.names}

    def fresh(self) -> None:
        """The folder with an older output under every name that will be written."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    def learn(self, name: str) -> None:
        """What the command writes when nothing disturbs it."""
        self.fresh()
        done = Forked(self.commands()[name]).wait()
        if done.code:
            raise SystemExit(f"{name} failed undisturbed: {done}")
        self.new[name] = _digests(self.folder)

    def older(self, name: str) -> None:
        """An older file under every name that the command writes."""
        self.fresh()
        for path in self.new[name]:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(OLDER)

    def faults(self, name: str, done: Ended) -> list[str]:
        """What is wrong after a disturbed run."""
        found = [done.fault] if done.fault else []
        found += [f"left behind: {path}" for path in unfinished(self.folder)]
        if _digests(self.inputs) != self.before:
            found.append("an input was changed")
        old = hashlib.sha256(OLDER).hexdigest()
        now = _digests(self.folder)
        for path, digest in now.items():
            if digest not in (old, self.new[name].get(path)) and not path.startswith("failed"):
                found.append(f"{path} is neither the older nor the new one")
        if done.code == 0:
            found += [f"{path} is not new" for path in self.new[name] if now.get(path) == old]
        return found


def _digests(folder: Path) -> dict[str, str]:
    """sha256 by name; of records and pages, which hold times, only whether they are whole."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        content = path.read_bytes()
        if content != OLDER and path.name.endswith(SUFFIX):
            json.loads(content)
            content = b"a whole record"
        elif content != OLDER and path.suffix == ".html":
            content = b"a whole page" if content.rstrip().endswith(b"</html>") else b"cut"
        found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A tmpfs of a few megabytes."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill_at(point: int, disk: Path, said: int) -> Callable[[], None]:
    """Hook of a process: its `point`-th opening for writing, start of a program, or new folder finds the disk full."""

    def before() -> None:
        seen = itertools.count(1)

        def hear(event: str, given: tuple) -> None:
            if event == "open":
                path, _, flags = given
                if not (isinstance(path, (str, bytes)) and flags & (os.O_WRONLY | os.O_RDWR)):
                    return
                if not os.path.abspath(os.fsdecode(path)).startswith(str(disk)):
                    return
            elif event not in ("subprocess.Popen", "os.mkdir"):
                return
            if next(seen) == point:
                os.write(said, b"x")
                _fill(disk)

        sys.addaudithook(hear)

    return before


def _fill(disk: Path) -> None:
    handle = os.open(disk / "ballast", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while True:
            os.write(handle, bytes(1 << 16))
    with suppress(OSError):
        while True:
            os.write(handle, b"\0")
    os.close(handle)


def full_disks(work: Work, disk: Path, count: Counter) -> Iterator[Finding]:
    """Every command with the disk full from its first, second ... write point on."""
    for name, line in work.commands().items():
        work.learn(name)
        for point in itertools.count(1):
            work.older(name)
            said, saying = os.pipe()
            done = Forked(line, fill_at(point, disk, saying)).wait()
            os.close(saying)
            reached = bool(os.read(said, 1))
            os.close(said)
            (disk / "ballast").unlink(missing_ok=True)
            if not reached:
                break
            count[f"{name} at {point - 1 or 1} points"] += 0
            count["disk"] += 1
            wrong = work.faults(name, done)
            if done.code not in (0, 6, 7):
                wrong.append(f"exit code {done.code}: {done.err}")
            yield from (f"disk full, {name}, point {point}: {fault}" for fault in wrong)


def signals(work: Work, rng: random.Random, times: int, count: Counter) -> Iterator[Finding]:
    """SIGINT, SIGTERM or SIGHUP at a random moment, sometimes twice."""
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
    for name, line in work.commands().items():
        work.learn(name)
        began = time.monotonic()
        Forked(line).wait()
        whole = time.monotonic() - began
        for _ in range(times):
            work.older(name)
            number, moment = rng.choice(list(codes)), rng.uniform(0, whole)
            running = Forked(line)
            time.sleep(moment)
            sent = not running.ended()
            running.signal(number)
            done = running.wait()
            early = done.code == -number  # before the command line had begun
            count["signals"] += sent
            wrong = [] if early else work.faults(name, done)
            if not early and done.code not in ((0, codes[number]) if sent else (0,)):
                wrong.append(f"exit code {done.code}: {done.err[-500:]}")
            yield from (f"{number.name} at {moment:.2f} s, {name}: {fault}" for fault in wrong)


def outputs(work: Work, count: Counter) -> Iterator[Finding]:
    """Nobody reads standard output, or it cannot be written; what was made stays."""
    others = {"help": ["--help"], "examples": ["dub", "--examples"], "recipes": ["recipes", "ls"],
              "models": ["models", "ls"], "wrong": ["dub", "--json", work.inputs / "none.mp4", "--text", "x", "--ref", VOICE]}  # fmt: skip
    for name in work.commands():
        work.learn(name)
    for kind in ("closed", "full"):
        for name, line in (work.commands() | others).items():
            for form in ([], ["--json"]) if name in work.new else ([],):
                if name in work.new:
                    work.older(name)
                if kind == "closed":
                    read, write = os.pipe()
                    os.close(read)
                else:
                    write = os.open("/dev/full", os.O_WRONLY)
                done = Forked([*line, *form], stdout=write).wait()
                os.close(write)
                count["outputs"] += 1
                wrong = work.faults(name, done) if name in work.new else []
                wrong += [done.fault] if done.fault and name not in work.new else []
                meant = {"closed": (130,), "full": (6,)}[kind] + ((3,) if name == "wrong" else ())
                if done.code not in meant:
                    wrong.append(f"exit code {done.code}: {done.err[-300:]}")
                yield from (f"{kind} output, {name} {form}: {fault}" for fault in wrong)


FAKES = {
    "fails": ("echo 'no such thing' >&2; exit 1", (4,)),
    "says much": ("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", (4,)),
    "killed": ("kill -9 $$", (4, 6)),
    "writes nothing": ("exit 0", (6,)),
    "empty file": (': > "$last"', (6,)),
    "random file": ('head -c 20000 /dev/urandom > "$last"', (6,)),
    "text file": ('echo not a video > "$last"', (6,)),
    "the bare picture": ('"$real" -v error -y -i "$clip" -an -c copy "$last"', (6,)),
    "half a file": ('"$real" "$@"; head -c 9000 "$last" > "$last.x"; mv "$last.x" "$last"', (6,)),
    "writes and fails": ('"$real" "$@"; exit 1', (4,)),
    "a folder": ('rm -f "$last"; mkdir "$last"', (3, 6)),
    "no file mode": ('"$real" "$@"; chmod 000 "$last"', (0, 3, 6)),
    "disk full": ("echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 228", (6,)),
}  # fmt: skip


def fakes(work: Work, folder: Path, count: Counter) -> Iterator[Finding]:
    """An ffmpeg that is missing, broken or lies."""
    real = ffmpeg.executable()
    head = f"#!/bin/sh\nreal={real}\nclip={work.inputs / 'clip.mp4'}\n"
    head += 'case "$*" in *-encoders*|*-version*) exec "$real" "$@";; esac\n'
    head += 'for last in "$@"; do :; done\nlast="${last#file:}"\n'
    programs: dict[str, tuple[Path, tuple[int, ...]]] = {"missing": (folder / "none", (4,))}
    programs["no program"] = (_program(folder / "words", "just words"), (4,))
    programs["no encoders"] = (_program(folder / "mute", "#!/bin/sh\nexit 0\n"), (4,))
    for name, (words, codes) in FAKES.items():
        programs[name] = (_program(folder / name, head + words + "\n"), codes)
    for name in work.commands():
        work.learn(name)
        if name == "tts":
            continue  # needs no ffmpeg
        for kind, (program, codes) in programs.items():
            work.older(name)

            def before(program=program) -> None:
                ffmpeg.executable.cache_clear()
                ffmpeg.encoders.cache_clear()
                os.environ["DEEPAUDIO_FFMPEG"] = str(program)

            done = Forked(work.commands()[name], before).wait()
            count["ffmpeg"] += 1
            wrong = work.faults(name, done)
            if done.code not in (codes if name != "batch" else (*codes, 7)):
                wrong.append(f"exit code {done.code}: {done.err[-300:]}")
            yield from (f"ffmpeg that {kind}, {name}: {fault}" for fault in wrong)


def _program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def main(arguments: list[str]) -> int:
    """The run from the shell; exit code 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signals", type=int, default=50, help="for each of four commands")
    parser.add_argument("--only", default="", help="disk, signals, outputs or ffmpeg")
    asked = parser.parse_args(arguments)
    rng, count, findings = random.Random(asked.seed), Counter(), []
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder) / "disk") as disk:
        place = Path(folder)
        (place / "inputs").mkdir()
        (disk / "out").mkdir()
        work = Work(place / "inputs", disk / "out", disk / "cache")
        runs = {
            "disk": lambda: full_disks(work, disk, count),
            "signals": lambda: signals(work, rng, asked.signals, count),
            "outputs": lambda: outputs(work, count),
            "ffmpeg": lambda: fakes(work, place, count),
        }
        for name, run in runs.items():
            if asked.only in ("", name):
                for finding in run():
                    findings.append(finding)
                    print(finding, flush=True)
                print(name, dict(count), flush=True)
    points = ", ".join(key for key in count if "points" in key)
    did = f"disk full from each of {count['disk']} write points on; {count['signals']} signals; "
    did += f"{count['outputs']} closed or full outputs; {count['ffmpeg']} runs with an ffmpeg that is missing, fails or lies"
    print(did, points, f"{len(findings)} findings", sep="\n")
    if not asked.only:
        command = (
            f"`python -m tests.robustness faults --seed {asked.seed} --signals {asked.signals}`"
        )
        write_run("faults", command, did, f"{len(findings)} findings")
    return bool(findings)
