"""TTML by a bare expat parser: no entities, no document types, bounded depth."""

import re
from typing import NamedTuple
from xml.parsers import expat

from deepaudio.errors import InputError
from deepaudio.script.cue import MAX_LINES, Parsed
from deepaudio.script.formats import Format
from deepaudio.script.formats.rows import Cue
from deepaudio.script.formats.subtitles import spoken_lines

MAX_DEPTH = 64
MAX_ELEMENTS = 20 * MAX_LINES
_NUMBER = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_CLOCK = re.compile(r"(\d{2,3}):([0-5]\d):([0-5]\d)(?:(\.\d{1,9})|:(\d{1,4}))?")


class _Element(NamedTuple):
    name: str
    begin: float
    end: float | None
    agent: str | None


class _Rates:
    """Units of times that the root element sets."""

    def __init__(self) -> None:
        self.frame = 30.0
        self.tick = 1.0

    def read(self, attributes: dict[str, str], row: int) -> None:
        try:
            scale = (attributes.get("frameRateMultiplier") or "1 1").replace(":", " ").split()
            self.frame = float(attributes.get("frameRate", 30)) * float(scale[0]) / float(scale[-1])
            self.tick = float(
                attributes.get("tickRate", self.frame if "frameRate" in attributes else 1)
            )
        except (ValueError, ZeroDivisionError, IndexError) as error:
            raise InputError(
                "script.ttml", f"line {row}: frame or tick rate: {error}", line=row
            ) from error
        if not (0 < self.frame <= 1000 and 0 < self.tick <= 1e9):
            raise InputError("script.ttml", f"line {row}: impossible frame or tick rate", line=row)

    def seconds(self, text: str) -> float:
        """ValueError if it is not a time expression."""
        match = _NUMBER.fullmatch(text.strip())
        if match:
            units = {
                "h": 3600,
                "m": 60,
                "s": 1,
                "ms": 1e-3,
                "f": 1 / self.frame,
                "t": 1 / self.tick,
            }
            return float(match[1]) * units[match[2]]
        match = _CLOCK.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text.strip()[:40]!r} is not a TTML time")
        whole = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
        if match[5] and int(match[5]) >= self.frame:
            raise ValueError(f"{text.strip()!r} has more frames than a second")
        return whole + float(match[4] or 0) + int(match[5] or 0) / self.frame


class _Reader:
    """The state of one parse: open elements with their times, and the paragraph being read."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.parser.EntityDeclHandler = self.refuse
        self.rates = _Rates()
        self.open: list[_Element] = []
        self.agents: dict[str, str] = {}
        self.cues: list[Cue] = []
        self.parts: list[str] | None = None
        self.naming: str | None = None
        self.count = self.row = 0

    def refuse(self, *_) -> None:
        row = self.parser.CurrentLineNumber
        message = f"line {row}: document types and entities are refused"
        raise InputError("script.ttml", message, "remove the DOCTYPE", line=row)

    def start(self, name: str, given: dict[str, str]) -> None:
        name, row = _local(name), self.parser.CurrentLineNumber
        attributes = {_local(key): value for key, value in given.items()}
        self.count += 1
        if self.count == 1:
            if name != "tt":
                raise InputError(
                    "script.ttml", f"line {row}: not TTML: the root is {name!r}", line=row
                )
            self.rates.read(attributes, row)
        if len(self.open) >= MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise InputError(
                "script.limits", f"line {row}: nested too deep or too many elements", line=row
            )
        outer = self.open[-1] if self.open else _Element("", 0.0, None, None)
        try:
            begin = outer.begin + self.rates.seconds(attributes.get("begin", "0s"))
            end = outer.end
            if "end" in attributes:
                end = outer.begin + self.rates.seconds(attributes["end"])
            elif "dur" in attributes:
                end = begin + self.rates.seconds(attributes["dur"])
        except ValueError as error:
            message = f"line {row}, cue {len(self.cues) + 1}: {error}"
            raise InputError("script.time", message, line=row) from error
        self.open.append(_Element(name, begin, end, attributes.get("agent", outer.agent)))
        if name == "p":
            self.parts, self.row = [], row
        elif name == "br" and self.parts is not None:
            self.parts.append("\n")
        elif name == "agent":
            self.naming = attributes.get("id")

    def text(self, content: str) -> None:
        inside = self.open[-1].name if self.open else ""
        if self.parts is not None and inside in ("p", "span"):
            self.parts.append(content.replace("\n", " "))
        elif self.naming and inside == "name":
            self.agents[self.naming] = self.agents.get(self.naming, "") + content.strip()

    def end(self, name: str) -> None:
        element = self.open.pop()
        if element.name == "agent":
            self.naming = None
        if element.name != "p" or self.parts is None:
            return
        text = "".join(self.parts).strip()
        self.parts = None
        number = len(self.cues) + 1
        if not text:
            return
        if element.end is None:
            message = f"line {self.row}, cue {number}: no end"
            raise InputError("script.time", message, line=self.row)
        if number > MAX_LINES:
            raise InputError("script.limits", f"more than {MAX_LINES} cues")
        agent = self.agents.get(element.agent or "") or None
        self.cues.append(Cue(self.row, str(number), element.begin, element.end, agent, text))


def parse_ttml(text: str, *, known=(), speak_sdh: bool = False) -> Parsed:
    """Lines of a TTML or DFXP document: paragraphs with times of their own or of what they lie in."""
    reader = _Reader()
    text = re.sub(
        r"\A\s*<\?xml[^>]*\?>", "", text
    )  # its encoding was settled when the bytes were decoded
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        message = f"line {error.lineno}: {expat.errors.messages[error.code]}"
        raise InputError("script.ttml", message, line=error.lineno) from error
    return Parsed(*spoken_lines(reader.cues, known, speak_sdh))


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


FORMATS = {"ttml": Format("TTML subtitles", (".ttml", ".dfxp", ".xml"), parse_ttml)}
