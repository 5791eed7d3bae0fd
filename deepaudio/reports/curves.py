"""Curves: validation rows of a run over the hours that it took, and figures of several runs side by side."""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.figure import Figure

from deepaudio.reports.plots import plain

FEW = 30  # points of a curve that are marked one by one
ROWS = 18  # of a panel in the terminal
MARKERS = ("braille", "x", "o", "+", "*")
TITLES = {
    "flow": "flow loss, held-out talkers",
    "wer": "WER",
    "similarity": "similarity",
    "nearest": "right voice nearest",
    "mos": "DNSMOS",
}


class Curve(NamedTuple):
    """Values of a run over its steps."""

    label: str
    steps: Sequence[int]
    values: Sequence[float]


def plot(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """One panel a figure, over core-hours; the file's suffix says what kind of file.

    A row at hour 0 is what the run is compared with, drawn across its panel.
    """
    figure = Figure(figsize=(12, 2.6), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(1, len(TITLES)), TITLES.items(), strict=True):
        known = [row for row in rows if name in row]
        run = sorted((row["hours"], row[name]) for row in known if row["hours"] > 0)
        axes.plot([hours for hours, _ in run], [value for _, value in run], marker=".")
        for row in known:
            if not row["hours"] and name != "flow":
                axes.axhline(row[name], color="0.6", linewidth=0.8, linestyle="--")
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("core-hours", fontsize=8)
        axes.tick_params(labelsize=8)
    _write(figure, path)


def compare(curves: Mapping[str, Sequence[Curve]], path: Path) -> None:
    """One panel for each figure with a curve for each run that has it, over steps."""
    size = (4.4 * min(len(curves), 3), 3.2 * math.ceil(len(curves) / 3))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(math.ceil(len(curves) / 3), min(len(curves), 3), squeeze=False)
    for axes in panels.flat[len(curves) :]:
        axes.set_axis_off()
    for axes, (name, lines) in zip(panels.flat, curves.items(), strict=False):
        for label, steps, values in lines:
            marker = "." if len(steps) < FEW else None
            axes.plot(steps, values, label=plain(label), linewidth=1, marker=marker)
        axes.set_title(plain(name), fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
    panels.flat[0].legend(fontsize=7)
    _write(figure, path)


def in_terminal(curves: Mapping[str, Sequence[Curve]], width: int) -> str:
    """The same as text, one panel under the other."""
    import plotext

    panels = []
    for name, lines in curves.items():
        plotext.clear_figure()
        plotext.theme("clear")
        plotext.plotsize(width, ROWS)
        plotext.title(name)
        for (label, steps, values), marker in zip(lines, cycle(MARKERS)):
            plotext.plot(list(steps), list(values), label=label, marker=marker)
        panels.append(plotext.uncolorize(plotext.build()))
    return "\n\n".join(panels)


def _write(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    svg = path.suffix == ".svg"
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "curves"}):
        figure.savefig(path, metadata={"Date": None} if svg else None)
