"""Systems under evaluation: a folder of predictions, the truth, the truth of another item."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from deepaudio.data.manifest import Item, json_lines
from deepaudio.errors import InputError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".mp4", ".mkv", ".mov", ".webm")
DIRECTIONS, FAILURES = "directions.jsonl", "failures.json"


class System(Protocol):
    """A named row of the table."""

    name: str

    def output(self, item: Item) -> Path | None:
        """The sound (or clip with sound) this system made for the item; None where there is none."""
        ...

    def direction(self, item: Item) -> str | None:
        """Where this system routes the item's instruction (task mof)."""
        ...

    def reason(self, item: Item) -> str:
        """Why there is no output."""
        ...


@dataclass(frozen=True)
class Folder:
    """Predictions of any system: files named by the items' ids, or `directions.jsonl` for mof."""

    name: str
    place: Path

    def output(self, item: Item) -> Path | None:
        """The first file ID.wav, ID.flac, ... in the folder."""
        candidates = (self.place / f"{item.id}{suffix}" for suffix in SUFFIXES)
        return next((path for path in candidates if path.is_file()), None)

    def direction(self, item: Item) -> str | None:
        """The row of `directions.jsonl` ({"id": ..., "direction": ...}) of this item."""
        return (self._directions or {}).get(item.id)

    def reason(self, item: Item) -> str:
        """What `failures.json` of the folder says, if it is there."""
        wanted = f"no prediction: no {item.id}.wav (or .flac, .mp4, ...) in the folder"
        if self._directions is not None:
            wanted = f"no prediction: no row in {DIRECTIONS}"
        return str(self._failures.get(item.id, wanted))

    @cached_property
    def _directions(self) -> dict[str, str] | None:
        """By id; None without the file. InputError, with the line, for a row that is none."""
        index = self.place / DIRECTIONS
        if not index.is_file():
            return None
        found: dict[str, str] = {}
        for number, row in json_lines(index):
            if not isinstance(row, dict) or "id" not in row or "direction" not in row:
                message = f"{index}:{number}: not a row with 'id' and 'direction'"
                raise InputError("predictions.row", message, line=number)
            found.setdefault(str(row["id"]), row["direction"])
        return found

    @cached_property
    def _failures(self) -> dict[str, str]:
        place = self.place / FAILURES
        try:
            found = json.loads(place.read_bytes()) if place.is_file() else {}
            if isinstance(found, dict):
                return found
        except (ValueError, RecursionError):
            pass
        raise InputError("predictions.failures", f"{place}: not a JSON object of reasons by id")


@dataclass(frozen=True)
class Truth:
    """The ground truth as a row: what the metrics say of the real thing."""

    name: str = "ground truth"

    def output(self, item: Item) -> Path | None:
        """The item's own audio."""
        return Path(item.audio) if item.audio else None

    def direction(self, item: Item) -> str | None:
        """The item's label."""
        return item.label

    def reason(self, item: Item) -> str:
        """The manifest names no audio."""
        return "the item has no audio"


class Shuffled:
    """The baseline of chance: every item is answered with the truth of another one."""

    name = "unrelated"

    def __init__(self, items: list[Item]):
        if len(items) < 2:
            raise InputError("baseline.items", "the unrelated baseline needs two items")
        shift = len(items) // 2
        self._other = {a.id: b for a, b in zip(items, items[shift:] + items[:shift], strict=True)}

    def output(self, item: Item) -> Path | None:
        """The audio of the item half a manifest away."""
        return Truth().output(self._other[item.id])

    def direction(self, item: Item) -> str | None:
        """The label of the item half a manifest away."""
        return self._other[item.id].label

    def reason(self, item: Item) -> str:
        """The other item names no audio."""
        return f"the other item, {self._other[item.id].id}, has no audio"


def folder_system(spec: str) -> Folder:
    """`DIR` or `NAME=DIR` as a system; InputError where there is no such folder."""
    name, _, place = spec.rpartition("=")
    path = Path(place)
    if not path.is_dir():
        raise InputError(
            "predictions.missing", f"no such folder: {place}", hint="--predictions DIR"
        )
    return Folder(name or path.name, path)
