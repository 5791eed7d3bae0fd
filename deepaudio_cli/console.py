"""Where output goes: the result to stdout, all else to stderr; nothing that a user typed is ever markup."""

import json
import logging
import math
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from deepaudio.dubbing.jobs import Done

SCHEMA = 1
PLAIN_EVERY = 5.0  # seconds between progress lines where no bar can be drawn

ProgressCallback = Callable[[str, int, int], None]


def printable(text: object) -> str:
    """Text fit for a terminal: control, bidi and surrogate characters are shown escaped."""
    return "".join(
        c if unicodedata.category(c)[0] not in "CZ" or c == " " else _escaped(c) for c in str(text)
    )


def _escaped(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


class _PrintableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).split("\n")
        return "\n".join(printable(line) for line in lines)


class Console:
    """The two streams of one command."""

    def __init__(self, command: str, as_json: bool = False, verbose: int = 0, quiet: bool = False):
        self.command = command
        self.as_json = as_json
        self.verbose = verbose
        self.quiet = quiet
        self._above: Callable[[str], None] | None = None  # prints over a bar while one is drawn
        level = logging.ERROR if quiet else (logging.WARNING, logging.INFO)[verbose > 0]
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_PrintableFormatter("%(levelname)s: %(message)s"))
        logging.addLevelName(logging.WARNING, "warning")
        logging.addLevelName(logging.INFO, "info")
        logging.addLevelName(logging.ERROR, "error")
        logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)
        logging.getLogger("deepaudio").setLevel(logging.DEBUG if verbose > 1 else level)
        logging.captureWarnings(True)
        logging.raiseExceptions = False  # of a stderr that cannot be written
        logging.getLogger("py.warnings").setLevel(logging.DEBUG if verbose > 1 else logging.ERROR)

    @property
    def live(self) -> bool:
        """Whether a progress bar may be drawn."""
        dumb = os.environ.get("TERM") == "dumb" or "NO_COLOR" in os.environ
        return sys.stderr.isatty() and not (self.quiet or dumb)

    def say(self, text: str) -> None:
        """One line for the reader, on stderr."""
        if self._above:
            self._above(printable(text))
        elif not self.quiet:
            _tell(printable(text))

    def result(self, fields: dict[str, Any], *lines: object) -> None:
        """The result on stdout: one JSON object under `--json`, else `lines` as they are (paths, numbers)."""
        if self.as_json:
            _write(
                sys.stdout, dumps({"schema": SCHEMA, "ok": True, "command": self.command} | fields)
            )
        else:
            for line in lines:
                _write(sys.stdout, os.fspath(line) if isinstance(line, os.PathLike) else str(line))

    def row(self, fields: dict[str, Any]) -> None:
        """One of many results, on stdout as JSON whatever was asked for."""
        _write(sys.stdout, dumps({"schema": SCHEMA, "command": self.command} | fields))

    def finish(self, done: Done) -> None:
        """Warnings and summary on stderr, the result on stdout: the path, if it was written."""
        notices = done.notices
        for warning in notices.warnings:
            self.say(f"warning: {warning}")
        for line in (*(notices.notes if self.verbose else ()), *done.summary):
            self.say(line)
        more = {"warnings": notices.warnings, "notes": notices.notes}
        written = () if done.facts.get("dry_run") else (done.output,)
        self.result({"output": done.output} | done.facts | more, *written)

    @contextmanager
    def progress(self) -> Iterator[ProgressCallback | None]:
        """A callback `(what, done, total)` that draws a bar on a terminal, or a line now and then elsewhere."""
        if self.quiet:
            yield None
        elif self.live:
            with _bar() as (callback, above):
                self._above = above
                try:
                    yield callback
                finally:
                    self._above = None
        else:
            yield _plain()


def duration(seconds: float) -> str:
    """In words: 40 s, 12 min, 3 h 20 min, 2 d 4 h."""
    for larger, smaller, size in (("d", "h", 3600), ("h", "min", 60)):
        much = 24 if larger == "d" else 60
        count = round(seconds / size)
        if count >= much:
            rest = f" {count % much} {smaller}" if count % much else ""
            return f"{count // much} {larger}{rest}"
    return f"{round(seconds / 60)} min" if seconds >= 60 else f"{seconds:.0f} s"


def finite(value: float | None) -> float | None:
    """The number; None for one that JSON lacks."""
    return value if value is not None and math.isfinite(value) else None


def dumps(fields: dict[str, Any]) -> str:
    """JSON in one line; numbers that JSON lacks (NaN) are an error, paths and surrogates are written escaped."""
    return json.dumps(fields, default=os.fspath, allow_nan=False, ensure_ascii=True)


def error_json(command: str, error: dict[str, Any]) -> str:
    """The JSON form of a failed command."""
    return dumps({"schema": SCHEMA, "ok": False, "command": command, "error": error})


def _write(stream, text: str) -> None:
    data = (text + "\n").encode("utf-8", "surrogateescape")
    stream.flush()
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        stream.write(text + "\n")
    else:
        buffer.write(data)
    stream.flush()


def _tell(text: str) -> None:
    """A line on stderr; that it cannot be written (a full disk, nobody reads it) stops no work."""
    with suppress(OSError):
        _write(sys.stderr, text)


def _plain() -> ProgressCallback:
    last: dict[str, float] = {}

    def callback(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - last.setdefault(what, now) >= PLAIN_EVERY:
            last[what] = now
            _tell(printable(f"{what}: {done}/{total}"))

    return callback


@contextmanager
def _bar() -> Iterator[tuple[ProgressCallback, Callable[[str], None]]]:
    """A callback that draws the bar, and a way to print a line above it."""
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=RichConsole(stderr=True), transient=True) as bar:

        def callback(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(printable(what), total=total)
            bar.update(tasks[what], completed=done, total=total)

        def above(text: str) -> None:
            bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

        yield callback, above
