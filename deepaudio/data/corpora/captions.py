"""Recordings with captions for stage 1 (section 4.2): AudioCaps, WavCaps, MusicCaps, TangoPromptBank, AF-AudioSet.

Each comes as a list of captions; the recordings are fetched apart, as WAV, FLAC and the like in folders of any depth. A
recording is found by its name, and what is gone by now is left out and counted.
"""

import csv
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from deepaudio.data.corpora import Corpus
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError

log = logging.getLogger(__name__)
SUFFIXES = frozenset([".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".webm"])
Names = Callable[[dict[str, Any]], Iterable[str]]


def audiocaps_names(row: dict[str, Any]) -> Iterable[str]:
    """The list (Kim et al. 2019) names clips of ten seconds; what they are called depends on who fetched them."""
    video, start = row["youtube_id"], int(float(row["start_time"]))
    yield from (f"{video}_{start}", f"{video}_{start:06d}", f"{video}_{start * 1000}")
    yield from (video, f"Y{video}", str(row["audiocap_id"]))


def wavcaps_names(row: dict[str, Any]) -> Iterable[str]:
    """`id` (Mei et al. 2023) is a number, or for AudioSet a file name that begins with Y."""
    yield (
        Path(str(row["id"])).stem if str(row["id"]).endswith((".wav", ".flac")) else str(row["id"])
    )


def musiccaps_names(row: dict[str, Any]) -> Iterable[str]:
    """The list (Agostinelli et al. 2023) has the YouTube id and the first and last second of a clip."""
    video, start, end = row["ytid"], int(float(row["start_s"])), int(float(row["end_s"]))
    yield from (f"{video}_{start}", f"{video}-[{start}-{end}]", f"[{video}]-[{start}-{end}]", video)


def prompt_bank_names(row: dict[str, Any]) -> Iterable[str]:
    """`location` (Ghosal et al. 2023) is the path of the recording."""
    yield Path(row["location"]).stem


def af_audioset_names(row: dict[str, Any]) -> Iterable[str]:
    """Kong et al. 2024 caption AudioSet by YouTube ids; a list may call the column id, youtube_id, ytid or location."""
    name = next(str(row[key]) for key in ("id", "youtube_id", "ytid", "location") if row.get(key))
    stem = Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name
    yield from (stem, f"Y{stem}")


def caption_items(index: Path, root: Path, names: Names) -> Iterator[Item]:
    """The captions of a list whose recordings are under `root`, as the prompts of items; several of one recording are several items.

    InputError for a list that is missing, broken or without captions, and for a folder without any of its recordings.
    """
    there = {path.stem: path for path in sorted(root.rglob("*")) if path.suffix.lower() in SUFFIXES}
    seen: dict[str, int] = {}
    gone = 0
    for number, row in enumerate(_rows(index), 1):
        try:
            caption = row.get("caption") or row["captions"]
            known = list(names(row))
        except (KeyError, StopIteration, TypeError, ValueError) as error:
            message = f"{index.name}: entry {number} lacks {error or 'a name'}"
            raise InputError("list.columns", message, "is it the list of this corpus?") from error
        place = next((there[name] for name in known if name in there), None)
        if place is None:
            gone += 1
            continue
        for text in [caption] if isinstance(caption, str) else caption:
            seen[place.stem] = seen.get(place.stem, 0) + 1
            again = f"-{seen[place.stem]}" if seen[place.stem] > 1 else ""
            yield Item(id=f"{place.stem}{again}", audio=str(place), prompt=" ".join(text.split()))
    if not seen:
        raise InputError("list.absent", f"none of the recordings of {index.name} is in {root}")
    if gone:
        log.warning("%s: %d recordings are not in %s and are left out", index.name, gone, root)


def _rows(index: Path) -> Iterator[dict[str, Any]]:
    """The entries of a CSV or TSV with a header, of JSON lines, or of a JSON with a list (perhaps under `data`)."""
    if not index.is_file():
        raise InputError("list.missing", f"no such list: {index}", hint="check the path")
    with index.open(newline="", encoding="utf-8-sig") as stream:
        try:
            if index.suffix in (".csv", ".tsv"):
                mark = "\t" if index.suffix == ".tsv" else ","
                yield from csv.DictReader(stream, delimiter=mark)
                return
            first = stream.readline()
            stream.seek(0)
            if _is_entry(first):
                yield from (json.loads(line) for line in stream if line.strip())
                return
            content = json.load(stream)
        except (ValueError, RecursionError, csv.Error) as error:
            raise InputError("list.broken", f"{index.name} cannot be read: {error}") from error
    rows = content.get("data") if isinstance(content, dict) and "data" in content else content
    if isinstance(rows, dict):  # of names to captions
        rows = [{"id": name, "caption": caption} for name, caption in rows.items()]
    yield from rows


def _is_entry(line: str) -> bool:
    """Whether a line alone is one entry of JSON lines."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and ("caption" in found or "captions" in found)


def _corpus(names: Names) -> Corpus:
    return Corpus(partial(caption_items, names=names), needs_list=True)


CORPORA = {
    "audiocaps": _corpus(audiocaps_names),
    "wavcaps": _corpus(wavcaps_names),
    "musiccaps": _corpus(musiccaps_names),
    "tango-promptbank": _corpus(prompt_bank_names),
    "af-audioset": _corpus(af_audioset_names),
}
