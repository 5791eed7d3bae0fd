"""Systems under evaluation: a folder of predictions, the truth, the truth of another item."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deepaudio.data.manifest import Item
from deepaudio.errors import InputError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".mp4", ".mkv", ".mov", ".webm")


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
        index = self.place / "directions.jsonl"
        if not index.is_file():
            return None
        rows = (json.loads(line) for line in index.read_text().splitlines() if line.strip())
        return next((row["direction"] for row in rows if str(row["id"]) == item.id), None)

    def reason(self, item: Item) -> str:
        """What `failures.json` of the folder says, if it is there."""
        place = self.place / "failures.json"
        known = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
        return known.get(
            item.id, f"no prediction: no {item.id}.wav (or .flac, .mp4, ...) in the folder"
        )


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
