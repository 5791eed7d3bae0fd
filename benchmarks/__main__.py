"""The figures of an embedded preset, measured by the judges: `make bench`; Dub 1.0, 2.0 and 3.0 in one table: `make table`.

    python -m benchmarks [--only gate tts spoken voices v2s foley speed] [--limit N] [--out runs/bench]
    python -m benchmarks --only dubs pairs [--limit N] [--out runs/table]
    python -m benchmarks --only own                 (M_tts tuned on one's own recordings; extra `align`)

Every table is one that `deepaudio eval` makes; this only lays out the sets, adds the few figures
that are no metric (nearest voice, speed) and compares with the goals. Needs the judges extra; the
parts that need real voices and clips look for them in ../shared/media and say so where they are not.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

import torch

from benchmarks import own_voice, paper_tables, sets, spoken
from deepaudio.data.corpora.v2c import with_setting
from deepaudio.data.manifest import Item, write_manifest
from deepaudio.errors import DeepAudioError
from deepaudio.evaluation.evaluate import EvalOptions, evaluate, write_tables
from deepaudio.evaluation.features import JudgePool
from deepaudio.evaluation.predict import VARIANTS, predict
from deepaudio.evaluation.systems import Shuffled, Truth
from deepaudio.inference.model import load
from deepaudio.media.audio import read_audio
from deepaudio.media.probe import probe
from deepaudio.metrics.embeddings import cosine
from deepaudio.metrics.events import onset_error, onset_times
from deepaudio.metrics.timing import speech_span
from deepaudio.options import SampleOptions
from deepaudio.reports import tables

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("gate", "tts", "spoken", "voices", "v2s", "foley", "speed")
MORE_PARTS = ("dubs", "pairs", "own")  # only when asked for
V2S_METRICS = (
    "wer", "wer_pooled", "speaker_similarity", "prompt_similarity", "mcd", "mcd_sl", "mos",
    "energy_correlation", "energy_lag", "start_error", "end_error", "length_error",
)  # fmt: skip
JUDGE = "whisper-base"


class Bench:
    """One run: a preset, its judges, where things lie, and the figures so far."""

    def __init__(self, arguments: argparse.Namespace):
        self.media, self.out, self.limit = arguments.media, arguments.out, arguments.limit
        self.setting = arguments.setting
        self.model = load(arguments.preset)
        self.options = SampleOptions(steps=arguments.steps, seed=arguments.seed)
        self.pool = JudgePool()
        self.figures: list[dict] = []
        self.summaries: dict[str, dict] = {}

    def note(self, name: str, value: float | None, goal: str = "", met: bool | None = None) -> None:
        """Keep and print one figure."""
        self.figures.append({"figure": name, "value": value, "goal": goal, "met": met})
        mark = {None: "", True: "  met", False: "  NOT MET"}[met]
        shown = "n/a" if value is None else f"{value:.3f}"
        print(f"  {name}: {shown}  {goal and f'({goal})'}{mark}", flush=True)

    def table(self, name: str, task: str, items: list[Item], systems, metrics=()) -> dict:
        """Evaluate, write the tables, print them; the cells by system and column key."""
        place = self.out / name
        write_manifest(self.out / f"{name}.jsonl", items)
        options = EvalOptions(task=task, metrics=metrics)
        started = time.monotonic()
        summary = evaluate(items, systems, options, place, self.progress, self.pool)
        self.summaries[name] = summary
        write_tables(summary, place, items, place / "report.html")
        print(tables.markdown(summary), f"\n({time.monotonic() - started:.0f} s)", flush=True)
        return {
            system: {key: cell["value"] for key, cell in row["columns"].items()}
            for system, row in summary["systems"].items()
        }

    def progress(self, what: str, done: int, total: int) -> None:
        """A line now and then."""
        if done == total or done % 10 == 0:
            print(f"  {what} {done}/{total}", file=sys.stderr, flush=True)

    def predicted(self, name: str, items: list[Item], task: str, variant: str = "whole"):
        """The preset's outputs as a system, with the seconds they took."""
        place = self.out / name / "predictions" / variant
        return predict(
            self.model, items, task, place, variant, self.options, variant, self.progress
        )

    def gate(self) -> None:
        """Instructions written by hand, not from the templates of training; docs/mini.md says what each set is for."""
        sets = (
            ("gate", "gate_test", 0.95),
            ("gate-validation", "gate_selection", 0.9),
            ("gate-unseen", "gate_test_later", 0.9),
            ("gate-fresh", "gate_fresh", 0.95),
            ("gate-others", "gate_others", 0.8),
        )
        for name, file, least in sets:
            lines = (ROOT / f"tests/fixtures/{file}.tsv").read_text().splitlines()
            items = [
                Item(id=f"{i:03d}", label=line.split("\t")[0], instruction=line.split("\t")[1])
                for i, line in enumerate(lines)
            ]
            cells = self.table(name, "mof", items, [self.predicted(name, items, "mof")])
            value = cells["whole"]["gate_accuracy"]
            what = f"gate accuracy, {file}.tsv"
            self.note(what, value, f"at least {least}", _at_least(value, least))

    def tts(self) -> None:
        """Fifty sentences in the example voice."""
        words = (ROOT / "examples/voice.txt").read_text().strip()
        items = sets.sentence_items(ROOT / "examples/voice.wav", words)[: self.limit]
        metrics = ("wer", "wer_pooled", "prompt_similarity", "mos")
        cells = self.table("tts", "tts", items, [self.predicted("tts", items, "tts")], metrics)
        value = cells["whole"][f"wer_pooled[{JUDGE}]"]
        self.note("WER, example voice", value, "at most 0.15", _at_most(value, 0.15))

    def spoken(self) -> None:
        """Numbers, signs, addresses and sounds as they are written, against the words they stand for."""
        spoken.measure(self)

    def voices(self) -> None:
        """Five sentences in each of ten real unseen voices."""
        items = sets.cross_voice_items(self.media)[: self.limit]
        system = self.predicted("voices", items, "tts")
        metrics = ("wer", "wer_pooled", "prompt_similarity", "mos")
        cells = self.table("voices", "tts", items, [system], metrics)["whole"]
        value = cells[f"wer_pooled[{JUDGE}]"]
        self.note("WER, ten unseen voices", value, "at most 0.30", _at_most(value, 0.30))
        value = cells["prompt_similarity[resemblyzer]"]
        self.note("similarity to the prompt", value, "at least 0.70", _at_least(value, 0.70))
        near, others = self._nearest(items, system)
        self.note(
            "voices nearest to their own prompt", near, "at least 8 of 10", _at_least(near, 8)
        )
        self.note("similarity to the other prompts", others)

    def _nearest(self, items: list[Item], system) -> tuple[int, float]:
        judge = self.pool.judge("resemblyzer")
        prompts = {i.speaker: judge(read_audio(i.reference, 16000), 16000) for i in items}
        made: dict[str, list[torch.Tensor]] = {}
        for item in items:
            path = system.output(item)
            if path is not None:
                made.setdefault(item.speaker, []).append(judge(read_audio(path, 16000), 16000))
        near, others = 0, []
        for speaker, outputs in made.items():
            means = {
                name: sum(cosine(output, prompt) for output in outputs) / len(outputs)
                for name, prompt in prompts.items()
            }
            own = means.pop(speaker)
            near += all(own > mean for mean in means.values())
            others += means.values()
        return near, sum(others) / max(1, len(others))

    def v2s(self) -> None:
        """Thirty held-out GRID clips, the two ablations of Table 2, the truth, and chance."""
        items, systems, cells = self.setting_table(self.setting)
        ours, real = cells["whole"], cells["ground truth"]
        value = ours["length_error"]
        self.note("length error, s", value, "one frame: at most 0.04", _at_most(value, 0.04))
        key = f"wer_pooled[{JUDGE}]"
        if ours[key] is not None and real[key] is not None:
            gap = ours[key] - real[key]
            self.note("WER above that of the real audio", gap, "at most 0.20", gap <= 0.20)
        value = ours["energy_correlation"]
        self.note("energy correlation", value, "at least 0.65", _at_least(value, 0.65))
        self.note("energy correlation, unrelated clips", cells["unrelated"]["energy_correlation"])
        self.note("energy correlation, no energy input", cells["no-energy"]["energy_correlation"])
        for edge in ("start", "end"):
            value = ours[f"{edge}_error"]
            self.note(f"speech {edge} error, s", value, "at most 0.12", _at_most(value, 0.12))
            self.note(f"the same of the real audio's own {edge}", real[f"{edge}_error"])
        # Some word alignments of the corpus are wrong by half a second; the real sound is not.
        for edge, value in zip(("start", "end"), self._edges(items, systems[2]), strict=True):
            self.note(f"speech {edge} error against the real sound itself, s", value)

    def setting_table(self, setting: str):
        """Clips with the references of a setting, the systems, and the cells of their table."""
        items = sets.grid_clips(self.media)
        voices = sets.voice_items(self.media) if setting == "dub3" else None
        items = list(with_setting(items, setting, voices))[: self.limit]
        name = f"v2s-{setting}"
        systems = [Truth(), Shuffled(items)]
        for variant in VARIANTS:
            # What the video alone gives is the same in every setting.
            place = "v2s" if variant == "v2a-alone" else name
            systems.append(self.predicted(place, items, "v2s", variant))
        return items, systems, self.table(name, "v2s", items, systems, V2S_METRICS)

    def dubs(self) -> None:
        """Table 2 with the preset."""
        paper_tables.dubs(self)

    def pairs(self) -> None:
        """Synthesised against real utterances."""
        paper_tables.pairs(self)

    def own(self) -> None:
        """The preset tuned on a minute of each of three voices."""
        own_voice.measure(self)

    def _edges(self, items: list[Item], system) -> tuple[float | None, float | None]:
        """Mean start and end errors, both spans found by the same detector; None if one is missing."""
        errors = []
        for item in items:
            path = system.output(item)
            if path is None:
                return None, None
            made, real = (speech_span(read_audio(place, 24000)) for place in (path, item.audio))
            errors.append([abs(a - b) for a, b in zip(made, real, strict=True)])
        start, end = torch.tensor(errors).mean(0).tolist()
        return start, end

    def foley(self) -> None:
        """Onsets of the generated sound against the bounces drawn in the example clip."""
        known = json.loads((ROOT / "examples/clip.json").read_text())
        clip = str(ROOT / "examples/clip.mp4")
        item = Item(
            id="clip", video=clip, audio=clip, prompt=known["prompt"],
            extra={"onsets": known["bounces"]},
        )  # fmt: skip
        system = self.predicted("foley", [item], "v2a")
        metrics = ("onset_error", "av_align", "length_error")
        cells = self.table("foley", "v2a", [item], [system], metrics)["whole"]
        value = cells["onset_error"]
        self.note("onset error at the bounces, s", value, "at most 0.08", _at_most(value, 0.08))
        path = system.output(item)
        if path is not None:
            found = onset_times(read_audio(path, 22050))
            self.note(
                f"onsets in the whole clip (bounces: {len(known['bounces'])})", float(len(found))
            )
            chance = _chance(len(found), known["bounces"], probe(clip).duration)
            self.note("onset error of as many onsets at random times, s", chance)

    def speed(self) -> None:
        """Seconds of work per second of sound, after start-up: the second time, on a copy of the clip, so that it is seen anew."""
        text, voice = sets.SENTENCES[0], str(ROOT / "examples/voice.wav")
        clips = [ROOT / "examples/clip.mp4", self.out / "speed.mp4"]
        shutil.copy(*clips)
        for name, arguments in {
            "tts": {"instruction": "read the text aloud", "transcript": text, "direction": "tts"},
            "dub": {
                "instruction": "dub the speaker", "transcript": text, "direction": "v2s"},
        }.items():  # fmt: skip
            seconds = []
            for clip in clips:
                if name == "dub":
                    arguments["video"] = str(clip)
                started = time.monotonic()
                made = self.model.generate(reference=voice, options=self.options, **arguments)
                length = len(made.waveform) / made.sample_rate
                seconds.append((time.monotonic() - started) / length)
            self.note(f"{name}: work per second of sound", seconds[-1], "below 1", seconds[-1] < 1)


