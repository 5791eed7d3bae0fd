"""What `mini` makes of a video: contours of other talkers, onsets, silence and materials of drawn and real scenes.

    python -m benchmarks.video [--only talkers starts scenes tags real] [--preset mini] [--media DIR]

Drawn scenes have a seed that no training uses. The folder of media holds video_talk*, video_foley and grid_s1;
none of the talkers but GRID's s1 is trained on.
"""

import argparse
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import resample

from benchmarks import sets
from deepaudio.audio.energy import energy_contour
from deepaudio.audio.grid import FRAME_RATE
from deepaudio.data.synthetic.clips import scenes
from deepaudio.encoders.motion import describe
from deepaudio.errors import DeepAudioError
from deepaudio.inference.mini_v2a import ClipFeatures, VideoToAudio
from deepaudio.inference.model import load
from deepaudio.judges import yamnet
from deepaudio.media.audio import read_audio
from deepaudio.metrics.energy import energy_correlation, energy_lag
from deepaudio.metrics.events import onset_error, onset_times
from deepaudio.metrics.timing import speech_span
from deepaudio.options import SampleOptions
from deepaudio.script.slots import voiced_stretches

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("talkers", "starts", "scenes", "tags", "real")
SEED = 9001  # of the drawn scenes
NEAR = 0.06  # seconds within which an onset counts as met
QUIET = 3e-3  # peak under which a sound has no onsets
SOME_FACE = 0.2  # share of the clip in which a face must be seen
HITS = {
    "XYPB__CondFoleyGen__hitting_metal": "hitting metal with a stick",
    "XYPB__CondFoleyGen__hitting_bag": "hitting a plastic bag with a stick",
    "XYPB__CondFoleyGen__chopping": "chopping on a wooden board",
    "luosiallen__Diff-Foley__drum": "someone hits drums",
    "v-iashin__SpecVQGAN__video_02542": "someone hits drums",
}
ASKED = {  # what is asked for and what YAMNet may call it; one of them among its five strongest
    "metal": ("Bell", "Ding", "Clang", "Chime", "Tubular bells", "Cowbell", "Gong", "Glockenspiel", "Jingle", "Coin", "Bicycle bell"),
    "glass": ("Glass", "Chink", "Shatter", "Ping"),
    "wood": ("Wood", "Knock", "Tap", "Thump", "Thunk", "Chop", "Door", "Whack", "Percussion", "Drum"),
}  # fmt: skip
# Classes that say nothing of the thing, and are found in most recordings.
GENERAL = ("Music", "Silence", "Inside", "Outside", "Speech", "Sound effect", "Noise", "Static", "Animal", "White", "Pink")  # fmt: skip


