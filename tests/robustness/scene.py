"""Short clips, a manifest of them, and the tool started on it as a process that can be disturbed."""

import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from deepaudio.dubbing.record import SUFFIX
from deepaudio.media import ffmpeg
from deepaudio.media.output import _UNFINISHED

ROOT = Path(__file__).resolve().parents[2]
VOICE = ROOT / "examples" / "voice.wav"
MARK = "ROBUSTNESS_RUN"  # in the environment of all that a run starts, by which what is left of it is found
WORDS = ("We leave.", "It rains.", "Who is there?", "Not now.", "I see it.", "Come in.")
LAUNCH = (  # as the console script, with workers as asked for on a machine with fewer cores
    "from deepaudio.dubbing.engines import processes\n"
    "processes.usable_cores = lambda: max(2, {jobs})\n"
    "from deepaudio_cli.main import run\n"
    "run({arguments!r})\n"
)


def clip(path: Path, seconds: float = 0.8, sound: bool = True) -> Path:
    """A small clip with a tone."""
    line = [ffmpeg.executable(), "-nostdin", "-v", "error", "-y"]
    line += ["-f", "lavfi", "-i", f"testsrc2=duration={seconds}:size=96x64:rate=25"]
    if sound:
        line += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}:sample_rate=48000"]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run([*line, *codecs, str(path)], check=True)
    return path


def manifest(folder: Path, items: int) -> Path:
    """A batch of as many short clips, each with words of its own."""
    rows = []
    for number in range(items):
        name = clip(folder / f"{number}.mp4", 0.6 + 0.1 * (number % 4), number % 2 == 0).name
        rows.append({"clip": name, "text": WORDS[number % len(WORDS)], "seed": number})
    path = folder / "jobs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Started:
    """The tool in a process of its own; `left` are the processes that it started and that still run."""

    def __init__(self, arguments: list[object], cache: Path, jobs: int = 1, **environment: str):
        self.mark = uuid.uuid4().hex
        code = LAUNCH.format(jobs=jobs, arguments=[str(a) for a in arguments])
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DEEPAUDIO_")}
        env = kept | {MARK: self.mark, "DEEPAUDIO_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
        env |= {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(cache)} | environment
        self.child = subprocess.Popen(
            [sys.executable, "-c", code],
            env=env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def wait(self, timeout: float) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        out, err = self.child.communicate(timeout=timeout)
        return self.child.returncode, out.decode(), err.decode()

    def left(self) -> list[int]:
        """Process ids, its own included, of all that runs with its mark."""
        found, mark = [], f"{MARK}={self.mark}".encode()
        for place in Path("/proc").glob("[0-9]*"):
            try:
                here = mark in (place / "environ").read_bytes().split(b"\0")
                alive = (place / "cmdline").read_bytes()  # empty of one that is about to be gone
            except OSError:
                continue
            if here and alive:
                found.append(int(place.name))
        return found

    def outlived(self, seconds: float) -> list[int]:
        """What still runs after so long."""
        until = time.monotonic() + seconds
        while (there := self.left()) and time.monotonic() < until:
            time.sleep(0.1)
        return there


def words_of(process: int) -> str:
    """The command line of a process, for a finding."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    except OSError:
        return "gone"


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every output by its name; records are only read, for they hold times. ValueError for one that is not whole."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if _UNFINISHED.match(path.name):
            continue
        if path.name.endswith(SUFFIX):
            json.loads(path.read_text(encoding="utf-8"))
        else:
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def unfinished(folder: Path) -> list[str]:
    """Names of temporary files."""
    return [p.name for p in folder.rglob("*") if _UNFINISHED.match(p.name)]
