"""The report of an evaluation: tables, what is not available, sounds to look at and listen to, every item's values."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from deepaudio.errors import DeepAudioError
from deepaudio.media.audio import read_native
from deepaudio.reports import plots, tables
from deepaudio.reports.page import Sounds, write_page

SHOWN_ITEMS = 4


def eval_report(
    path: os.PathLike,
    summary: Mapping[str, Any],
    rows: list[dict[str, Any]],
    truth: Mapping[str, Any],
) -> Path:
    """Write the report.

    `rows` are those of items.jsonl, `truth` maps item ids to the path of their real sound or None.
    """
    headings, cells = tables.grid(summary)
    shown = [name for name in truth][:SHOWN_ITEMS]
    places = [("ground truth", [truth[name] for name in shown])]
    for system in summary["systems"]:
        made = {row["id"]: row.get("output") for row in rows if row["system"] == system}
        if all(made.get(name) == truth[name] for name in shown):
            continue  # the truth as a row of the table is the first row here
        places.append((system, [made.get(name) for name in shown]))
    interval = summary["interval"]
    return write_page(
        path,
        "eval.html",
        title=f"Evaluation: {summary['task']}",
        task=summary["task"],
        items=summary["items"],
        interval=f"{interval['level']:.0%}, {interval['kind']}, {interval['draws']} draws",
        headings=headings,
        rows=cells,
        warnings=tables.notes(summary),
        shown=shown if summary["task"] != "mof" else [],
        grid=_grid(places) if summary["task"] != "mof" else [],
        details=[
            {
                "id": row["id"],
                "system": row["system"],
                "failed": row["failed"],
                "values": ", ".join(f"{k} {v:.3g}" for k, v in row["values"].items()),
                "heard": " | ".join(row["heard"].values()),
            }
            for row in rows
        ],
    )


def _grid(places: list[tuple[str, list[Any]]]) -> list[tuple[str, list[dict[str, Any] | None]]]:
    """Rows of small spectrograms with players; all tiles of a column span the same seconds, so that times line up."""
    sounds = [(name, [_sound(place) for place in row]) for name, row in places]
    columns = zip(*(row for _, row in sounds), strict=True)
    widths = [
        max((len(x) / rate for x, rate in filter(None, column)), default=0.0) for column in columns
    ]
    players = Sounds()

    def tile(sound: tuple[Tensor, int], seconds: float) -> dict[str, Any]:
        return {"picture": plots.tile(*sound, seconds), "sound": players.uri(*sound)}

    return [
        (name, [s and tile(s, seconds) for s, seconds in zip(row, widths, strict=True)])
        for name, row in sounds
    ]


def _sound(place: Any) -> tuple[Tensor, int] | None:
    """A sound file as [s] with its rate; None where it cannot be read (the table says why)."""
    if place is None:
        return None
    try:
        channels, rate = read_native(place)
    except DeepAudioError:
        return None
    return channels.mean(0), rate
