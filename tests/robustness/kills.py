"""Batches killed with -9 at random times and resumed: whole files only, the bytes of an undisturbed run, no process left.

Of the kills, half take all processes at once (as when the power goes), a third the first process alone, the others one of those it started.
With `--signals` the first process is sent SIGINT or SIGTERM instead, and leaves no unfinished file and no trace.
"""

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.robustness.page import write_run
from tests.robustness.scene import VOICE, Started, digests, manifest, unfinished, words_of

GRACE = 120.0  # seconds in which what is left of a killed run must end by itself, on a busy machine
LIMIT = 900.0
KILLS = ("all", "all", "all", "first", "first", "one")
SIGNALS = {"SIGINT": 130, "SIGTERM": 143}
FAILED = "failed.jsonl"


@dataclass
class Tally:
    """What was done and found."""

    kills: Counter[str] = field(default_factory=Counter)
    campaigns: int = 0
    resumed: int = 0
    orphans: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    failed: set[str] = field(
        default_factory=set
    )  # batches, and errors of clips that one killed process cost
    slowest_end: float = 0.0

    @property
    def findings(self) -> list[str]:
        return self.orphans + self.partial + self.differing


class Batch:
    """One manifest, and what an undisturbed run makes of it."""

    def __init__(self, folder: Path, items: int, jobs: int, engine: str, ways: Sequence[str]):
        self.folder, self.jobs, self.engine, self.ways = folder, jobs, engine, ways
        self.items = items
        self.manifest = manifest(folder, items)
        began = time.monotonic()
        code, _, errors = self.start("expected").wait(LIMIT)
        if code:
            raise SystemExit(f"the undisturbed run failed ({code}): {errors}")
        self.seconds = time.monotonic() - began
        self.expected = digests(folder / "expected")

    def start(self, out: str) -> Started:
        line = ["dub", "--manifest", self.manifest, "--out-dir", self.folder / out, "--resume"]
        line += ["--ref", VOICE, "--jobs", self.jobs, "--engine", self.engine, "-q"]
        return Started(line, self.folder / f"cache-{out}", self.jobs)

    def check(self, out: str, tally: Tally, done: bool) -> None:
        """Every file under a final name is that of the undisturbed run; after the end all of them, and nothing else.

        Before, there may be the list of clips that failed: a killed ffmpeg is the end of its clip.
        """
        try:
            found = digests(self.folder / out)
        except ValueError as error:
            tally.partial.append(f"{out}: a record is cut: {error}")
            return
        if not done and found.pop(FAILED, None):
            rows = (self.folder / out / FAILED).read_text(encoding="utf-8").splitlines()
            tally.failed |= {f"{out}: {json.loads(row)['error']['message']}" for row in rows}
        for name, digest in found.items():
            if self.expected.get(name) != digest:
                (tally.differing if done else tally.partial).append(f"{out}: {name}")
        if done and (found != self.expected or unfinished(self.folder / out)):
            tally.differing.append(f"{out}: {sorted(found)}, {unfinished(self.folder / out)}")


def run(batch: Batch, count: int, rng: random.Random, tally: Tally, until: float) -> None:
    """Kill and resume until there are `count` kills (or the time is over), each campaign to its end."""
    while sum(tally.kills.values()) < count and time.monotonic() < until:
        tally.campaigns += 1
        out = f"out{tally.campaigns}"
        while True:
            started = batch.start(out)
            if sum(tally.kills.values()) < count and _killed(started, batch, out, rng, tally):
                batch.check(out, tally, done=False)
                tally.resumed += 1
                continue
            code, _, errors = started.wait(LIMIT)
            if code:
                tally.differing.append(f"{out}: exit code {code}: {errors}")
            _no_orphans(started, tally)
            batch.check(out, tally, done=True)
            break
        shutil.rmtree(batch.folder / out, ignore_errors=True)
        shutil.rmtree(batch.folder / f"cache-{out}", ignore_errors=True)
        print(
            f"{sum(tally.kills.values())} kills, {tally.campaigns} batches, {tally.findings}, failed: {tally.failed}"
        )


