"""Evaluation: items x systems x columns, every failure counted and named, resumable.

Writes items.jsonl (one row per item and system) and summary.json into the output folder, and the features of set metrics
under features/; tables and the HTML report are made from them. A column whose value could not be had for every
item has no mean: it is `n/a` with the reason, beside what could be scored.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from deepaudio.data.manifest import Item
from deepaudio.errors import InputError, UsageError
from deepaudio.evaluation.columns import Column, check_judges, columns
from deepaudio.evaluation.feature_cache import SetFeatures, complete
from deepaudio.evaluation.features import ItemFeatures, JudgePool, Unavailable
from deepaudio.evaluation.inputs import check_labels, refuse_doubles
from deepaudio.evaluation.summary import SCHEMA, row_values, summarise
from deepaudio.evaluation.systems import System
from deepaudio.media.output import folder_to_be, preflight, refuse_inputs, write_bytes
from deepaudio.progress import Progress
from deepaudio.reports import tables
from deepaudio.reports.evaluation import eval_report

log = logging.getLogger(__name__)

TASKS = ("v2s", "v2a", "tts", "mof")
ITEMS, SUMMARY, TABLES = "items.jsonl", "summary.json", ("table.md", "table.tex")
KEPT = {"id", "system", "key", "failed", "na", "set"}  # what a row needs to be kept


@dataclass(frozen=True)
class EvalOptions:
    """What to measure and by whom."""

    task: str
    metrics: tuple[str, ...] = ()  # empty: all of the task
    judge_set: str = "offline"  # offline | paper | both
    judges: tuple[str, ...] = ()  # further judges by name
    judge_folders: Mapping[str, Path] = field(default_factory=dict)
    seconds: float | None = None  # judge only so much of the sound (8 in the paper's V2A tables)
    jobs: int = 1
    device: str = "cpu"
    resume: bool = True

    def __post_init__(self):
        if self.task not in TASKS:
            raise InputError(
                "task.unknown", f"no task '{self.task}'", hint="known: " + ", ".join(TASKS)
            )
        if self.judge_set not in ("offline", "paper", "both"):
            raise InputError(
                "judges.unknown",
                f"no set of judges '{self.judge_set}'",
                hint="offline, paper or both",
            )
        if self.jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {self.jobs}")


def check(options: EvalOptions, out: Path, manifest: Path, report: Path | None) -> None:
    """Refuse before the work unknown metrics and judges, and files that would be written over the manifest or over each other.

    Raises InputError and UsageError.
    """
    columns(options.task, options.metrics, options.judges, options.judge_set)
    check_judges(options.judge_folders)
    if options.task == "mof" and options.seconds is not None:
        raise UsageError("eval.seconds", "--seconds is of sound, and a gate makes none")
    folder_to_be(out)
    written = [out / name for name in (ITEMS, SUMMARY, *TABLES)]
    for place in (*written, _part(out / ITEMS), _part(out / SUMMARY)):
        refuse_inputs(place, [manifest])
    if report is not None:
        out.mkdir(parents=True, exist_ok=True)  # the report may be one of its files
        preflight(report, [manifest, *written])


def _part(place: Path) -> Path:
    return place.with_name(place.name + ".part")


def evaluate(
    items: list[Item],
    systems: list[System],
    options: EvalOptions,
    out: Path,
    progress: Progress | None = None,
    pool: JudgePool | None = None,
) -> dict[str, Any]:
    """Score every system on every item; the summary, which is also written to `out`.

    A failing item never stops the others. InputError for an empty list of items or systems.
    """
    if not items or not systems:
        raise InputError("eval.empty", "nothing to evaluate: no items or no systems")
    names = [system.name for system in systems]
    refuse_doubles(names)
    if options.task == "mof":
        check_labels(items)
    chosen = columns(options.task, options.metrics, options.judges, options.judge_set)
    pool = pool or JudgePool(options.judge_folders, options.device)
    out.mkdir(parents=True, exist_ok=True)
    kept = _kept_rows(out) if options.resume else {}
    files = SetFeatures(out / "features")
    rows: list[dict[str, Any]] = []

    def score(item: Item) -> list[dict[str, Any]]:
        return _item_rows(item, systems, chosen, options, pool, kept, files)

    partial = _part(out / ITEMS)
    with partial.open("w", encoding="utf-8") as stream, ThreadPoolExecutor(options.jobs) as threads:
        for done, scored in enumerate(threads.map(score, items), 1):
            for row in scored:
                rows.append(row)
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            stream.flush()
            if progress:
                progress("eval", done, len(items))
    partial.replace(out / ITEMS)
    summary = summarise(rows, items, names, chosen, options.task, files)
    partial = _part(out / SUMMARY)
    partial.write_text(json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False))
    partial.replace(out / SUMMARY)
    return summary


def _item_rows(
    item: Item,
    systems: list[System],
    chosen: list[Column],
    options: EvalOptions,
    pool: JudgePool,
    kept: dict[tuple[str, str], dict[str, Any]],
    files: SetFeatures,
) -> list[dict[str, Any]]:
    """One row per system; the truth's features are shared between the systems."""
    truth = ItemFeatures(item, pool, seconds=options.seconds)
    rows = []
    for system in systems:
        path, direction = system.output(item), None
        if options.task == "mof":
            direction = system.direction(item)
        key = _fingerprint(item, path, direction, chosen, options)
        old = kept.get((item.id, system.name))
        tensors: dict[str, Tensor] = {}
        if old is not None and (old["key"] != key or old["failed"] is not None):
            old = None
        if old is not None:
            tensors = files.read(system.name, item.id)
            if not complete(old, tensors):
                old, tensors = None, {}
        if old is not None and not old["na"]:
            rows.append(old)
            continue
        features = ItemFeatures(item, pool, path, direction, options.seconds, truth)
        row = {"schema": SCHEMA, "id": item.id, "system": system.name, "key": key, "failed": None}
        row["output"] = str(path) if path else None
        try:
            if path is None and direction is None:
                raise Unavailable(system.reason(item))
            _check_output(features, options.task)
        except Unavailable as reason:
            row["failed"] = str(reason)
            log.warning("%s, %s: %s", system.name, item.id, reason)
        row |= row_values(features, chosen, row["failed"], tensors, old)
        files.write(system.name, item.id, tensors)
        rows.append(row)
    return rows


