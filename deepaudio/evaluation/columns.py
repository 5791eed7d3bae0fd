"""Columns of an evaluation: a metric with the judge whose number it is; never two judges in one."""

from collections.abc import Iterable
from dataclasses import dataclass

from deepaudio.errors import InputError
from deepaudio.judges import OFFLINE, PAPER, judge_names
from deepaudio.metrics import Metric, find_metric, metric_names

SETS = {"offline": (OFFLINE,), "paper": (PAPER,), "both": (OFFLINE, PAPER)}


@dataclass(frozen=True)
class Column:
    """One number of the table: `judge` is None for metrics that need none."""

    metric: Metric
    judge: str | None
    missing: str | None = None
    """The kind of feature that no judge of the chosen set gives."""

    @property
    def key(self) -> str:
        """Stable name in JSON: "wer[whisper-base]", "mcd"."""
        return f"{self.metric.name}[{self.judge}]" if self.judge else self.metric.name

    @property
    def heading(self) -> str:
        """Title with the judge and the better direction, for tables."""
        arrow = {"lower": "↓", "higher": "↑"}[self.metric.better]
        unit = " (%)" if self.metric.scale == 100.0 else ""
        by = f" [{self.judge}]" if self.judge else ""
        return f"{self.metric.title}{unit}{by} {arrow}"

    def judge_of(self, feature: str) -> str | None:
        """The judge for one of the metric's features (None: computed without one)."""
        return self.judge if kind_of(feature) in judged_kinds() else None


def kind_of(feature: str) -> str:
    """ "output_speaker" -> "speaker"."""
    return feature.partition("_")[2]


def judged_kinds() -> set[str]:
    """Kinds of features that only judges give."""
    return {kind for gives in judge_names().values() for kind in gives} | set(PAPER)


def check_judges(names: Iterable[str]) -> None:
    """InputError for a judge that there is not."""
    known = judge_names()
    for name in names:
        if name not in known:
            hint = "known: " + ", ".join(sorted(known))
            raise InputError("judge.unknown", f"no judge '{name}'", hint)


def columns(
    task: str,
    metrics: tuple[str, ...] = (),
    judges: tuple[str, ...] = (),
    judge_set: str = "offline",
) -> list[Column]:
    """The columns for a task: its metrics (or those named), each by the chosen judges.

    `judges` adds named ones to the set. InputError for unknown names and foreign metrics.
    """
    check_judges(judges)
    found: list[Column] = []
    for name in metrics or metric_names(task):
        metric = find_metric(name)
        if task not in metric.tasks:
            raise InputError(
                "metric.task",
                f"'{name}' does not apply to {task}",
                hint="metrics of this task: " + ", ".join(metric_names(task)),
            )
        found += _by_judges(metric, judges, judge_set)
    return found


def _by_judges(metric: Metric, judges: tuple[str, ...], judge_set: str) -> list[Column]:
    needed = {kind_of(feature) for feature in metric.needs} & judged_kinds()
    if not needed:
        return [Column(metric, None)]
    chosen: dict[str, None] = {}
    for table in SETS[judge_set]:
        names = {table.get(metric.name) or table.get(kind) for kind in needed} - {None}
        # What the offline set cannot judge is still a column: the paper's judge, or n/a with why.
        names = names or {PAPER.get(metric.name) or PAPER[kind] for kind in needed & set(PAPER)}
        if len(names) == 1:
            chosen[names.pop()] = None
    gives = judge_names()
    for name in judges:
        if needed <= set(gives[name]):
            chosen[name] = None
    if not chosen:
        return [Column(metric, None, missing=", ".join(sorted(needed)))]
    return [Column(metric, judge) for judge in chosen]
