"""A day at work: sixty real clips of talk, foley and GRID in one batch, three voices, scripts in five formats; timed and listened to.

    python -m benchmarks.day [--media DIR] [--out runs/day] [--jobs N] [--clips 60]

Prints a row per kind of clip: how many were dubbed, WER (whisper-base, of the whole output) and DNSMOS. The batch writes
`OUT/dubbed/index.html`. Needs the extra `judges`.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import pysubs2

from benchmarks import sets
from deepaudio.judges import open_judge
from deepaudio.media.audio import read_audio
from deepaudio.media.probe import probe
from deepaudio.metrics.transcripts import wer_pooled

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"talk": ("video_talk", "video_talk_movie"), "foley": ("video_foley",)}
VOICES = ("man", "woman", "ljspeech")
FORMATS = ("txt", "srt", "vtt", "csv", "json")
SLOT = 4.0  # seconds a line at least, but for clips shorter than that
RATE = 16_000
VIDEOS = (".mp4", ".mkv", ".mpg", ".mov")


def clips(media: Path, count: int) -> list[tuple[str, Path]]:
    """Kind and file of `count` clips: all of talk and foley that can be read, the others of GRID."""
    found = []
    for kind, folders in KINDS.items():
        for path in sorted(chain.from_iterable((media / name).glob("*.mp*") for name in folders)):
            if path.suffix in VIDEOS:
                found.append((kind, path))
    grid = [("GRID", Path(item.video)) for item in sets.grid_clips(media, 60)]
    return [*found, *grid][:count]


def script(seconds: float, number: int, sentences: list[str]) -> list[tuple[float, float, str]]:
    """Start, end and text of the lines of a clip: one for each SLOT, the shortest sentences for the shortest clips."""
    count = max(1, min(3, int(seconds // SLOT)))
    room = seconds / count
    short = sorted(sentences, key=len)[:12] if room < SLOT else sentences
    texts = [short[(3 * number + i) % len(short)] for i in range(count)]
    times = [(round(i * room + 0.1, 2), round((i + 1) * room - 0.1, 2)) for i in range(count)]
    return [(*span, text) for span, text in zip(times, texts, strict=True)]


def write_script(place: Path, lines: list[tuple[float, float, str]]) -> Path:
    """The lines in the format of the suffix; plain text has no times."""
    rows = [{"start": start, "end": end, "text": text} for start, end, text in lines]
    if place.suffix in (".srt", ".vtt"):
        cues = pysubs2.SSAFile()
        cues.events = [
            pysubs2.SSAEvent(pysubs2.make_time(s=a), pysubs2.make_time(s=b), t) for a, b, t in lines
        ]
        cues.save(str(place))
    elif place.suffix == ".csv":
        with place.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ("start", "end", "text"))
            writer.writeheader()
            writer.writerows(rows)
    elif place.suffix == ".json":
        place.write_text(json.dumps({"lines": rows}), encoding="utf-8")
    else:
        place.write_text("".join(f"{row['text']}\n" for row in rows), encoding="utf-8")
    return place


def manifest(media: Path, out: Path, count: int) -> list[dict]:
    """The jobs of the day, with the kind and the words of each, and the files that they name."""
    voices = {item.id: item for item in sets.voice_items(media)}
    sentences, jobs = list(sets.SENTENCES), []
    (out / "scripts").mkdir(parents=True, exist_ok=True)
    for number, (kind, path) in enumerate(clips(media, count)):
        seconds = probe(path, allow_damaged=True).duration
        lines = script(seconds, number, sentences)
        place = out / "scripts" / f"{number:02d}.{FORMATS[number % len(FORMATS)]}"
        voice = voices[VOICES[number % len(VOICES)]]
        job = {"id": f"{number:02d}-{kind}", "clip": str(path), "ref": voice.audio}
        job |= {"script": str(write_script(place, lines))}
        job |= {"audio": "mix" if kind == "foley" else "replace"}
        text = " ".join(text for _, _, text in lines)
        jobs.append({"job": job, "kind": kind, "text": text, "seconds": seconds})
    rows = "".join(json.dumps(each["job"]) + "\n" for each in jobs)
    (out / "jobs.jsonl").write_text(rows, encoding="utf-8")
    return jobs


def main() -> int:
    """Parse, dub, listen, print; 0 when every clip was dubbed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared/media")
    parser.add_argument("--out", type=Path, default=ROOT / "runs/day")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--clips", type=int, default=60)
    asked = parser.parse_args()
    jobs = manifest(asked.media.resolve(), asked.out, asked.clips)
    dubbed = asked.out / "dubbed"
    line = [sys.executable, "-m", "deepaudio_cli", "dub", "--manifest", asked.out / "jobs.jsonl"]
    line += ["--out-dir", dubbed, "--report", dubbed / "index.html", "--no-cache"]
    line += ["--jobs", str(asked.jobs)] if asked.jobs else []
    started = time.monotonic()
    done = subprocess.run(line)
    took = time.monotonic() - started
    seconds = sum(each["seconds"] for each in jobs)
    print(f"\n{len(jobs)} clips, {seconds / 60:.1f} min of them, in {took / 60:.1f} min")
    print("exit code", done.returncode, "\n\n| kind | dubbed | WER | DNSMOS |\n|---|---|---|---|")
    transcribe, quality = open_judge("whisper-base"), open_judge("dnsmos")
    for kind in ("talk", "foley", "GRID"):
        own = [each for each in jobs if each["kind"] == kind]
        heard, texts, scores = [], [], []
        for each in own:
            made = dubbed.glob(f"{each['job']['id']}.*")
            output = next((path for path in made if path.suffix in VIDEOS), None)
            if output is None:
                continue  # the batch has said why
            sound = read_audio(output, RATE)
            heard.append(transcribe(sound, RATE))
            texts.append(each["text"])
            scores.append(quality(sound, RATE)["overall"])
        if not heard:
            print(f"| {kind} | 0 of {len(own)} | | |")
            continue
        mean = sum(scores) / len(scores)
        rate = 100 * wer_pooled(texts, heard)
        print(f"| {kind} | {len(heard)} of {len(own)} | {rate:.1f} % | {mean:.2f} |", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
