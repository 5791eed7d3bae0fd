"""Metrics: one file each, features in and numbers out.

A metric is a file that exports `NEEDS` (names of features), `BETTER` ("lower" or "higher") and
`compute(**features)`. The first word of a feature says whose it is: output, target, reference or
video; `text`, `label` and such come from the manifest. Optional exports: `PER` ("item", the
default: one number an item, averaged; "set": every feature is a list over all items), `TASKS`,
`TITLE`, `SCALE` (100 for percent), `SILENT` (the value of an output without any sound).
"""

from collections.abc import Callable
from dataclasses import dataclass

from deepaudio import discover
from deepaudio.errors import InputError

ROOM = "deepaudio.metrics"
ALL_TASKS = ("v2s", "v2a", "tts", "mof")


@dataclass(frozen=True)
class Metric:
    """A metric file with its optional exports filled in."""

    name: str
    needs: tuple[str, ...]
    better: str
    compute: Callable[..., float]
    per: str
    tasks: tuple[str, ...]
    title: str
    scale: float
    silent: float | None


def find_metric(name: str) -> Metric:
    """The metric of that file name; InputError naming the nearest for an unknown one."""
    if name not in metric_names():
        raise InputError(
            "metric.unknown", f"no metric '{name}'", hint=discover.suggest(name, metric_names())
        )
    module = discover.find(ROOM, name)
    return Metric(
        name=name,
        needs=tuple(module.NEEDS),
        better=module.BETTER,
        compute=module.compute,
        per=getattr(module, "PER", "item"),
        tasks=tuple(getattr(module, "TASKS", ALL_TASKS)),
        title=getattr(module, "TITLE", name),
        scale=float(getattr(module, "SCALE", 1.0)),
        silent=getattr(module, "SILENT", None),
    )


def metric_names(task: str | None = None) -> list[str]:
    """Names of the files that are metrics (those that export NEEDS), for one task or all."""
    names = []
    for name in discover.names(ROOM):
        module = discover.find(ROOM, name)
        if hasattr(module, "NEEDS") and (
            task is None or task in getattr(module, "TASKS", ALL_TASKS)
        ):
            names.append(name)
    return names