def _killed(started: Started, batch: Batch, out: str, rng: random.Random, tally: Tally) -> bool:
    """Whether it was still running at the chosen moment; then something of it was killed, and it ended.

    The moment is while it starts, or a little after some number of names (of unfinished files too) have appeared in its folder, so
    that the kills are spread over the work however busy the machine is.
    """
    how, names = rng.choice(batch.ways), rng.randrange(-2, 4 * batch.items)
    until, pause = time.monotonic() + rng.uniform(0, batch.seconds), rng.uniform(0, 0.5)
    seen = before = set(_names(batch.folder / out))
    while started.child.poll() is None:
        if names < 0 and time.monotonic() > until:
            break
        seen = seen | set(_names(batch.folder / out))
        if 0 <= names < len(seen - before):
            time.sleep(pause)
            break
        time.sleep(0.01)
    if started.child.poll() is not None:
        return False
    if how in SIGNALS:
        tally.kills[how] += 1
        os.kill(started.child.pid, signal.Signals[how])
        code, _, errors = started.wait(LIMIT)
        _no_orphans(started, tally)
        if code not in (0, SIGNALS[how], -signal.Signals[how]) or "Traceback" in errors:
            tally.differing.append(f"{how}: exit code {code}: {errors}")
        if unfinished(batch.folder / out):
            tally.partial.append(f"{how}: {unfinished(batch.folder / out)} was left")
        return True
    there = started.left()
    if how == "one":
        others = [process for process in there if process != started.child.pid]
        victims = [rng.choice(others)] if others else [started.child.pid]
    else:
        victims = there if how == "all" else [started.child.pid]
    for process in victims:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    tally.kills[how] += 1
    if started.child.pid in victims:
        started.child.wait()
        began = time.monotonic()
        _no_orphans(started, tally)
        tally.slowest_end = max(tally.slowest_end, time.monotonic() - began)
        started.child.stdout.close()
        started.child.stderr.close()
        return True
    code, _, errors = started.wait(LIMIT)  # one process was lost: the batch goes on without it
    if code not in (0, 6, 7):
        tally.differing.append(f"a process killed: exit code {code}: {errors}")
    _no_orphans(started, tally)
    return True


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


def _no_orphans(started: Started, tally: Tally) -> None:
    for process in started.outlived(GRACE):
        tally.orphans.append(words_of(process))
        os.kill(process, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """The run from the shell; exit code 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness kills", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--items", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--engine", default="processes", choices=("processes", "ray"))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so long")
    parser.add_argument("--signals", action="store_true", help="SIGINT and SIGTERM, not -9")
    asked = parser.parse_args(arguments)
    ways = list(SIGNALS) if asked.signals else KILLS
    tally, until = Tally(), time.monotonic() + asked.seconds
    with tempfile.TemporaryDirectory() as folder:
        batch = Batch(Path(folder), asked.items, asked.jobs, asked.engine, ways)
        with suppress(KeyboardInterrupt):  # what is done is reported
            run(batch, asked.count, random.Random(asked.seed), tally, until)
    kills = ", ".join(f"{number} {how}" for how, number in sorted(tally.kills.items()))
    kind = "signals" if asked.signals else "kills"
    did = f"{sum(tally.kills.values())} {kind} ({kills}), each resumed; {tally.campaigns} batches of {asked.items}"
    did += f" clips, {len(tally.failed)} of which failed with a process of theirs until resumed; "
    did += f"what was left of a killed run ended within {tally.slowest_end:.1f} s"
    found = (
        f"{len(tally.differing)} differing files, {len(tally.partial)} truncated files under a final name, "
        f"{len(tally.orphans)} orphans"
    )
    command = f"`python -m tests.robustness kills --count {asked.count} --seed {asked.seed}"
    command += f" --jobs {asked.jobs} --items {asked.items} --engine {asked.engine}"
    command += f" --seconds {asked.seconds:.0f}" if asked.seconds < float("inf") else ""
    command += " --signals`" if asked.signals else "`"
    print(did, found, *tally.findings, *tally.failed, sep="\n")
    write_run(f"{'signals' if asked.signals else 'kill -9'}, {asked.engine}", command, did, found)
    return bool(tally.findings)
