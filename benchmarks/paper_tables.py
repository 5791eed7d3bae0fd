"""Tables over several sets: Dub 1.0, 2.0 and 3.0 beside each other, and synthesised against real utterances."""

import json

from benchmarks import sets
from deepaudio.evaluation.systems import Folder, Shuffled, Truth
from deepaudio.reports import tables
from deepaudio.reports.evaluation import eval_report

SETTINGS = {"dub1": "Dub 1.0", "dub2": "Dub 2.0", "dub3": "Dub 3.0"}
PAIR_METRICS = (
    "wer", "wer_pooled", "wer_paper", "speaker_similarity", "mcd", "mcd_sl", "speaking_rate_error",
    "mos",
)  # fmt: skip


def dubs(bench) -> None:
    """Every setting with its ablations, the truth and chance, in one table and one report."""
    systems, rows, truth = {}, [], {}
    for setting, label in SETTINGS.items():
        items, _, _ = bench.setting_table(setting)
        summary = bench.summaries[f"v2s-{setting}"]
        systems |= {f"{label}, {name}": row for name, row in summary["systems"].items()}
        lines = (bench.out / f"v2s-{setting}/items.jsonl").read_text(encoding="utf-8")
        for row in map(json.loads, lines.splitlines()):
            rows.append(row | {"system": f"{label}, {row['system']}"})
        truth |= {item.id: item.audio for item in items}
    summary = summary | {"systems": systems}
    for suffix, text in (("md", tables.markdown(summary)), ("tex", tables.latex(summary))):
        (bench.out / f"dubs.{suffix}").write_text(text, encoding="utf-8")
    (bench.out / "dubs.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    report = eval_report(bench.out / "dubs.html", summary, rows, truth)
    print(tables.markdown(summary), f"\nreport: {report}", flush=True)


def pairs(bench) -> None:
    """The synthesised utterances of gt_vs_tts_libritts against the real ones."""
    items = sets.pair_items(bench.media)[: bench.limit]
    made = Folder("synthesised", bench.media / sets.PAIRS)
    bench.table("pairs", "tts", items, [Truth(), Shuffled(items), made], PAIR_METRICS)