class Bench:
    """The video side of a preset, and where the clips lie."""

    def __init__(self, preset: str, media: Path, options: SampleOptions):
        self.v2a: VideoToAudio = load(preset).v2a
        self.media, self.options = media, options

    def talkers(self) -> None:
        """Energy r and lag of the contour against the real sound, for talkers that no training saw."""
        rows = []
        for path in sorted(self.media.glob("video_talk*/*.mp[4g]")):
            try:
                real = read_audio(path, 24_000)
            except DeepAudioError:
                continue  # a clip without sound
            seen = self.v2a.features(path)
            if float((seen.face > 0).float().mean()) < SOME_FACE:
                continue
            made, real = self.v2a.energy(seen, self.options), energy_contour(real, 24_000)
            r, lag = (m(made, real) for m in (energy_correlation, energy_lag))
            rows.append(("LipNet" in path.name, r, lag))
            print(f"  {path.stem[:40]:40s} r {r:+.2f}  lag {lag:.2f} s", flush=True)
        for name, kind in (("GRID, other talkers", True), ("other films", False)):
            chosen = [row for row in rows if row[0] is kind]
            r, lag = fmean(row[1] for row in chosen), fmean(row[2] for row in chosen)
            print(f"{name}: {len(chosen)} clips, r {r:.3f}, lag {lag:.3f} s", flush=True)

    def starts(self) -> None:
        """Energy r, and where the contour says that speech starts and ends, of thirty held-out GRID clips."""
        rows = []
        for item in sets.grid_clips(self.media):
            made = self.v2a.energy(self.v2a.features(item.video), self.options)
            real = read_audio(item.audio, 24_000)
            start, end = speech_span(real)
            voiced = voiced_stretches(made, FRAME_RATE, len(made) / FRAME_RATE)
            r = energy_correlation(made, energy_contour(real, 24_000))
            rows.append((r, voiced[0][0] - start, voiced[-1][1] - end))
        r, start, end = np.array(rows).T
        print(
            f"GRID: r {r.mean():.3f}; contour's start {np.abs(start).mean():.3f} s off ({start.mean():+.3f}), "
            f"end {np.abs(end).mean():.3f} s"
        )

    def scenes(self, count: int = 40) -> None:
        """Onsets of drawn scenes against the drawn ones, and how quiet it is where nothing happens."""
        rows, before, still = [], [], []
        for example, seen in self._drawn(count):
            sound = self.v2a.sound(seen, example.prompts[0], "", self.options)
            if example.kind == "still":
                still.append(_decibel(sound))
            times = [t for t in example.onsets if t < seen.duration - 0.05]
            if example.kind in ("rain", "roll", "still") or not times:
                continue
            rows.append(_met(_onsets(sound), times))
            first = int((times[0] - NEAR) * 24_000)
            if first > 6_000:
                before.append(_decibel(sound[:first]) - _decibel(sound[first:]))
        error, recall, precision, found, true = np.array(rows).T
        print(
            f"{len(rows)} of {count} scenes with blows: onset error {error.mean():.3f} s, recall {recall.mean():.2f}, "
            f"precision {precision.mean():.2f}, onsets {found.sum():.0f} for {true.sum():.0f}; before the first blow "
            f"{median(before):.0f} dB (worst {max(before):.0f}) of what follows; still scenes {max(still):.0f} dBFS"
        )

    def tags(self, count: int = 40, at_most: int = 8) -> None:
        """How often YAMNet hears the material that was asked for, of the sounds of struck and falling things."""
        judge = yamnet.load("yamnet")
        blows = [x for x in self._drawn(count) if x[0].kind in ("bounce", "hit", "fall")]
        for material, names in ASKED.items():
            heard = []
            for example, seen in blows[:at_most]:
                prompt = {
                    "bounce": f"a {material} ball bounces on the floor", "hit": f"hitting a {material} thing with a stick",
                    "fall": f"a {material} thing falls to the ground",
                }[example.kind]  # fmt: skip
                tags = _tags(judge, self.v2a.sound(seen, prompt, "", self.options))
                heard.append(any(tag.startswith(names) for tag in tags))
            print(f"{material}: heard in {sum(heard)} of {len(heard)}", flush=True)

    def real(self) -> None:
        """Onsets for filmed blows against those of their own sound; chance: as many onsets at random times."""
        rng = np.random.default_rng(0)
        for name, prompt in HITS.items():
            path = self.media / "video_foley" / f"{name}.mp4"
            seen = self.v2a.features(path)
            sound = self.v2a.sound(seen, prompt, "", self.options)
            times, found = _onsets(read_audio(path, 24_000)[: len(sound)]), _onsets(sound)
            error, recall, precision, *_ = _met(found, times, 0.1)
            thrown = [
                _met(list(rng.random(len(found)) * seen.duration), times, 0.1) for _ in range(200)
            ]
            chance = np.mean([_f1(t[1], t[2]) for t in thrown])
            print(
                f"  {name[:36]:36s} onset error {error:.3f} s, F1 {_f1(recall, precision):.2f} (chance {chance:.2f}), "
                f"onsets {len(found)} for {len(times)}",
                flush=True,
            )

    def _drawn(self, count: int):
        """Drawn scenes with what is seen of them."""
        for example in scenes(count, SEED, others=0):
            track = self.v2a.encoder.measure(example.frames, faces=False)
            seconds = len(example.waveform) / 24_000
            seen = describe(track, seconds)
            yield example, ClipFeatures(seen.sync, seen.clip, seconds, seen.sync[:, 0])


def _onsets(sound: Tensor) -> list[float]:
    return onset_times(resample(sound, 24_000, 22_050)) if float(sound.abs().max()) > QUIET else []


def _met(found: list[float], times: list[float], near: float = NEAR) -> tuple[float, ...]:
    """Onset error, recall, precision, number found, number of events."""
    recall = fmean(any(abs(t - f) < near for f in found) for t in times)
    precision = fmean(any(abs(t - f) < near for t in times) for f in found) if found else 0.0
    return onset_error(found, times), recall, precision, len(found), len(times)


def _f1(recall: float, precision: float) -> float:
    return 2 * recall * precision / max(recall + precision, 1e-9)


def _decibel(sound: Tensor) -> float:
    return float(20 * sound.square().mean().sqrt().clamp(min=1e-6).log10())


def _tags(judge: yamnet.Yamnet, sound: Tensor, top: int = 5) -> list[str]:
    """The strongest classes at any moment, general ones left out."""
    moments = [judge(part, 24_000).classes for part in sound.split(23_040)]
    order = torch.stack(moments).amax(0).argsort(descending=True).tolist()
    return [judge.labels[i] for i in order if not judge.labels[i].startswith(GENERAL)][:top]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--preset", default="mini")
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared/media")
    parser.add_argument("--steps", type=int, default=SampleOptions().steps)
    given = parser.parse_args()
    bench = Bench(given.preset, given.media, SampleOptions(steps=given.steps))
    for part in given.only:
        print(f"== {part}", flush=True)
        getattr(bench, part)()


if __name__ == "__main__":
    main()
