"""A plain folder of recordings: text in files beside them or in one CSV, speakers by subfolder."""

import csv
import logging
from collections.abc import Iterator
from pathlib import Path

from deepaudio.data.corpora import Corpus
from deepaudio.data.corpora.texts import read_rows, read_text
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError

log = logging.getLogger(__name__)
SUFFIXES = frozenset(
    [".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".aif", ".wma"]
)
FILE_COLUMNS, TEXT_COLUMNS = (
    ("file", "audio", "path", "filename", "id"),
    ("text", "transcript", "sentence"),
)
LIMIT = 1 << 16  # bytes of a text file


def folder_items(root: Path, index: Path | None = None) -> Iterator[Item]:
    """Every recording under `root`, by name; hidden files and folders are left out.

    The text is that of NAME.txt beside the recording, or of the CSV `index` (else `metadata.csv` in the folder, where there is
    one): columns with a header (file, text, perhaps speaker), or the rows `NAME|text` of LJSpeech. The speaker is that of the CSV, else
    the subfolder, else the folder. Recordings without text have none in the manifest.
    Raises InputError for a folder without recordings, for two recordings of one name, and for a CSV that cannot be read or belongs to other recordings.
    """
    recordings = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    if not recordings:
        known = " ".join(sorted(SUFFIXES))
        raise InputError("folder.empty", f"no recordings in {root}", f"looked for {known}")
    if index is None and (root / "metadata.csv").is_file():
        index = root / "metadata.csv"
    listed = {} if index is None else _listed(index)
    names = {path: path.relative_to(root).with_suffix("").as_posix() for path in recordings}
    ids: dict[str, Path] = {}
    for path, name in names.items():
        other = ids.setdefault(name.replace("/", "-"), path)
        if other != path:
            message = f"{other} and {path} would have one name"
            raise InputError("folder.repeated", message, "rename one, or take it away")
    keys = set(names.values()) | {path.stem for path in recordings}
    absent = [name for name in listed if name not in keys]
    if listed and len(absent) == len(listed):
        raise InputError("folder.absent", f"{index}: none of its recordings is in {root}")
    if absent:
        log.warning("%s: no recordings of %d rows, such as %s", index, len(absent), absent[0])
    for name, path in ids.items():
        text, speaker = listed.get(names[path]) or listed.get(path.stem) or (None, None)
        folder = path.parent.name if path.parent != root else root.resolve().name
        yield Item(
            id=name,
            text=text or _beside(path),
            audio=str(path),
            speaker=speaker or folder,
        )


def _beside(path: Path) -> str | None:
    place = path.with_suffix(".txt")
    if not place.is_file():
        return None
    if place.stat().st_size > LIMIT:
        raise InputError("folder.text", f"{place} is longer than {LIMIT} bytes")
    return " ".join(read_text(place).split()) or None


def _listed(index: Path) -> dict[str, tuple[str, str | None]]:
    """Name without suffix -> text and speaker."""
    if not index.is_file():
        raise InputError("folder.list", f"no such list: {index}")
    first = read_text(index).partition("\n")[0]
    mark = next((mark for mark in "|\t;," if mark in first), ",")
    quoting = csv.QUOTE_NONE if mark in "|\t" else csv.QUOTE_MINIMAL
    rows = [(number, row) for number, row in enumerate(read_rows(index, mark, quoting), 1) if row]
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    file_at = next((header.index(name) for name in FILE_COLUMNS if name in header), None)
    text_at = next((header.index(name) for name in TEXT_COLUMNS if name in header), None)
    speaker_at = header.index("speaker") if "speaker" in header else None
    if file_at is None or text_at is None:
        if mark != "|":
            hint = f"a header with {' or '.join(FILE_COLUMNS)} and {' or '.join(TEXT_COLUMNS)}, or rows NAME|text"
            raise InputError("folder.columns", f"{index}: no columns of files and texts", hint)
        file_at, text_at, speaker_at = 0, 1, None
    else:
        rows = rows[1:]
    found = {}
    for number, row in rows:
        if len(row) <= max(file_at, text_at):
            raise InputError("folder.row", f"{index}:{number}: {len(row)} columns", line=number)
        speaker = (
            row[speaker_at].strip() if speaker_at is not None and speaker_at < len(row) else ""
        )
        name = Path(row[file_at].strip())
        key = name.with_suffix("") if name.suffix.lower() in SUFFIXES else name
        found[key.as_posix()] = (" ".join(row[text_at].split()), speaker or None)
    return found


CORPORA = {"folder": Corpus(folder_items, takes_list=True)}
