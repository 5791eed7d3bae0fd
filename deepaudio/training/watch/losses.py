"""Losses between two lines, and those that stand out."""

from collections import deque
from collections.abc import Mapping
from statistics import fmean, pstdev
from typing import NamedTuple

WINDOW = 200  # updates that say what is usual
AT_LEAST = 50
DEVIATIONS = 6.0


class Usual(NamedTuple):
    """Mean and deviation of the losses before the one that stands out."""

    mean: float
    deviation: float


class Losses:
    """Means since the last line; one loss counts as a spike where it lies six deviations above the 200 before it."""

    def __init__(self) -> None:
        self.recent: deque[float] = deque(maxlen=WINDOW)
        self.rows: list[dict[str, float]] = []

    def add(self, loss: float, parts: Mapping[str, float]) -> Usual | None:
        """Count an update in; what was usual until then if its loss stands out."""
        usual = None
        if len(self.recent) >= AT_LEAST:
            usual = Usual(fmean(self.recent), pstdev(self.recent))
        self.recent.append(loss)
        self.rows.append({"loss": loss, **parts})
        if usual and loss > usual.mean + DEVIATIONS * usual.deviation:
            return usual
        return None

    def taken(self) -> dict[str, float]:
        """Means over the updates since the last call, of each part over those that had it."""
        rows, self.rows = self.rows, []
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: fmean(row[name] for row in rows if name in row) for name in names}
