"""How fast it is, in one table: `make bench-speed`.

    python -m benchmarks.speed [--only start dub batch f5 mmaudio synchformer] [--repeat 3] [--upstream DIR] [--before DIR]

Every row is the best of some runs, which alternate with those that it is compared with, so that other work on the machine
meets both. Wall time shows what a user waits for; processor time holds on a busy machine too. `--upstream` names a folder with
clones of MMAudio and F5-TTS (what they import must be installed): they run beside ours on the same random weights, after their outputs were
compared. Networks have the official sizes and one thread a core that the process may use. `--before` names a checkout of another commit:
its commands take turns with ours.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks import beside
from deepaudio.devices import fast_bfloat16, usable_cores
from deepaudio.flow.guidance import guided
from deepaudio.media import ffmpeg
from deepaudio.upstream import kinds

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
CLIP_SECONDS, GRID_SECONDS, GRID_CLIPS, WARM_RUNS = 8.6, 3.0, 6, 6
PARTS = ("start", "dub", "batch", "f5", "mmaudio", "synchformer")
WORDS = "We should leave before it rains."
T = torch.tensor(0.3)
WARM = """
import json, os, shutil, sys, time
import deepaudio
clip, script, voice, folder, count = sys.argv[1:]
model, took = deepaudio.load("mini"), []
for number in range(int(count)):
    copy = shutil.copy(clip, f"{folder}/{number}.mp4")
    given = {"transcript": open(script).read(), "reference": voice}
    start, used = time.monotonic(), sum(os.times()[:4])
    result = model.generate("dub the speaker", video=copy, **given)
    deepaudio.mux(copy, result.waveform, result.sample_rate, f"{folder}/{number}.dub.mp4")
    took.append((time.monotonic() - start, sum(os.times()[:4]) - used))
    os.remove(f"{folder}/{number}.dub.mp4")
