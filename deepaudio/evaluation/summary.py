"""From features to numbers: the values of one item, and the means with intervals over all items."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from deepaudio.data.manifest import Item
from deepaudio.evaluation.columns import Column
from deepaudio.evaluation.feature_cache import SetFeatures, named
from deepaudio.evaluation.features import ItemFeatures, Unavailable
from deepaudio.metrics.intervals import DRAWS, LEVEL, bootstrap_mean

SCHEMA = 2


def row_values(
    features: ItemFeatures,
    chosen: list[Column],
    failed: str | None,
    tensors: dict[str, Tensor],
    old: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`values` per column key, `na` with the reason where there is none, `set` and `heard`.

    `set` carries the features that set metrics need: texts as they are, tensors as null, added to `tensors`; `heard`
    what transcribers understood. Only what an `old` row lacks is computed.
    """
    before = old or {"values": {}, "set": {}, "heard": {}}
    values: dict[str, float] = dict(before["values"])
    reasons: dict[str, str] = {}
    kept: dict[str, Any] = dict(before["set"])
    heard: dict[str, str] = dict(before["heard"])
    silent = (
        failed is None and any(c.metric.silent is not None for c in chosen) and features.silent()
    )
    for column in chosen:
        if column.key in values or column.key in kept:
            continue
        try:
            if failed is not None:
                raise Unavailable(failed)
            if column.metric.per == "set":
                kept[column.key] = _set_features(features, column, tensors)
            elif silent and column.metric.silent is not None:
                _others(features, column)
                values[column.key] = column.metric.silent
            else:
                values[column.key] = _value(features, column, heard)
        except Unavailable as reason:
            reasons[column.key] = str(reason)
    return {"values": values, "na": reasons, "set": kept, "heard": heard}


def _value(features: ItemFeatures, column: Column, heard: dict[str, str]) -> float:
    if column.missing:
        raise Unavailable(f"no judge of this set gives '{column.missing}'")
    found = {need: features.get(need, column.judge_of(need)) for need in column.metric.needs}
    if "output_transcript" in found and column.judge:
        heard[column.judge] = found["output_transcript"]
    try:
        value = float(column.metric.compute(*found.values()))
    except (ValueError, ZeroDivisionError) as error:
        raise Unavailable(str(error)) from error
    if not math.isfinite(value):
        raise Unavailable(f"the value is {value}")
    return value


def _others(features: ItemFeatures, column: Column) -> None:
    """Even for a silent output, what the metric needs of the truth must be there, and the judge."""
    if column.judge:
        features.pool.judge(column.judge)
    for need in column.metric.needs:
        if not need.startswith("output"):
            features.get(need, column.judge_of(need))


def _set_features(
    features: ItemFeatures, column: Column, tensors: dict[str, Tensor]
) -> dict[str, Any]:
    if column.missing:
        raise Unavailable(f"no judge of this set gives '{column.missing}'")
    found = {need: features.get(need, column.judge_of(need)) for need in column.metric.needs}
    large = {need: value for need, value in found.items() if isinstance(value, Tensor)}
    tensors.update({named(column.key, need): value for need, value in large.items()})
    return found | dict.fromkeys(large)


def summarise(
    rows: list[dict[str, Any]],
    items: list[Item],
    systems: list[str],
    chosen: list[Column],
    task: str,
    files: SetFeatures,
) -> dict[str, Any]:
    """Every column of every system: value, interval, count, and why it is `n/a` where it is."""
    table = {}
    for system in systems:
        mine = [row for row in rows if row["system"] == system]
        failed = [{"id": row["id"], "reason": row["failed"]} for row in mine if row["failed"]]
        cells = {column.key: _cell(column, mine, files) for column in chosen}
        table[system] = {"items": len(mine), "failed": failed, "columns": cells}
    return {
        "schema": SCHEMA,
        "task": task,
        "items": len(items),
        "interval": {"level": LEVEL, "draws": DRAWS, "kind": "percentile bootstrap of the mean"},
        "columns": [
            {
                "key": column.key,
                "metric": column.metric.name,
                "title": column.metric.title,
                "heading": column.heading,
                "judge": column.judge,
                "better": column.metric.better,
                "scale": column.metric.scale,
            }
            for column in chosen
        ],
        "systems": table,
    }


def _cell(column: Column, rows: list[dict[str, Any]], files: SetFeatures) -> dict[str, Any]:
    where = "set" if column.metric.per == "set" else "values"
    scored = [row for row in rows if column.key in row[where]]
    reasons = [(row["id"], row["na"][column.key]) for row in rows if column.key in row["na"]]
    cell: dict[str, Any] = {
        "value": None,
        "interval": None,
        "scored": len(scored),
        "of": len(rows),
        "reason": None,
        "partial": None,
        "partial_interval": None,
    }
    value = interval = why = None
    if scored:
        value, interval, why = _mean(column, scored, files)
    if not reasons and why is None:
        return cell | {"value": value, "interval": interval}
    if why is None:
        first = reasons[0]
        same = {reason for _, reason in reasons} == {first[1]}
        why = first[1] if same and len(reasons) == len(rows) else f"{first[0]}: {first[1]}"
        if len(reasons) > 1 and not (same and len(reasons) == len(rows)):
            why += f" (and {len(reasons) - 1} more)"
    return cell | {"reason": why, "partial": value, "partial_interval": interval}


def _mean(
    column: Column, rows: list[dict[str, Any]], files: SetFeatures
) -> tuple[float | None, list[float] | None, str | None]:
    """Value, interval and, where there is no value, the reason."""
    if column.metric.per == "item":
        values = torch.tensor([row["values"][column.key] for row in rows], dtype=torch.float64)
        return float(values.mean()), list(bootstrap_mean(values)), None
    gathered: dict[str, list[Any]] = {need: [] for need in column.metric.needs}
    for row in rows:
        given = row["set"][column.key]
        kept = files.read(row["system"], row["id"]) if None in given.values() else {}
        for need, value in given.items():
            gathered[need].append(kept[named(column.key, need)] if value is None else value)
    try:
        value = float(column.metric.compute(*gathered.values()))
    except ValueError as error:
        return None, None, str(error)
    if not math.isfinite(value):
        return None, None, f"the value is {value}"
    return value, None, None
