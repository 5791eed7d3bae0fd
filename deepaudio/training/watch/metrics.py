"""The figures of a run in its folder: `metrics.jsonl` always, TensorBoard and wandb beside it.

A row of training has step, loss (mean since the row before), its parts, lr, seconds_per_step and waiting (share of the time spent on
batches); a row of validation has step, validation and validation_t0.1 and so on; a row of a spike has step, spike, usual and deviation.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from deepaudio.errors import ToolError
from deepaudio.training.recipe import Recipe

METRICS = "metrics.jsonl"


class Writer(Protocol):
    """One place where figures and samples go."""

    def row(self, step: int, values: Mapping[str, float]) -> None: ...

    def sample(self, step: int, name: str, waveform: Tensor, rate: int, image: Path) -> None: ...

    def close(self) -> None: ...


def writers(folder: Path, recipe: Recipe, step: int) -> list[Writer]:
    """Those that the recipe asks for, for a run that goes on after `step`. ToolError for one that is not installed."""
    found: list[Writer] = [Lines(folder, step)]
    wanted = recipe.watch.tensorboard
    if wanted is not False:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            if wanted:
                raise _missing("tensorboard") from error
        else:
            found.append(Board(SummaryWriter(folder / "tensorboard", purge_step=step + 1)))
    if recipe.watch.wandb:
        try:
            import wandb
        except ModuleNotFoundError as error:
            raise _missing("wandb") from error
        found.append(Wandb(wandb, folder, recipe))
    return found


def rows(folder: Path) -> list[dict[str, Any]]:
    """Those of metrics.jsonl in their order; what is no number in a row, or no row, is left out."""
    return [
        {name: value for name, value in row.items() if type(value) in (int, float)}
        for row in json_rows(folder / METRICS)
        if type(row.get("step")) is int
    ]


def json_rows(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line; a line that is damaged or was broken off is left out."""
    found = []
    if path.is_file():
        for line in path.read_bytes().splitlines():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                found.append(row)
    return found


class Lines:
    """metrics.jsonl, from which rows of updates that a killed run lost are taken out."""

    def __init__(self, folder: Path, step: int):
        self.path = folder / METRICS
        kept = [json.dumps(row) + "\n" for row in rows(folder) if row["step"] <= step]
        if self.path.is_file():
            partial = self.path.with_suffix(".partial")
            partial.write_text("".join(kept), encoding="utf-8")
            os.replace(partial, self.path)

    def row(self, step: int, values: Mapping[str, float]) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"step": step, **values}) + "\n")

    def sample(self, step: int, name: str, waveform: Tensor, rate: int, image: Path) -> None:
        """Samples are files of their own."""

    def close(self) -> None: ...


class Board:
    """TensorBoard; figures of validation stand apart from those of training."""

    def __init__(self, writer: Any):
        self.writer = writer

    def row(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            group = "validation" if name.startswith("validation") else "train"
            self.writer.add_scalar(f"{group}/{name}", value, step)

    def sample(self, step: int, name: str, waveform: Tensor, rate: int, image: Path) -> None:
        from matplotlib.image import imread

        self.writer.add_audio(f"samples/{name}", waveform[None], step, rate)
        self.writer.add_image(f"samples/{name}", imread(image)[..., :3], step, dataformats="HWC")

    def close(self) -> None:
        self.writer.close()


class Wandb:
    """Weights & Biases; it sends figures to its server unless WANDB_MODE=offline."""

    def __init__(self, wandb: Any, folder: Path, recipe: Recipe):
        self.wandb = wandb
        name = folder.resolve().name
        self.run = wandb.init(
            project="deepaudio",
            name=name,
            dir=str(folder),
            config=recipe.model_dump(mode="json"),
        )

    def row(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log(dict(values), step=step)

    def sample(self, step: int, name: str, waveform: Tensor, rate: int, image: Path) -> None:
        sound = self.wandb.Audio(waveform.numpy(), sample_rate=rate)
        self.run.log({name: sound, f"{name}-mel": self.wandb.Image(str(image))}, step=step)

    def close(self) -> None:
        self.run.finish()


def _missing(package: str) -> ToolError:
    message = f"watch.{package} is asked for and {package} is not installed"
    return ToolError(f"train.{package}", message, f"pip install {package}")
