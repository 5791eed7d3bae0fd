"""Metrics by family: features in and numbers out.

A file of this room exports `METRICS`, metrics by name; nothing else needs to know. The first word of a feature that a metric
needs says whose it is: output, target, reference or video; `text`, `label` and such come from the manifest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from deepaudio import discover
from deepaudio.errors import InputError

ROOM = "deepaudio.metrics"


@dataclass(frozen=True)
class Metric:
    """A metric: its title, the features that `compute` takes in that order, and which way is better.

    `per` is "item" (one number an item, averaged) or "set" (every feature is a list over all items); `scale` is 100 for
    percent; `silent` the value of an output without any sound, None where it is computed like any other.
    """

    title: str
    needs: tuple[str, ...]
    better: str
    compute: Callable[..., float]
    tasks: tuple[str, ...] = ("v2s", "v2a", "tts", "mof")
    per: str = "item"
    scale: float = 1.0
    silent: float | None = None
    name: str = ""


def find_metric(name: str) -> Metric:
    """The metric of that name; InputError naming the nearest for an unknown one."""
    known = _metrics()
    if name not in known:
        hint = discover.suggest(name, list(known))
        raise InputError("metric.unknown", f"no metric '{name}'", hint)
    return known[name]


def metric_names(task: str | None = None) -> list[str]:
    """Names of all metrics, or of those of one task, sorted."""
    return [name for name, m in _metrics().items() if task is None or task in m.tasks]


def _metrics() -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for file in discover.names(ROOM):
        for name, metric in getattr(discover.find(ROOM, file), "METRICS", {}).items():
            found[name] = replace(metric, name=name)
    return dict(sorted(found.items()))
