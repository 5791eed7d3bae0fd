"""One's own voice: `mini` before and after tuning on recordings of one speaker, against recordings that were kept out (docs/own-voice.md).

The commands are those of the page; a quarter of the recordings is kept out. Both speak at their own defaults.
"""

import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import sets
from deepaudio.data.manifest import Item
from deepaudio.errors import InputError
from deepaudio.evaluation.predict import predict
from deepaudio.inference.model import load
from deepaudio.media.audio import read_audio
from deepaudio.metrics.embeddings import cosine
from deepaudio.metrics.transcripts import count

VOICES, SENTENCES = ("ljspeech", "p226", "p225"), 24
JUDGES = ("whisper-base", "resemblyzer", "dnsmos")
GAIN, WORSE = 0.03, 0.02  # of similarity at least, of WER at most


def measure(bench) -> None:
    """Note similarity, WER and DNSMOS of both, and the differences over the sentences with their 95 % intervals."""
    for voice in VOICES:
        place = bench.out / "own" / voice
        training, kept_out, reference = _laid_out(bench.media, voice, place)
        run = _tuned(training, place)
        items = [
            Item(
                id=f"s{i:02d}", text=text, reference=reference.audio, reference_text=reference.text
            )
            for i, text in enumerate(sets.SENTENCES[: bench.limit or SENTENCES])
        ]
        models = {"before": bench.model, "after": load(str(run))}
        heard = {
            name: _heard(bench, items, predict(model, items, "tts", place / name), kept_out)
            for name, model in models.items()
        }
        for name, rows in heard.items():
            words = sum(row["errors"] for row in rows) / sum(row["words"] for row in rows)
            bench.note(f"{voice}, WER {name}", words)
            for key in ("similarity", "mos"):
                bench.note(f"{voice}, {key} {name}", _mean(row[key] for row in rows))
        pairs = list(zip(heard["before"], heard["after"], strict=True))
        for key in ("similarity", "mos"):
            changes = [after[key] - before[key] for before, after in pairs]
            interval = 1.96 * statistics.stdev(changes) / len(changes) ** 0.5
            goal, met = ("", None)
            if key == "similarity":
                goal, met = f"at least {GAIN}", _mean(changes) >= GAIN
            bench.note(f"{voice}, {key}, change", _mean(changes), goal, met)
            bench.note(f"{voice}, {key}, change, 95 % interval, plus or minus", interval)
        n = sum(row["words"] for row in heard["before"])
        more = sum(after["errors"] - before["errors"] for before, after in pairs) / n
        bench.note(f"{voice}, WER, change", more, f"at most {WORSE}", more <= WORSE)


def _laid_out(media: Path, voice: str, place: Path) -> tuple[Path, list[Path], Item]:
    """The folder of recordings with their texts, those that are kept out, and the reference, which is one of the first."""
    recordings = sets.recordings_of(media, voice)
    prompt = next(item for item in sets.voice_items(media) if item.id == voice)
    others = [item for item in recordings if item.audio != prompt.audio]
    kept_out = others[::4]
    training = place / "recordings"
    training.mkdir(parents=True, exist_ok=True)
    for item in [prompt, *(item for item in others if item not in kept_out)]:
        copy = training / Path(item.audio).name
        shutil.copy(item.audio, copy)
        copy.with_suffix(".txt").write_text(item.text, encoding="utf-8")
    return training, [Path(item.audio) for item in kept_out], prompt


def _tuned(training: Path, place: Path) -> Path:
    """The run folder, made by the commands of the page."""
    shard, run = place / "shard", place / "run"
    command = [sys.executable, "-m", "deepaudio_cli"]
    if not shard.with_suffix(".safetensors").is_file():
        subprocess.run([*command, "prepare", "folder", training, shard], check=True)
    subprocess.run(
        [*command, "train", "v2s/finetune", f"data.shards=[{shard}]", "-o", run], check=True
    )
    return run


def _heard(bench, items: list[Item], system, kept_out: list[Path]) -> list[dict[str, float]]:
    """Wrong words and words, mean similarity to the recordings kept out and DNSMOS of each sentence."""
    transcribe, speaker, quality = map(bench.pool.judge, JUDGES)
    real = [speaker(read_audio(path, 16000), 16000) for path in kept_out]
    rows = []
    for item in items:
        output = system.output(item)
        if output is None:
            raise InputError("own.missing", f"{system.name} said nothing for {item.id}")
        sound = read_audio(output, 16000)
        own = speaker(sound, 16000)
        found = count(item.text, transcribe(sound, 16000))
        rows.append(
            {
                "errors": found.errors,
                "words": found.words,
                "similarity": _mean(cosine(own, other) for other in real),
                "mos": quality(sound, 16000)["overall"],
            }
        )
    return rows


def _mean(values) -> float:
    return statistics.fmean(values)
