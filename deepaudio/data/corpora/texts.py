"""Transcripts and lists of corpora: text in UTF-8, with or without a byte order mark."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from deepaudio.errors import InputError


def read_text(path: Path) -> str:
    """The text of a file. InputError, with the file, for one that is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("list.encoding", f"{path}: not UTF-8 at byte {error.start}") from error


def read_rows(path: Path, mark: str, quoting: int = csv.QUOTE_MINIMAL) -> list[list[str]]:
    """The rows of a table whose columns are parted by `mark`; one that is blank is empty. InputError for what is no table."""
    lines = io.StringIO(read_text(path), newline="")
    try:
        return list(csv.reader(lines, delimiter=mark, quoting=quoting))
    except csv.Error as error:
        raise InputError("list.broken", f"{path} cannot be read: {error}") from error


def read_table(
    path: Path, columns: Sequence[str], quoting: int = csv.QUOTE_MINIMAL
) -> list[dict[str, str]]:
    """The rows of a TSV by the names in its header, blank ones left out. InputError for a list, or a row, that lacks one of `columns`."""
    header, *rows = read_rows(path, "\t", quoting) or [[]]
    if absent := [name for name in columns if name not in header]:
        raise InputError("list.columns", f"{path} has no column {absent[0]}")
    for number, row in enumerate(rows, 2):
        if 0 < len(row) < len(header):
            message = f"{path}: row {number} has {len(row)} columns, not {len(header)}"
            raise InputError("list.row", message, line=number)
    return [dict(zip(header, row, strict=False)) for row in rows if row]
