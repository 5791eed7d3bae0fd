"""Fuzzing against the clock: mutated scripts, voices, references, clips, manifests and JSON jobs; no crash, no hang, nothing read or asked for outside.

The cases run in a process of their own, which is watched and started again behind a case that kills it or takes too long.
"""

import argparse
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.robustness.page import write_run
from tests.robustness.scene import ROOT

CPU_LIMIT = 60.0  # seconds of a processor that a case may take
WALL_LIMIT = 900.0  # of the clock, on a machine that is busy
FRESH = 2000  # cases after which a new process is begun


class Watched:
    """A process that does the cases from `first` on."""

    def __init__(self, folder: Path, seed: int, first: int, last: int):
        line = [sys.executable, "-m", "tests.robustness.fuzz_cases", str(folder)]
        self.child = subprocess.Popen(
            [*line, str(seed), str(first), str(last)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.rest = b""

    def line(self) -> dict | None:
        """The next line; None when the process ended. TimeoutError when it stands still."""
        began, spent = time.monotonic(), self._spent()
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.child.stdout], [], [], 1.0)
            if ready:
                more = os.read(self.child.stdout.fileno(), 1 << 16)
                if not more:
                    return None
                self.rest += more
            elif self._spent() - spent > CPU_LIMIT or time.monotonic() - began > WALL_LIMIT:
                raise TimeoutError
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def _spent(self) -> float:
        """Processor seconds, of ended children too."""
        try:
            fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> int:
        self.child.kill()
        return self.child.wait()


def fuzz(folder: Path, seed: int, seconds: float, first: int = 0) -> tuple[Counter, list[str], int]:
    """Cases by kind and outcome until the time is over, the findings, and the number after the last case."""
    until, number = time.monotonic() + seconds, first
    outcomes, findings = Counter(), []
    while time.monotonic() < until:
        watched, kind, last = (
            Watched(folder, seed, number, number + FRESH - 1),
            "start",
            number + FRESH,
        )
        try:
            while time.monotonic() < until and (row := watched.line()) is not None:
                kind = row["kind"]
                if "begin" in row:
                    number = row["begin"]
                    continue
                number = row["end"] + 1
                outcomes[kind, row["outcome"].partition(":")[0]] += 1
                if row["finding"]:
                    findings.append(f"case {row['end']} ({kind}): {row['finding']}")
                    print(findings[-1], flush=True)
            if time.monotonic() < until and number < last:
                findings.append(f"case {number} ({kind}): the process died ({watched.end()})")
                print(findings[-1], flush=True)
                number += 1
        except TimeoutError:
            findings.append(f"case {number} ({kind}): hangs")
            print(findings[-1], flush=True)
            number += 1
        finally:
            watched.end()
    return outcomes, findings, number


def main(arguments: list[str]) -> int:
    """The run from the shell; exit code 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcomes, findings, number = fuzz(Path(folder), asked.seed, asked.seconds, asked.first)
    kinds = Counter()
    for (kind, outcome), count in sorted(outcomes.items(), key=lambda pair: -pair[1]):
        kinds[kind] += count
        print(f"{count:7d} {kind:10s} {outcome}")
    fine = sum(count for (_, outcome), count in outcomes.items() if "." not in outcome)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    did = f"cases {asked.first} to {number - 1} in {asked.seconds:.0f} s: {counts}; {fine} ended well, the others in an error that is meant"
    command = f"`python -m tests.robustness fuzz --seconds {asked.seconds:.0f} --seed {asked.seed}`"
    write_run("fuzzing", command, did, f"{len(findings)} findings")
    print(did, *findings, sep="\n")
    return bool(findings)
