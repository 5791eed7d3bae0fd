"""What a listener hears of written text: the sentences of tests/text/spoken.tsv in the example voice, judged against the spoken words.

The judge writes digits and signs again ("5:30", "$3"), so what it wrote goes through the same layer before words are
counted; the reference is the hand-written column of the list, never the layer's own output.
"""

import csv
from pathlib import Path

from deepaudio.data.manifest import Item
from deepaudio.media.audio import read_audio
from deepaudio.metrics.transcripts import count
from deepaudio.text.spoken import spoken

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests/text/spoken.tsv"
JUDGE = "whisper-base"
GOAL = 0.05


def measure(bench) -> None:
    """Note the pooled WER; every sentence with an error goes to `spoken/heard.tsv`."""
    with LIST.open(encoding="utf-8", newline="") as file:
        pairs = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1 : bench.limit]
    voice = ROOT / "examples/voice.wav"
    words = (ROOT / "examples/voice.txt").read_text(encoding="utf-8").strip()
    items = [
        Item(id=f"w{i:03d}", text=written, reference=str(voice), reference_text=words)
        for i, (written, _) in enumerate(pairs, 1)
    ]
    system = bench.predicted("spoken", items, "tts")
    judge = bench.pool.judge(JUDGE)
    rows, errors, total = [], 0, 0
    for item, (written, expected) in zip(items, pairs, strict=True):
        path = system.output(item)
        heard = judge(read_audio(path, 16000), 16000) if path else ""
        found = count(expected, spoken(heard).words)
        errors, total = errors + found.errors, total + found.words
        if found.errors:
            rows.append([item.id, found.errors, written, expected, heard])
            print(f"  {found.errors}: {expected}\n     {heard}", flush=True)
    with (bench.out / "spoken/heard.tsv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(
            [["id", "errors", "written", "spoken", "heard"], *rows]
        )
    rate = errors / total
    bench.note(
        f"WER, {len(items)} written sentences against their spoken words",
        rate,
        f"at most {GOAL}",
        rate <= GOAL,
    )
