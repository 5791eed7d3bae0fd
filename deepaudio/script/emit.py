"""Scripts written out in the editable JSON form."""

import json
from collections.abc import Sequence
from dataclasses import replace

from deepaudio.script.cue import Line, Script
from deepaudio.script.formats.table import COLUMNS, SCHEMA


def to_json(script: Script | Sequence[Line], clip: str | None = None) -> str:
    """The script as JSON with every field of every line; `script.read` gives the same lines back."""
    lines = script.lines if isinstance(script, Script) else script
    document: dict[str, object] = {"schema": SCHEMA}
    if clip is not None:
        document["clip"] = clip
    document["lines"] = [
        {name: _rounded(getattr(line, name)) for name in COLUMNS} for line in lines
    ]
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def with_times(lines: Sequence[Line], times: Sequence[tuple[float, float]]) -> list[Line]:
    """The lines with the given (start, end) in place of their own."""
    return [
        replace(line, start=start, end=end) for line, (start, end) in zip(lines, times, strict=True)
    ]


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value