def _chance(count: int, events: list[float], seconds: float, draws: int = 500) -> float:
    """Mean onset error of `count` onsets thrown at random into the clip."""
    rng = torch.Generator().manual_seed(0)
    errors = [
        onset_error((torch.rand(count, generator=rng) * seconds).tolist(), events)
        for _ in range(draws)
    ]
    return sum(errors) / draws


def _at_least(value: float | None, goal: float) -> bool:
    return value is not None and value >= goal


def _at_most(value: float | None, goal: float) -> bool:
    return value is not None and value <= goal


def main() -> int:
    """Run the parts asked for; 0 where every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=(*PARTS, *MORE_PARTS), default=PARTS)
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared/media")
    parser.add_argument("--out", type=Path, default=ROOT / "runs/bench")
    parser.add_argument("--preset", default="mini")
    parser.add_argument("--setting", choices=("dub1", "dub2", "dub3"), default="dub2")
    parser.add_argument("--steps", type=int, default=SampleOptions().steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments)
    for part in arguments.only:
        print(f"== {part}", flush=True)
        try:
            getattr(bench, part)()
        except DeepAudioError as error:
            bench.note(f"{part}: {error.message}", None, met=False)
    figures = arguments.out / "figures.json"
    figures.write_text(json.dumps(bench.figures, indent=1))
    print(f"figures: {figures}")
    return int(any(figure["met"] is False for figure in bench.figures))


if __name__ == "__main__":
    sys.exit(main())
