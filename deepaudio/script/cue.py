"""The one internal form of a script: lines that say what is spoken when, by whom."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from deepaudio.errors import InputError

MAX_TIME = 99 * 3600.0
MIN_LENGTH = 0.02
MAX_LINES = 20_000
MAX_CHARS_PER_LINE = 2_000
MAX_CHARS = 2_000_000
MAX_BYTES = 8_000_000


@dataclass(frozen=True)
class Line:
    """One utterance. Times are seconds in the clip, None where the script leaves them open."""

    id: str
    start: float | None
    end: float | None
    speaker: str | None
    text: str
    language: str | None = None
    speed: float = 1.0
    """Wanted pace relative to natural speech, 0.5 to 2."""
    dub: bool = True
    """False leaves the original sound in place of this line."""
    mood: str | None = None
    """How it is said, `angry` of `MARA (angry): ...`: a voice may have a recording for it."""
    row: int = field(default=0, compare=False)
    """Line of the file it came from, counted from 1."""

    def __post_init__(self):
        for name, value in (("start", self.start), ("end", self.end)):
            if value is not None and not (math.isfinite(value) and 0 <= value <= MAX_TIME):
                raise self.error("script.time", f"{name} is {value} s; times lie in 0 to 99 h")
        if self.end is not None and self.start is None:
            raise self.error("script.time", f"an end ({self.end:.3f} s) without a start")
        if None not in (self.start, self.end) and self.end < self.start + MIN_LENGTH:
            word = "before it starts" if self.end < self.start else "as soon as it starts"
            raise self.error(
                "script.time", f"ends at {self.end:.3f} s, {word} at {self.start:.3f} s"
            )
        if not 0.5 <= self.speed <= 2.0:
            raise self.error("script.speed", f"speed is {self.speed}; 0.5 to 2 is possible")
        if not self.text.strip():
            raise self.error("script.text", "no text")
        if len(self.text) > MAX_CHARS_PER_LINE:
            message = f"{len(self.text)} characters in one line; at most {MAX_CHARS_PER_LINE}"
            raise self.error("script.limits", message, "split it into sentences")

    @property
    def timed(self) -> bool:
        return self.start is not None

    def error(self, code: str, message: str, hint: str | None = None) -> InputError:
        """An InputError that names this line by its row and id."""
        place = f"line {self.row}, cue {self.id}" if self.row else f"cue {self.id}"
        return InputError(code, f"{place}: {message}", hint, line=self.row or None, cue=self.id)


@dataclass(frozen=True)
class Skipped:
    """Something in the file that is not spoken, and why."""

    row: int
    text: str
    reason: str


class Parsed(NamedTuple):
    """What a parser of one format found."""

    lines: list[Line]
    skipped: list[Skipped]
    warnings: list[str]


@dataclass(frozen=True)
class Script:
    """A script as read: lines in order, and all that the report should mention."""

    lines: tuple[Line, ...]
    encoding: str = "utf-8"
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[str, ...] = ()
    format: str = "text"

    @property
    def speakers(self) -> tuple[str, ...]:
        """Names in order of their first line."""
        return tuple(dict.fromkeys(line.speaker for line in self.lines if line.speaker))

    @property
    def timed(self) -> bool:
        """Every line has a start."""
        return all(line.timed for line in self.lines)
