"""What the network says on its way, as a wav and a picture of its mel: made as `--preset RUN` makes it."""

from collections.abc import Iterator
from pathlib import Path

import soundfile
import torch

from deepaudio.errors import InputError
from deepaudio.inference.model import DeepAudio, Result, load
from deepaudio.media.sniff import regular_file
from deepaudio.options import INSTRUCTIONS
from deepaudio.reports.plots import mel_image
from deepaudio.training.recipe import Recipe

SILENT = ("mof",)  # stages that nothing can be heard of


class Samples:
    """`watch.samples` of a recipe: lines in the voice of a reference, in time with a clip, or the sounds of a clip."""

    def __init__(self, recipe: Recipe):
        wanted = recipe.watch.samples
        if recipe.stage in SILENT:
            raise InputError(
                "recipe.samples", f"watch.samples: stage {recipe.stage} makes no audio"
            )
        if wanted.lines and not wanted.reference:
            raise InputError(
                "recipe.samples", "watch.samples: lines need a reference to speak like"
            )
        if not wanted.lines and not wanted.clip:
            message = "watch.samples: nothing to make; give lines and reference, or clip"
            raise InputError("recipe.samples", message)
        for path, kind in ((wanted.reference, "reference"), (wanted.clip, "clip")):
            if path:
                regular_file(Path(path), kind)
        self.wanted, self.device = wanted, recipe.device

    def make(self, run: Path, step: int) -> list[tuple[str, torch.Tensor, int, Path]]:
        """Files `samples/STEP-NAME.wav` and `.png` in the run folder; name, waveform, rate and picture of each."""
        folder = run / "samples"
        folder.mkdir(exist_ok=True)
        made = []
        with torch.random.fork_rng():
            model = load(run, self.device)
            for name, result in self._results(model):
                place = folder / f"{step:08d}-{name}"
                soundfile.write(
                    place.with_suffix(".wav"), result.waveform.numpy(), result.sample_rate
                )
                image = place.with_suffix(".png")
                mel_image(result.waveform, result.sample_rate, image)
                made.append((name, result.waveform, result.sample_rate, image))
        return made

    def _results(self, model: DeepAudio) -> Iterator[tuple[str, Result]]:
        w = self.wanted
        for number, line in enumerate(w.lines, 1):
            task, direction = ("dub", "v2s") if w.clip else ("tts", "tts")
            said = {"transcript": line, "reference": w.reference, "direction": direction}
            yield f"line{number}", model.generate(INSTRUCTIONS[task], w.clip, **said)
        if w.clip and not w.lines:
            task = INSTRUCTIONS["foley"]
            yield "clip", model.generate(task, w.clip, prompt=w.prompt, direction="v2a")
