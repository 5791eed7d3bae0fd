"""VGGSound: the official list without a header, or lists of ids YOUTUBE_SECONDS with labels; clips ID.mp4 in one folder."""

from pathlib import Path

from deepaudio.data.corpora import Corpus
from deepaudio.data.corpora.texts import read_rows
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError

PARTS = ("train", "test")
COLUMNS = ("id", "file", "video_id")  # of the clip's name, in lists with a header


def vggsound_items(
    index: Path, clips: Path, present_only: bool = False, part: str | None = None
) -> list[Item]:
    """Rows of a list as clips with their label as the prompt.

    The official `vggsound.csv` (Chen et al. 2020) has no header: YouTube id, second at which the clip starts, label, train or test;
    its clips are ID_SECONDS.mp4 with six digits, and `part` takes one of `PARTS`. Other lists name their columns: id (or file,
    video_id) and label (or caption), separated by tabs in a tsv.
    `present_only` leaves out ids whose clip is gone (videos disappear); else each is reported when
    it is missed. InputError for a missing list, one without a column of ids, or a part that it does not know.
    """
    if not index.is_file():
        raise InputError("list.missing", f"no such list: {index}", hint="check the path")
    table = read_rows(index, "\t" if index.suffix == ".tsv" else ",")
    official = bool(table) and len(table[0]) == 4 and table[0][1].isdecimal()
    if part is not None and (not official or part not in PARTS):
        known = f"known: {', '.join(PARTS)}" if official else "the official vggsound.csv has parts"
        raise InputError("part.unknown", f"{index.name} has no part '{part}'", hint=known)
    rows = _official(index, table, part) if official else _named(index, table)
    return [
        Item(id=name, video=str(clip), audio=str(clip), prompt=label, label=label)
        for name, label in rows
        for clip in [clips / f"{name}.mp4"]
        if not present_only or clip.is_file()
    ]


def _official(index: Path, table: list[list[str]], part: str | None) -> list[tuple[str, str]]:
    rows = []
    for number, row in enumerate(table, 1):
        if len(row) != 4 or not row[1].isdecimal() or row[3] not in PARTS:
            message = f"{index.name}:{number}: not an id, a second, a label, and train or test"
            raise InputError("list.row", message, line=number)
        if part in (None, row[3]):
            rows.append((f"{row[0]}_{int(row[1]):06d}", row[2]))
    return rows


def _named(index: Path, table: list[list[str]]) -> list[tuple[str, str | None]]:
    header = table[0] if table else []
    column = next((name for name in COLUMNS if name in header), None)
    if column is None:
        raise InputError("list.columns", f"{index.name} has no column id, file or video_id")
    rows = [dict(zip(header, row, strict=False)) for row in table[1:] if row]
    if not all(column in row for row in rows):
        raise InputError("list.row", f"{index.name} has a row without {column}")
    return [(row[column], row.get("label") or row.get("caption")) for row in rows]


CORPORA = {"vggsound": Corpus(vggsound_items, needs_list=True, parts=PARTS)}
