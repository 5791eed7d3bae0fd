"""HTML reports of a dub and of an evaluation: one self-contained file, everything escaped.

Nothing in a report runs or is fetched: the content security policy allows inline style, images
as data URIs and, for a dub, the finished video beside the file.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment
from torch import Tensor

from deepaudio.errors import DeepAudioError
from deepaudio.media.audio import read_native
from deepaudio.media.output import write_bytes
from deepaudio.reports import plots as figures
from deepaudio.reports import tables

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>{{ title }}</title>
<style>
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{border-bottom:1px solid #ddd;padding:.25rem .6rem;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%;display:block}video{max-width:100%}
.warn{color:#944}small{color:#666}
</style></head><body>
<h1>{{ title }}</h1>
"""

_DUB = (
    _HEAD
    + """{% if media %}<video controls preload="metadata" src="{{ media }}"></video>{% endif %}
{% if warnings %}<ul class="warn">{% for w in warnings %}<li>{{ w }}</li>{% endfor %}</ul>{% endif %}
<h2>Energy</h2><p>What the video asked for, and what was spoken; lines in grey.</p>
<img alt="energy contours" src="{{ energy }}">
<h2>Spectrogram</h2><img alt="spectrogram" src="{{ spectrogram }}">
<h2>Lines</h2><p>Slots from {{ rule }}.</p>
<table><tr><th>line</th><th>speaker</th><th>text</th><th>slot (s)</th><th>spoken (s)</th><th>pace</th><th>LUFS</th></tr>
{% for line in lines %}<tr><td>{{ line.id }}</td><td>{{ line.speaker or "" }}</td><td>{{ line.text }}</td>
<td class="n">{{ line.slot_start }} to {{ line.slot_end }}</td><td class="n">{{ line.start }} to {{ line.end }}</td>
<td class="n">{{ line.speed }}</td><td class="n">{{ "" if line.lufs is none else line.lufs }}</td></tr>{% endfor %}</table>
{% for heading, rows in sections %}<h2>{{ heading }}</h2>
<table>{% for key, value in rows %}<tr><th>{{ key }}</th><td>{{ value }}</td></tr>{% endfor %}</table>{% endfor %}
</body></html>
"""
)

_EVAL = (
    _HEAD
    + """<p>Task {{ task }}, {{ items }} items. Intervals: {{ interval }}. Judges are named in the headings.</p>
<table><tr>{% for h in headings %}<th>{{ h }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td{% if not loop.first %} class="n"{% endif %}>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>
{% if notes %}<h2>Not available, and failed</h2><ul class="warn">{% for n in notes %}<li>{{ n }}</li>{% endfor %}</ul>{% endif %}
{% if shown %}<h2>Spectrograms</h2><table><tr><th></th>{% for name in shown %}<th>{{ name }}</th>{% endfor %}</tr>
{% for system, tiles in grid %}<tr><th>{{ system }}</th>{% for tile in tiles %}<td>{% if tile %}<img alt="spectrogram" src="{{ tile }}">{% else %}n/a{% endif %}</td>{% endfor %}</tr>{% endfor %}</table>{% endif %}
{% if details %}<h2>Items</h2><table><tr><th>item</th><th>system</th><th>values</th><th>heard</th></tr>
{% for d in details %}<tr><td>{{ d.id }}</td><td>{{ d.system }}</td><td>{{ d.failed or d["values"] }}</td><td>{{ d.heard }}</td></tr>{% endfor %}</table>{% endif %}
</body></html>
"""
)

_ENVIRONMENT = Environment(autoescape=True)
SHOWN_ITEMS = 4


def dub_report(
    path: os.PathLike,
    facts: Mapping[str, Any],
    waveform: Tensor,
    sample_rate: int,
    energy: Tensor | None,
    media: Path | None = None,
) -> Path:
    """Write the report of one dub.

    `facts` is the record written beside the output (lines, loudness, warnings, rule, ...), `waveform`
    [s] the generated speech, `energy` [n] the contour of the video, `media` the finished file.
    """
    lines = list(facts.get("lines", ()))
    slots = [(line["start"], line["end"], str(line["id"])) for line in lines]
    contours = [] if energy is None else [("asked for by the video", energy)]
    contours.append(("spoken", figures.contour_of(waveform, sample_rate)))
    sections = [
        (name, [(key, _shown(value)) for key, value in facts[name].items()])
        for name in ("loudness", "clip", "weights", "seconds", "versions")
        if isinstance(facts.get(name), Mapping)
    ]
    text = _ENVIRONMENT.from_string(_DUB).render(
        title=f"Dub of {_file_name(facts)}",
        media=_relative(media, Path(path)),
        warnings=facts.get("warnings", ()),
        energy=figures.energies(contours, slots),
        spectrogram=figures.spectrogram(waveform, sample_rate, slots),
        rule=facts.get("rule", "the script"),
        lines=[{"lufs": None, "speaker": None, **line} for line in lines],
        sections=sections,
    )
    return write_bytes(path, text.encode("utf-8", "replace"))


def eval_report(
    path: os.PathLike,
    summary: Mapping[str, Any],
    rows: list[dict[str, Any]],
    truth: Mapping[str, Any],
) -> Path:
    """Write the report of an evaluation: table, reasons, spectrogram rows, every item's values.

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
    text = _ENVIRONMENT.from_string(_EVAL).render(
        title=f"Evaluation: {summary['task']}",
        task=summary["task"],
        items=summary["items"],
        interval=f"{interval['level']:.0%}, {interval['kind']}, {interval['draws']} draws",
        headings=headings,
        rows=cells,
        notes=tables.notes(summary),
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
    return write_bytes(path, text.encode("utf-8", "replace"))


def _grid(places: list[tuple[str, list[Any]]]) -> list[tuple[str, list[str | None]]]:
    """Rows of small spectrograms; all tiles of a column span the same seconds, so that times line up."""
    sounds = [(name, [_sound(place) for place in row]) for name, row in places]
    columns = zip(*(row for _, row in sounds), strict=True)
    widths = [
        max((len(x) / rate for x, rate in filter(None, column)), default=0.0) for column in columns
    ]
    return [
        (
            name,
            [
                None if sound is None else figures.tile(*sound, seconds)
                for sound, seconds in zip(row, widths, strict=True)
            ],
        )
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


def _file_name(facts: Mapping[str, Any]) -> str:
    clip = facts.get("clip")
    return os.path.basename(str(clip["file"])) if isinstance(clip, Mapping) else "a clip"


def _relative(media: Path | None, report: Path) -> str | None:
    """The finished file as the report's neighbour; elsewhere it is not linked."""
    if media is None or media.absolute().parent != report.absolute().parent:
        return None
    return "./" + quote(media.name)


def _shown(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
