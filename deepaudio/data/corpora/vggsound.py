"""VGGSound test ids: YOUTUBE_SECONDS with a label, clips ID.mp4 in one folder."""

import csv
from pathlib import Path

from deepaudio.data.manifest import Item
from deepaudio.errors import InputError


def vggsound_items(index: Path, clips: Path, present_only: bool = False) -> list[Item]:
    """Rows of a tsv (id, label) or csv (file or id, ...) as clips with their label as the prompt.

    `present_only` leaves out ids whose clip is gone (videos disappear); else each is reported when
    it is missed. InputError for a missing list or one without a column of ids.
    """
    if not index.is_file():
        raise InputError("list.missing", f"no such list: {index}", hint="check the path")
    items = []
    delimiter = "\t" if index.suffix == ".tsv" else ","
    with index.open(newline="", encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter=delimiter)
        column = next((c for c in ("id", "file", "video_id") if c in (rows.fieldnames or ())), None)
        if column is None:
            raise InputError("list.columns", f"{index.name} has no column id, file or video_id")
        for row in rows:
            clip = clips / f"{row[column]}.mp4"
            if present_only and not clip.is_file():
                continue
            label = row.get("label") or row.get("caption")
            items.append(
                Item(id=row[column], video=str(clip), audio=str(clip), prompt=label, label=label)
            )
    return items
