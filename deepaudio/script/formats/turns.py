"""Several speakers in one cue: rows with a name, a dash or a chevron in front; each says its own words in its share of the time."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from deepaudio.script.speakers import split_name, without_mood

_CHEVRONS = re.compile(r"\s*(?:>\s?){2,4}|\s*»{1,2}(?=\s*\w)")
_ROW_CHEVRON = re.compile(r"^[ \t]*(?:>\s?){1,4}(?=\S)|^[ \t]*»{1,2}(?=\s*\w)", re.MULTILINE)
_DASH = re.compile(r"\s*[-‐‑‒–—―−]{1,2}(\s*)(?=[^\s\d-]|\s\d)")
_INNER_DASH = re.compile(r"(?<=[.!?…\"'”’])\s+[-‐‑–—]\s*(?=[A-Z\"“'¿¡])")
_INNER_NAME = re.compile(r"(?<=[.!?…\"'”’\])])\s+(?=[A-Z][A-Z .'’-]{1,30}[:：]\s)")
_GLUED = re.compile(r"([A-Z][A-Z .'’-]{1,31}):(?=[^\W\d_\"“'¿¡\[(]|[\"“'¿¡\[(])(?!//)")
_TURN = "\x1e"


class Turn(NamedTuple):
    """What one speaker says in a cue; None is a speaker who is not named."""

    speaker: str | None
    text: str
    mood: str | None = None


def named_rows(text: str) -> list[str]:
    """Rows of a cue as they may begin with a name: no dashes, no chevrons, nothing between name and colon."""
    rows = re.split("\n|" + _TURN, _marked(text))
    return [_bare(row) for row in rows if row.strip()]


def turns(text: str, names: Collection[str], speaker: str | None = None) -> list[Turn]:
    """The turns of a cue, in order. `names` are those accepted in the script; `speaker` comes with the cue."""
    made: list[Turn] = []
    current, mood, rows = speaker, None, []

    def close() -> None:
        words = "\n".join(rows).strip()
        if words:
            made.append(Turn(current, words, mood))
        rows.clear()

    for row, opens in _rows(text):
        bare, aside = _set_apart(row)
        name, rest = split_name(bare)
        known = name if name in names else None
        if known or opens:
            close()
            current = known or (speaker if not made else None)
            mood = aside if known else None
        rows.append(rest if known else bare if opens else row)
    close()
    return made


def _rows(text: str) -> Iterator[tuple[str, bool]]:
    """Rows, and whether each begins a turn by a dash or a chevron."""
    marked = _marked(text)
    rows = [row for row in marked.split("\n") if row.strip()]
    dashes = [bool(_DASH.match(row)) for row in rows]
    several = sum(dashes) > 1 or (len(dashes) > 1 and any(dashes[1:]) and _later_dash(rows))
    for row, dash in zip(rows, dashes, strict=True):
        if dash and several:
            row = _INNER_DASH.sub(_TURN, row)
        pieces = [piece for piece in row.split(_TURN)]
        for number, piece in enumerate(pieces):
            if piece.strip():
                yield piece.strip(), number > 0 or (dash and several)


def _later_dash(rows: list[str]) -> bool:
    """A dash on a later row alone begins another turn, unless it is a long one glued to its word: that goes on."""
    later = next(row for row in rows[1:] if _DASH.match(row)).strip()
    return later[0] in "-‐‑" or later[1:2].isspace()


def _marked(text: str) -> str:
    """Chevrons, and names behind the end of a sentence, as marks of a turn."""
    text = _ROW_CHEVRON.sub(_TURN, text)
    text = _CHEVRONS.sub(_TURN, text)
    rows = text.split("\n")
    if len(rows) == 1 and _DASH.match(rows[0].lstrip(_TURN)):
        text = _INNER_DASH.sub("\n- ", text)
    return _INNER_NAME.sub(_TURN, text)


def _bare(row: str) -> str:
    return _set_apart(row)[0]


def _set_apart(row: str) -> tuple[str, str | None]:
    """A row without its dash, and its aside; a name with an aside or glued to its words is set apart by a colon and a space."""
    row = re.sub(
        r"^\s*[-‐‑‒–—―−]{1,2}\s*(?=[^\s\d-])|^\s*[-–—]\s+(?=\d)", "", row.strip(" \t" + _TURN)
    )
    row = row.replace("：", ": ", 1) if re.match(r"[^\W\d_][\w .'’-]{0,31}：", row) else row
    row, aside = without_mood(row)
    glued = None if aside else _GLUED.match(row)
    return (f"{glued[1]}: {row[glued.end() :]}" if glued else row), aside


def shared(start: float, end: float, lengths: list[int]) -> list[tuple[float, float]]:
    """The time of a cue given to its turns by the length of their words."""
    total, clock, spans = sum(lengths), start, []
    for length in lengths:
        stop = clock + (end - start) * length / total
        spans.append((clock, stop))
        clock = stop
    if spans:
        spans[-1] = (spans[-1][0], end)
    return spans
