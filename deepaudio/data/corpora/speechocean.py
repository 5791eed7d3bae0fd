"""speechocean762: 5,000 utterances of 250 talkers with exact transcripts, as published or as a flat folder with a list."""

import csv
from collections.abc import Iterator
from pathlib import Path

from deepaudio.data.corpora import Corpus
from deepaudio.data.corpora.texts import read_table, read_text
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError

SPLITS = ("train", "test")


def speechocean_items(root: Path) -> Iterator[Item]:
    """Utterances under `root`: train/ and test/ with wav.scp, text and utt2spk, or MANIFEST.tsv beside the sounds.

    Raises InputError for a folder that is neither, and for a sound without a transcript.
    """
    if (root / "MANIFEST.tsv").is_file():
        yield from _listed(root)
        return
    splits = [root / split for split in SPLITS if (root / split / "wav.scp").is_file()]
    if not splits:
        raise InputError(
            "speechocean.layout",
            f"neither MANIFEST.tsv nor train/wav.scp in {root}",
            hint="point to the unpacked corpus",
        )
    for split in splits:
        text, speakers = (_table(split / name) for name in ("text", "utt2spk"))
        for key, place in _table(split / "wav.scp").items():
            if key not in text:
                raise InputError("speechocean.text", f"no transcript of {key} in {split / 'text'}")
            yield Item(
                id=key,
                text=_sentence(text[key]),
                audio=str(root / place),
                speaker=speakers.get(key, Path(place).parent.name.removeprefix("SPEAKER")),
            )


def _listed(root: Path) -> Iterator[Item]:
    columns = ("file", "transcript", "speaker")
    for row in read_table(root / "MANIFEST.tsv", columns, csv.QUOTE_NONE):
        yield Item(
            id=Path(row["file"]).stem,
            text=_sentence(row["transcript"]),
            audio=str(root / row["file"]),
            speaker=row["speaker"],
        )


def _table(path: Path) -> dict[str, str]:
    """Key and the rest of each line; the columns of the corpus are parted by tabs or by spaces."""
    if not path.is_file():
        raise InputError("speechocean.layout", f"no {path}")
    rows = (line.split(maxsplit=1) for line in read_text(path).splitlines())
    return {row[0]: row[1].strip() for row in rows if len(row) == 2}


def _sentence(capitals: str) -> str:
    """Transcripts are in capitals, which would be spelled out: "MARK LIVED" -> "Mark lived."."""
    text = capitals.strip().lower()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


CORPORA = {"speechocean": Corpus(speechocean_items)}
