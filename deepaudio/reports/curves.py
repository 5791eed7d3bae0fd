"""The curves of a run: validation rows over the hours that it took."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

TITLES = {
    "flow": "flow loss, held-out talkers",
    "wer": "WER",
    "similarity": "similarity",
    "nearest": "right voice nearest",
    "mos": "DNSMOS",
}


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
    path.parent.mkdir(parents=True, exist_ok=True)
    svg = path.suffix == ".svg"
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "curves"}):
        figure.savefig(path, metadata={"Date": None} if svg else None)
