"""Captions that roll and repeat: each phrase is kept once, from the moment it appears; what is dropped is listed."""

import re
import unicodedata

from deepaudio.script.cue import Skipped
from deepaudio.script.formats.rows import Cue

NEAR = 0.25
"""Seconds between two cues of which the second goes on showing what the first showed."""
_INLINE = re.compile(r"<\d[\d:.]{3,20}>|</?c[.\s>]")


def once(cues: list[Cue], texts: list[str], skipped: list[Skipped]) -> tuple[list[Cue], list[str]]:
    """Cues and texts (tags removed, rows apart) without what the cue before them already showed.

    A row that stays from the cue before is dropped; a row that grows word by word is kept once, from its first word to
    its last; a cue that shows nothing new is listed and lengthens the one it repeats.
    """
    steps = [_step(texts, cues, n) for n in range(len(cues))]
    grows = sum(kind == "grow" for kind, _ in steps)
    rolls = sum(kind in ("roll", "repeat") for kind, _ in steps)
    timed = any(_INLINE.search(cue.text) for cue in cues)
    growing = grows >= 2 or (grows and (timed or rolls))
    kept: list[tuple[Cue, str]] = []
    for cue, text, (kind, count) in zip(cues, texts, steps, strict=True):
        rows = _rows(text)
        if kind == "grow" and growing and kept:
            first, before = kept[-1]
            grown = "\n".join([*_rows(before)[:-1], *rows[count:]])
            kept[-1] = (first._replace(end=max(first.end, cue.end)), grown)
            skipped.append(
                Skipped(first.row, " / ".join(_rows(before))[:200], "shown again, longer")
            )
            continue
        if kind == "roll":
            skipped.append(Skipped(cue.row, " / ".join(rows[:count])[:200], "shown already"))
            kept.append((cue, "\n".join(rows[count:])))
            continue
        if kind == "repeat" and kept:
            skipped.append(Skipped(cue.row, " / ".join(rows)[:200], "shown already"))
            first, before = kept[-1]
            if _folded(before) == _folded(text):
                kept[-1] = (first._replace(end=max(first.end, cue.end)), before)
            continue
        kept.append((cue, text))
    return [cue for cue, _ in kept], [text for _, text in kept]


def _step(texts: list[str], cues: list[Cue], n: int) -> tuple[str, int]:
    """How cue n goes on from the one before: `new`, `repeat`, `roll` or `grow`, and how many of its rows are old."""
    if n == 0 or cues[n].speaker != cues[n - 1].speaker:
        return "new", 0
    gap = cues[n].start - cues[n - 1].end
    if not -60 < gap <= NEAR or cues[n].start < cues[n - 1].start:
        return "new", 0
    before, now = [[_folded(row) for row in _rows(text)] for text in (texts[n - 1], texts[n])]
    if not before or not now:
        return "new", 0
    for count in range(min(len(before), len(now)), 0, -1):
        if before[-count:] == now[:count] and any(now[:count]):
            if count == len(now):
                short = sum(len(row.split()) for row in now) < 2 and gap > 0.05
                return ("new", 0) if short else ("repeat", count)
            long = sum(len(row.split()) for row in now[:count]) > 1
            return ("roll", count) if long else ("new", 0)
    for count in range(min(len(before), len(now)), 0, -1):
        same = before[-count:-1] == now[: count - 1]
        if (
            same
            and before[-1]
            and now[count - 1].startswith(before[-1] + " ")
            and count == len(now)
        ):
            return "grow", count - 1
    return "new", 0


def _rows(text: str) -> list[str]:
    return [row.strip() for row in text.split("\n") if row.strip()]


def _folded(row: str) -> str:
    words = re.sub(r"[^\w' ]+", " ", unicodedata.normalize("NFKC", row).casefold())
    return " ".join(words.split()) or row.strip()