print(json.dumps(took))
"""


class Took(NamedTuple):
    """Seconds of one run: until it was done, and of all processors, those of its processes included."""

    wall: float
    processor: float


class Row(NamedTuple):
    """One line of the table; `ratios` of wall and processor time to what `against` names."""

    work: str
    took: Took
    against: str = ""
    ratios: tuple[float, float] | None = None

    def text(self) -> str:
        """In Markdown."""
        ratio = f"{self.ratios[0]:.2f} ({self.ratios[1]:.2f}) {self.against}" if self.ratios else ""
        return f"| {self.work} | {self.took.wall:.2f} | {self.took.processor:.2f} | {ratio} |"


def best(repeat: int, works: dict[str, Callable[[], object]]) -> dict[str, Took]:
    """The shortest of `repeat` alternating runs of each work."""
    found: dict[str, list[Took]] = {name: [] for name in works}
    for _ in range(repeat):
        for name, work in works.items():
            start, used = time.monotonic(), sum(os.times()[:4])
            work()
            found[name].append(Took(time.monotonic() - start, sum(os.times()[:4]) - used))
    return {name: least(every) for name, every in found.items()}


def least(every: Iterable[Took]) -> Took:
    """The shortest wall and the shortest processor time."""
    return Took(*map(min, zip(*every, strict=True)))


def compared(work: str, took: Took, against: str, other: Took) -> Row:
    """A row with the ratio of two works."""
    return Row(work, took, against, (took.wall / other.wall, took.processor / other.processor))


def said(tree: Path, *arguments: object) -> str:
    """What Python prints in a process of its own with the package of a checkout; its last errors are shown when it fails."""
    line = [sys.executable, *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(tree)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    done = subprocess.run(line, capture_output=True, text=True, cwd=tree, env=env)
    if done.returncode:
        raise SystemExit(f"{' '.join(line)}: {done.stderr[-1000:]}")
    return done.stdout


def runs(trees: dict[str, Path], name: str, *arguments: object) -> dict[str, Callable]:
    """A run of Python with each checkout, under its name."""
    return {name + label: partial(said, tree, *arguments) for label, tree in trees.items()}


def start(folder: Path, repeat: int, trees: dict[str, Path]) -> list[Row]:
    """A short sentence from a cold process, against the import of torch."""
    words = ("tts", "--text", "Good morning.", "--ref", EXAMPLES / "voice.wav", "--force")
    work = "`deepaudio tts`, a short sentence, cold"
    tts = runs(trees, work, "-m", "deepaudio_cli", *words, "-o", folder / "said.wav")
    took = best(repeat, {"torch": partial(said, ROOT, "-c", "import torch"), **tts})
    torch_alone = Row("`import torch`, cold", took["torch"])
    return [torch_alone, *(compared(name, took[name], "of it", took["torch"]) for name in tts)]


def dub(folder: Path, repeat: int, trees: dict[str, Path]) -> list[Row]:
    """The example from a cold process and from a warm one, which sees each copy of the clip for the first time."""
    example = (EXAMPLES / "clip.mp4", EXAMPLES / "lines.txt", EXAMPLES / "voice.wav")
    clip, script, voice = example
    given = (clip, "--script", script, "--ref", voice, "--no-cache", "--force")
    work = "`deepaudio dub` of the example, 8.6 s, cold"
    cold = runs(trees, work, "-m", "deepaudio_cli", "dub", *given, "-o", folder / "cold.mp4")
    took = best(repeat, cold)
    warm: dict[str, list[Took]] = {}
    for _ in range(repeat):
        for label, tree in trees.items():
            name = f"the same by `DeepAudio.generate` and `mux`, warm{label}"
            times = json.loads(said(tree, "-c", WARM, *example, folder, WARM_RUNS))
            warm.setdefault(name, []).extend(Took(*each) for each in times[1:])
    took |= {name: least(every) for name, every in warm.items()}
    real = Took(CLIP_SECONDS, CLIP_SECONDS)
    return [compared(name, each, "of real time", real) for name, each in took.items()]


def batch(folder: Path, repeat: int, trees: dict[str, Path]) -> list[Row]:
    """Six clips of three seconds, one process and as many as the tool takes; clips a minute and core."""
    rows = []
    for number in range(GRID_CLIPS):
        name = folder / f"grid{number}.mp4"
        cut = ["-ss", str(number * 0.4), "-i", str(EXAMPLES / "clip.mp4"), "-t", str(GRID_SECONDS)]
        subprocess.run([ffmpeg.executable(), "-v", "error", "-y", *cut, str(name)], check=True)
        rows.append({"clip": str(name), "text": f"{WORDS} {number}"})
    manifest = folder / "grid.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = ("-m", "deepaudio_cli", "dub", "--manifest", manifest, "--out-dir", folder / "grid")
    line = (*line, "--ref", EXAMPLES / "voice.wav", "--no-cache", "--loudness", "off")
    line = (*line, "-q", "--force")
    jobs = sorted({1, usable_cores()})
    works: dict[str, Callable] = {}
    for n in jobs:
        works |= runs(trees, f"{GRID_CLIPS} clips of 3 s, `--jobs {n}`", *line, "--jobs", n)
    took = best(repeat, works)
    return [
        Row(f"{name}: {60 * GRID_CLIPS / each.processor:.1f} clips a minute and core", each)
        for name, each in took.items()
    ]


def precisions() -> list[torch.dtype]:
    """Those that this processor computes in."""
    return [torch.float32, *([torch.bfloat16] if fast_bfloat16() else [])]


def table_of(work: str, repeat: int, theirs: object, ours: Callable) -> list[Row]:
    """Rows of one network in each precision; `ours` and `theirs.step` give the work of a precision."""
    rows: list[Row] = []
    full: Took | None = None
    for dtype in precisions():
        name = f"{work}, {str(dtype).removeprefix('torch.')}"
        works = {"ours": ours(dtype)}
        if theirs is not None:
            works["theirs"] = theirs.step(dtype)
        with torch.inference_mode():
            for run in works.values():
                run()
            took = best(repeat, works)
        if theirs is not None:
            rows.append(Row(f"{name}, upstream", took["theirs"]))
            rows.append(compared(f"{name}, ours", took["ours"], "of upstream", took["theirs"]))
        elif full:
            rows.append(compared(name, took["ours"], "of float32", full))
        else:
            rows.append(Row(name, took["ours"]))
        full = full or took["ours"]
    return rows


def random(kind: str, sizes: object = None) -> torch.nn.Module:
    """A network of the official size whose weights all matter."""
    entry = kinds.find(kind)
    torch.manual_seed(0)
    network = entry.build(entry.config(sizes)).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter += 0.02 * torch.randn_like(parameter)
    return network


def f5(theirs: beside.F5 | None, repeat: int) -> list[Row]:
    """One guided step of F5-TTS."""
    network = theirs.ours if theirs else random("f5-v0")
    given = beside.F5.inputs()

    def ours(dtype: torch.dtype) -> Callable[[], object]:
        network.to(dtype)
        cond = network.encode(cond=given["cond"].to(dtype), text=given["text"])
        null = network.null(cond)
        return lambda: guided(network, cond, null, beside.SCALE, dtype)(given["x"], T)

    return table_of("F5-TTS, guided step, 940 frames", repeat, theirs, ours)


def mmaudio(theirs: beside.MMAudio | None, repeat: int) -> list[Row]:
    """One guided step of MMAudio."""
    network = theirs.ours if theirs else random("mmaudio", "small_16k")
    given = beside.MMAudio.inputs()

    def ours(dtype: torch.dtype) -> Callable[[], object]:
        network.to(dtype)
        cond = network.encode(*(given[name].to(dtype) for name in ("clip", "sync", "words")))
        null = network.null(cond)
        return lambda: guided(network, cond, null, beside.SCALE, dtype)(given["x"], T)

    return table_of("MMAudio small, guided step, 8 s", repeat, theirs, ours)


def synchformer(theirs: beside.Synchformer | None, repeat: int) -> list[Row]:
    """Two segments."""
    network = theirs.ours if theirs else random("synchformer")
    frames = beside.Synchformer.inputs()["frames"]

    def ours(dtype: torch.dtype) -> Callable[[], object]:
        network.to(dtype)
        return lambda: network.segments(frames.to(dtype))

    return table_of("Synchformer, two segments", repeat, theirs, ours)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--upstream", type=Path, help="folder with clones of MMAudio and F5-TTS")
    parser.add_argument("--before", type=Path, help="a checkout of another commit, beside this one")
    asked = parser.parse_args()
    trees = {"": ROOT, **({", before": asked.before.resolve()} if asked.before else {})}
    torch.set_num_threads(usable_cores())
    whole = {"start": start, "dub": dub, "batch": batch}
    networks = {"f5": f5, "mmaudio": mmaudio, "synchformer": synchformer}
    print(f"{usable_cores()} cores, load {os.getloadavg()[0]:.1f} before, best of {asked.repeat}\n")
    print(
        "| work | seconds | of processors | ratio of seconds (of processors) |\n|---|---|---|---|"
    )
    for part in asked.only:
        with tempfile.TemporaryDirectory() as folder:
            if part in whole:
                rows = whole[part](Path(folder), asked.repeat, trees)
            else:
                theirs = beside.opened(part, asked.upstream) if asked.upstream else None
                rows = networks[part](theirs, asked.repeat)
        for row in rows:
            print(row.text(), flush=True)


if __name__ == "__main__":
    main()