def _check_output(features: ItemFeatures, task: str) -> None:
    """Unavailable where the system gave nothing that can be judged."""
    if task == "mof":
        features.get("output_direction")
    else:
        features.get("output_waveform")


def _fingerprint(
    item: Item, path: Path | None, direction: str | None, chosen: list[Column], options: EvalOptions
) -> str:
    """Changes whenever the item, its output, the columns or the options do."""
    parts: list[Any] = [repr(item), direction, options.seconds, [column.key for column in chosen]]
    parts.append({name: str(place) for name, place in options.judge_folders.items()})
    for place in (path, item.audio, item.reference, item.video):
        try:
            found = Path(place).stat() if place else None
            parts.append((str(place), found and (found.st_size, found.st_mtime_ns)))
        except OSError:
            parts.append((str(place), "missing"))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _kept_rows(out: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows of an earlier run, finished or broken off; a damaged or half-written line is left out."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for place in (out / ITEMS, _part(out / ITEMS)):
        if not place.is_file():
            continue
        for line in place.read_bytes().splitlines():
            try:
                row = json.loads(line)
                if row["schema"] == SCHEMA and row.keys() >= KEPT:
                    rows[row["id"], row["system"]] = row
            except (ValueError, TypeError, KeyError, RecursionError):
                log.warning("%s: a damaged line is scored again", place.name)
    return rows


@dataclass(frozen=True)
class Written:
    """Files that an evaluation left, and the table for a terminal."""

    files: dict[str, str]
    lines: list[str]


def write_tables(
    summary: Mapping[str, Any], out: Path, items: list[Item], report: Path | None = None
) -> Written:
    """Markdown and LaTeX beside the summary, and the HTML report where one is asked for."""
    files = {"summary": SUMMARY, "items": ITEMS}
    for name, text in zip(TABLES, (tables.markdown(summary), tables.latex(summary)), strict=True):
        write_bytes(out / name, text.encode())
        files[name.partition(".")[2]] = name
    files = {kind: str(out / name) for kind, name in files.items()}
    if report is not None:
        lines = (out / ITEMS).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        files["html"] = str(eval_report(report, summary, rows, {i.id: i.audio for i in items}))
    return Written(files, tables.plain(summary))
