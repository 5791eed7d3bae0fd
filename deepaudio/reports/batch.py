"""The index page of a batch: what became of every item, failures first, with links to outputs and their reports."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepaudio.reports.page import beside, write_page


def batch_report(path: os.PathLike, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the page.

    A row has `line`, `state` (done, kept or failed) and `name`; where it was dubbed `output` and `record`, where it has one `report`,
    where it failed `error`, a message.
    """
    page, made = Path(path), []
    for row in sorted(rows, key=lambda row: (row["state"] != "failed", row["line"])):
        record = row.get("record") or {}
        made.append(
            {
                "line": row["line"],
                "name": row["name"],
                "state": row.get("error") or row["state"],
                "failed": row["state"] == "failed",
                "media": beside(row.get("output"), page),
                "report": beside(row.get("report"), page),
                "seconds": record.get("duration", ""),
                "lines": len(record["lines"]) if "lines" in record else "",
                "lufs": (record.get("loudness") or {}).get("lufs", ""),
                "warnings": record.get("warnings", []),
            }
        )
    counts = {state: sum(r["state"] == state for r in rows) for state in ("done", "kept", "failed")}
    warned = sum(bool(row["warnings"]) for row in made)
    summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    failures = [f"line {r['line']}, {r['name']}: {r['state']}" for r in made if r["failed"]]
    return write_page(
        page,
        "batch.html",
        title=f"Batch of {len(rows)} clips",
        warnings=failures,
        summary=f"{summary}; {warned} with warnings." if rows else "Nothing to do.",
        rows=made,
    )
