"""What the user is told of one job: one collector, from which screen, record and report read."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Notices:
    """`warnings` are shown, `notes` with `-v`; the record holds both, and what was logged meanwhile."""

    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    """Warnings of the log while `listening`: the log has shown them already."""

    def warn(self, *texts: str) -> None:
        """Something that the user should look at."""
        self.warnings += texts

    def note(self, *texts: str) -> None:
        """Something that was done, for who asks."""
        self.notes += texts

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take in what `deepaudio` logs as a warning while the block runs."""
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda entry: self.logged.append(entry.getMessage())
        logger = logging.getLogger("deepaudio")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    def as_dict(self) -> dict[str, list[str]]:
        """For the record."""
        return {"warnings": [*self.warnings, *self.logged], "notes": list(self.notes)}
