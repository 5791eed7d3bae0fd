"""Emilia (He et al. 2024), the speech of stage 2: the folder of a language, as its tars unpack or with a list for each batch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepaudio.data.corpora import Corpus
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError


def emilia_items(root: Path) -> Iterator[Item]:
    """Utterances under `root` (EN, ZH, or a part), one after another: nothing is kept, there are millions.

    Either NAME.json beside NAME.mp3, as the tars of the hub hold them, or EN_B00000.jsonl whose `wav` is a path from its own
    folder. Each has id, wav, text, speaker, language, and as `extra` duration in seconds and DNSMOS. InputError for a folder with
    neither, and for a broken entry.
    """
    lists = sorted(root.rglob("*.jsonl"))
    count = 0
    for index in lists:
        with index.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    row = _parsed(line, f"{index.name}:{number}")
                    count += 1
                    yield _item(row, index.parent / row["wav"], f"{index.name}:{number}")
    if not lists:
        for place in _walked(root):
            count += 1
            row = _parsed(place.read_bytes(), place.name)
            yield _item(row, place.with_suffix(".mp3"), place.name)
    if not count:
        hint = "unpack the tars: NAME.mp3 and NAME.json lie side by side"
        raise InputError("emilia.layout", f"no NAME.json and no NAME.jsonl under {root}", hint)


def _walked(folder: Path) -> Iterator[Path]:
    """The entries of each folder in order of name, folder after folder."""
    inside = sorted(folder.iterdir())
    yield from (path for path in inside if path.suffix == ".json")
    for path in inside:
        if path.is_dir():
            yield from _walked(path)


def _parsed(text: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
        if isinstance(row, dict) and all(isinstance(row.get(key), str) for key in ("wav", "text")):
            return row
    except (ValueError, RecursionError):
        pass
    raise InputError("emilia.entry", f"{where}: not an entry with wav and text")


def _item(row: dict[str, Any], audio: Path, where: str) -> Item:
    name = row.get("id") or row.get("_id") or audio.stem
    extra = {key: row[key] for key in ("language", "duration", "dnsmos") if key in row}
    text = " ".join(row["text"].split())
    return Item(id=name, text=text, audio=str(audio), speaker=row.get("speaker"), extra=extra)


CORPORA = {"emilia": Corpus(emilia_items)}
