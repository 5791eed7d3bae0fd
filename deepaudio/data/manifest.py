"""The manifest: one JSON object a line, the same for training and evaluation."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from deepaudio.errors import BACKSLASHES, InputError, UsageError, check_name

log = logging.getLogger(__name__)
T = TypeVar("T")
PATH_FIELDS = ("audio", "video", "reference", "reference_video")


@dataclass(frozen=True)
class Item:
    """One utterance or clip. Times in seconds; paths as strings, None where there is none.

    `audio` is the ground truth (a sound file, or a clip that carries it), `reference` the voice
    prompt, `label` the class or direction, `instruction` what the user asks of the gate, `emotion` how it is said. Whatever
    else a corpus knows (word times, captions) lies in `extra`.
    """

    id: str
    text: str | None = None
    audio: str | None = None
    video: str | None = None
    reference: str | None = None
    reference_text: str | None = None
    reference_video: str | None = None
    speaker: str | None = None
    prompt: str | None = None
    instruction: str | None = None
    label: str | None = None
    emotion: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id or "/" in self.id or "\\" in self.id or self.id in (".", ".."):
            raise InputError(
                "manifest.id",
                f"bad id {self.id!r}",
                hint="an id names a file: no slashes, not empty",
            )


NAMES = tuple(entry.name for entry in fields(Item))


def read_manifest(path: Path) -> list[Item]:
    """Items of a JSONL manifest; relative paths are taken from the manifest's folder.

    InputError (with the line) for a missing or empty file, what is not UTF-8 or JSON, unknown keys, values of another type, names that no file has, repeated ids.
    """
    path = Path(path)
    if not path.is_file():
        wrong = f"{path} is no regular file" if path.exists() else f"no such manifest: {path}"
        raise InputError("manifest.missing", wrong, hint="check the path")
    items: list[Item] = []
    seen: dict[str, int] = {}
    for number, row in json_lines(path):
        item = _parse(row, number, path)
        if item.id in seen:
            raise InputError(
                "manifest.repeated",
                f"{path.name}:{number}: id {item.id!r} repeats line {seen[item.id]}",
                hint="ids name the prediction files, so each must be unique",
                line=number,
            )
        seen[item.id] = number
        items.append(_resolved(item, path.parent))
    if not items:
        raise InputError(
            "manifest.empty", f"{path.name} holds no items", hint="one JSON object a line"
        )
    return items


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Number and value of each line of a JSONL file that is not blank. InputError, with the line, for one that is not UTF-8 or JSON."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            if text := line.decode("utf-8").strip():
                yield number, json.loads(text)
        except UnicodeDecodeError as error:
            message = f"{path.name}:{number}: not UTF-8 at byte {error.start} of the line"
            raise InputError("manifest.encoding", message, line=number) from error
        except (ValueError, RecursionError) as error:
            why = getattr(error, "msg", str(error))
            raise InputError(
                "manifest.json",
                f"{path.name}:{number}: not JSON ({why})",
                hint=BACKSLASHES if "escape" in why else "one JSON object a line",
                line=number,
            ) from error


def write_manifest(path: Path, items: Iterable[Item]) -> int:
    """Write items as JSONL, empty fields left out; the number written. InputError where there are none."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    # bytes of a file name that are no text are written as JSON writes them, \udcff
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            for item in items:
                row = {name: value for name, value in vars(item).items() if value not in (None, {})}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                count += 1
        if not count:
            raise InputError("manifest.empty", f"no items for {path.name}")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def parse_shard(text: str | None) -> tuple[int, int]:
    """Which part of a manifest, as `--shard` says it: `i/n`, counted from 1, as (index from 0, count). UsageError for anything else."""
    if text is None:
        return 0, 1
    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise UsageError("batch.shard", f"'{text}' is not I/N with I in 1..N", "e.g. --shard 1/4")
    return int(first) - 1, int(second)


def audio_of(item: Item) -> Path:
    """The file of an item's sound; InputError where it has none."""
    if not item.audio:
        raise InputError("manifest.incomplete", f"{item.id}: no audio", "is the manifest right?")
    return Path(item.audio)


def usable(
    items: Iterable[Item], make: Callable[[Item], T], some: bool = True
) -> Iterator[tuple[Item, T]]:
    """Items with what `make` gives of them; one that raises InputError is named in the log and left out.

    When nothing is left of `some` that there must be, the first error is raised.
    """
    first, count = None, 0
    for item in items:
        try:
            made = make(item)
        except InputError as error:
            log.warning("left out %s: %s", item.id, error.message.removeprefix(f"{item.id}: "))
            first = first or error
            continue
        count += 1
        yield item, made
    if first and some and not count:
        raise first


def mapped(items: Iterable[Item], path_map: dict[str, str]) -> Iterator[Item]:
    """Items whose paths that start with a key of `path_map` start with its value instead."""
    for item in items:
        changes = {}
        for name in PATH_FIELDS:
            value = getattr(item, name)
            for old, new in path_map.items():
                if value is not None and value.startswith(old):
                    changes[name] = new + value[len(old) :]
                    break
        yield replace(item, **changes)


def _parse(row: Any, number: int, path: Path) -> Item:
    if not isinstance(row, dict) or "id" not in row:
        raise InputError("manifest.id", f"{path.name}:{number}: no 'id'", line=number)
    unknown = sorted(set(row) - set(NAMES))
    if unknown:
        raise InputError(
            "manifest.key",
            f"{path.name}:{number}: unknown key {unknown[0]!r}",
            hint=f"known: {', '.join(NAMES)}; anything else goes into 'extra'",
            line=number,
        )
    row["id"] = str(row["id"])
    if isinstance(row.get("speaker"), int):
        row["speaker"] = str(row["speaker"])  # corpora number them
    for key, value in row.items():
        kind, word = (dict, "an object") if key == "extra" else (str, "text")
        if not isinstance(value, kind) and (value is not None or key == "extra"):
            message = f"{path.name}:{number}: '{key}' is not {word}"
            raise InputError("manifest.value", message, line=number)
        if key in ("id", *PATH_FIELDS) and value is not None:
            check_name(value, "manifest.path", f"{path.name}:{number}: '{key}'", line=number)
    return Item(**row)


def _resolved(item: Item, folder: Path) -> Item:
    changes = {}
    for name in PATH_FIELDS:
        value = getattr(item, name)
        if value is not None and not Path(value).is_absolute():
            changes[name] = str((folder / value).resolve())
    return replace(item, **changes)
