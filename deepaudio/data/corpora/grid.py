"""GRID corpus: clips of one talker, exact text, word times; and the fixed held-out tenth."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from deepaudio.data.corpora import Corpus
from deepaudio.data.corpora.texts import read_table, read_text
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError

# One unit of an .align file is one sample at 25 kHz, the rate of the original GRID audio.
ALIGN_RATE = 25_000


class Word(NamedTuple):
    """One aligned word: seconds from the start of the clip."""

    start: float
    end: float
    text: str


def grid_held_out(stem: str) -> bool:
    """Whether the clip `stem` (e.g. "bbaf2n") belongs to the tenth that no training may see."""
    return zlib.crc32(stem.encode()) % 10 == 0


def read_align(path: Path) -> list[Word]:
    """Words with their times, silences ("sil", "sp") left out. InputError for a malformed file."""
    words = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 3 or not (parts[0].isdecimal() and parts[1].isdecimal()):
            raise InputError(
                "align.malformed",
                f"{path.name}: expected 'start end word', got {line!r}",
                hint="GRID .align files have three columns",
                line=number,
            )
        start, end, text = int(parts[0]) / ALIGN_RATE, int(parts[1]) / ALIGN_RATE, parts[2]
        if text not in ("sil", "sp"):
            words.append(Word(start, end, text))
    return words


def speech_span(words: list[Word]) -> tuple[float, float]:
    """Start of the first and end of the last word, in seconds."""
    if not words:
        raise InputError("align.empty", "the alignment holds no words")
    return words[0].start, words[-1].end


def grid_items(root: Path, held_out: bool | None = None) -> Iterator[Item]:
    """Rows of a folder with MANIFEST.tsv (file, transcript), clips/ and align/.

    held_out True gives the fixed held-out tenth, False the rest, None all.
    """
    index = root / "MANIFEST.tsv"
    if not index.is_file():
        raise InputError(
            "grid.missing", f"no MANIFEST.tsv in {root}", hint="point to a GRID folder"
        )
    for row in read_table(index, ("file", "transcript")):
        clip = root / row["file"]
        if held_out is not None and grid_held_out(clip.stem) is not held_out:
            continue
        align = root / "align" / f"{clip.stem}.align"
        words = read_align(align) if align.is_file() else []
        extra = {}
        if words:
            start, end = speech_span(words)
            extra = {"start": start, "end": end, "words": [list(word) for word in words]}
        yield Item(
            id=clip.stem,
            text=row["transcript"],
            video=str(clip),
            audio=str(clip),
            speaker=root.name,
            extra=extra,
        )


CORPORA = {
    "grid": Corpus(grid_items),
    "grid-held-out": Corpus(lambda root: grid_items(root, held_out=True)),
}
