"""Run folders read back: what ran, how far it came, with which recipe, and its figures."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from deepaudio.errors import InputError
from deepaudio.training import saves
from deepaudio.training.changes import NOTES, differing, written_recipe
from deepaudio.training.recipe import Recipe, find_recipe, load, shipped_recipes
from deepaudio.training.watch import metrics
from deepaudio.training.watch.keeping import BEST

RECIPE = "recipe.json"


class Run(NamedTuple):
    """One run folder."""

    folder: Path
    recipe: Recipe
    name: str  # of the recipe, as it was called
    step: int
    hours: float
    saved: datetime
    calls: tuple[dict[str, Any], ...]
    rows: tuple[dict[str, Any], ...]

    def newest(self, figure: str) -> float | None:
        """The last value of a figure; None without one."""
        return next((row[figure] for row in reversed(self.rows) if figure in row), None)

    def best(self) -> tuple[int, float] | None:
        """Step and value of the lowest validation loss."""
        steps, values = self.curve("validation")
        return min(zip(steps, values, strict=True), key=lambda found: found[1], default=None)

    def curve(self, figure: str) -> tuple[list[int], list[float]]:
        """Steps and finite values of a figure."""
        found = [(row["step"], row[figure]) for row in self.rows if figure in row]
        found = [(step, value) for step, value in found if math.isfinite(value)]
        return [step for step, _ in found], [value for _, value in found]

    def changed(self) -> dict[str, tuple[Any, Any]]:
        """Keys that are another than in the shipped recipe of that name, with both values; empty for one of the user's."""
        if self.name not in shipped_recipes():
            return {}
        shipped = load(find_recipe(self.name))
        return differing(*(r.model_dump(mode="json") for r in (shipped, self.recipe)))

    def notes(self) -> list[dict[str, Any]]:
        """What was changed on the way, with --force-resume."""
        found = metrics.json_rows(self.folder / NOTES)
        return [row for row in found if isinstance(row.get("changed"), dict)]

    def kept(self) -> list[str]:
        """Folders of models, which `--preset` takes, beside the newest one."""
        names = [BEST, *(place.name for place in sorted(self.folder.glob("step-????????")))]
        return [name for name in names if (self.folder / name).is_dir()]


def read_run(folder: Path) -> Run:
    """The run in a folder. InputError where there is none."""
    recipe = written_recipe(folder)
    if recipe is None:
        message = f"no run of deepaudio train in {folder}"
        raise InputError("runs.none", message, "a run folder has a recipe.json", path=str(folder))
    calls = tuple(metrics.json_rows(folder / saves.CALLS))
    name = str(calls[-1].get("recipe", "")) if calls else ""
    at = datetime.fromtimestamp((folder / RECIPE).stat().st_mtime, timezone.utc)
    done = saves.written_progress(folder)
    return Run(folder, recipe, name, *done, at, calls, tuple(metrics.rows(folder)))


def find_runs(places: Iterable[Path]) -> list[Run]:
    """The runs at these places and in folders below them, the one saved last at the end. InputError for a place that is none."""
    found: dict[Path, Run] = {}
    for place in places:
        if not place.is_dir():
            raise InputError("runs.no_folder", f"no folder {place}", path=str(place))
        for file in sorted(
            [*place.glob(RECIPE), *place.glob(f"*/{RECIPE}"), *place.glob(f"*/*/{RECIPE}")]
        ):
            if written_recipe(file.parent) is not None:
                found[file.parent.resolve()] = read_run(file.parent)
    return sorted(found.values(), key=lambda run: run.saved)


def figures_of(runs: Sequence[Run]) -> list[str]:
    """All figures that any of the runs has, those of validation first."""
    names = dict.fromkeys(name for run in runs for row in run.rows for name in row)
    aside = {"step", "usual", "deviation", "spike"}
    known = [name for name in names if name not in aside]
    return sorted(known, key=lambda name: (not name.startswith("validation"), name != "loss"))
