"""docs/robustness.md from a run of its tests and from the figures of the long runs.

A row of cases.tsv is: number, case, what happens, exit code, tests below tests/ as FILE::NAME (without test_; * is all of a file).
A row of runs.tsv is: the run, its command, what it did in figures, what it found.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TABLE = HERE / "cases.tsv"
RUNS = HERE / "runs.tsv"
PAGE = ROOT / "docs" / "robustness.md"
HEAD = """# What happens with bad input

The 77 cases in which a tool for dubbing is given something bad or is disturbed: what happens, the exit code, and the tests that show it.
`python -m tests.robustness` runs these tests and writes this page; it is written only when all of them pass. In every case inputs and
earlier outputs stay as they were, and no traceback is shown. The long runs at the end have commands of their own.
"""
RUNS_HEAD = """
## Long runs

Each command does the run again and writes its row. The machine was busy with other work all the while, which is why the runs are shorter than they are meant to be.

| run | command | did | found |
|--|--|--|--|"""


class Case(NamedTuple):
    """A row of the table; of a heading only `title` is set."""

    number: int
    title: str
    outcome: str = ""
    code: str = ""
    tests: tuple[str, ...] = ()


def cases() -> list[Case]:
    """The rows of cases.tsv; a heading has the number 0."""
    found = []
    for row in TABLE.read_text(encoding="utf-8").splitlines():
        number, *cells = row.split("\t")
        if number == "#":
            found.append(Case(0, cells[0]))
        else:
            found.append(Case(int(number), *cells[:3], tuple(cells[3].split())))
    return found


def node(test: str) -> str:
    """The name by which pytest knows a test of the table."""
    file, _, name = test.partition("::")
    return f"tests/{file}" if name == "*" else f"tests/{file}::test_{name}"


def page(passed: Counter[str]) -> str:
    """The document; `passed` counts the runs of every test of the table that passed."""
    rows = [HEAD]
    for case in cases():
        if not case.number:
            rows += [
                f"\n## {case.title}\n",
                "| | case | what happens | exit | tests |",
                "|--|--|--|--|--|",
            ]
            continue
        shown = ", ".join(f"`{node(t).removeprefix('tests/')}` ({passed[t]})" for t in case.tests)
        rows.append(f"| {case.number} | {case.title} | {case.outcome} | {case.code} | {shown} |")
    rows += [RUNS_HEAD, *(f"| {' | '.join(run)} |" for run in runs())]
    total = sum(passed[test] for test in {t for case in cases() for t in case.tests})
    rows.insert(
        1, f"\nBehind each test in brackets: how many of it ran and passed. {total} in all."
    )
    return "\n".join(rows) + "\n"


def counts(text: str) -> Counter[str]:
    """How many of every test passed, as a page says it."""
    found = dict(re.findall(r"`([\w/.:]+)` \((\d+)\)", text))
    return Counter({t: int(found.get(node(t).removeprefix("tests/"), 0)) for t in NODES})


def runs() -> list[list[str]]:
    """The rows of runs.tsv."""
    return [row.split("\t") for row in RUNS.read_text(encoding="utf-8").splitlines()]


def write_run(name: str, command: str, did: str, found: str) -> None:
    """The row of a long run, in its place in runs.tsv and on the page."""
    new = [name, command, did, found]
    rows = [new if row[0] == name else row for row in runs()]
    rows += [] if new in rows else [new]
    RUNS.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    PAGE.write_text(page(counts(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")


class Counting:
    """A plug-in that counts what passed and keeps what failed."""

    def __init__(self):
        self.passed, self.failed = Counter(), []

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "call" and report.passed:
            plain = report.nodeid.partition("[")[0]
            self.passed.update(
                t for t in NODES if plain == node(t) or plain.startswith(node(t) + "::")
            )


NODES = sorted({test for case in cases() for test in case.tests})


def write_page() -> int:
    """Run the tests; the page is written when all passed and none was left out."""
    counting = Counting()
    pytest.main([*map(node, NODES), "-q"], plugins=[counting])
    missing = [test for test in NODES if not counting.passed[test]]
    if counting.failed or missing:
        sys.stderr.write(f"not written; failed: {counting.failed}; without a pass: {missing}\n")
        return 1
    PAGE.write_text(page(counting.passed), encoding="utf-8")
    return 0
