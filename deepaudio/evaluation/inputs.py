"""What an evaluation compares: the items of a manifest, and the systems that become its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from deepaudio.data.corpora.v2c import lst_items, with_setting
from deepaudio.data.manifest import Item, mapped, read_manifest
from deepaudio.discover import suggest
from deepaudio.errors import InputError, UsageError
from deepaudio.evaluation.systems import Shuffled, System, Truth, folder_system
from deepaudio.models.mof.gate import DIRECTIONS
from deepaudio.options import SampleOptions
from deepaudio.progress import Progress


@dataclass(frozen=True)
class Rows:
    """The systems asked for: folders, presets with their variants, and the two baselines."""

    predictions: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    variants: tuple[str, ...] = ("whole",)
    truth: bool = False
    unrelated: bool = False

    def __post_init__(self):
        if not (self.predictions or self.presets or self.truth or self.unrelated):
            raise UsageError(
                "eval.nothing",
                "nothing to score",
                "--predictions DIR, --preset mini, --truth or --unrelated",
            )
        if not self.presets and self.variants != ("whole",):
            raise UsageError("eval.variant", "--variant belongs to --preset", "give that too")


def read_items(
    manifest: Path,
    path_map: Mapping[str, str],
    setting: str | None = None,
    voices: Path | None = None,
    limit: int | None = None,
    needs_truth: bool = False,
) -> list[Item]:
    """Items of a JSONL manifest or a six-column .lst, with the references of a setting."""
    if manifest.suffix == ".lst":
        items = lst_items(manifest, dict(path_map))
    else:
        items = list(mapped(read_manifest(manifest), dict(path_map)))
    if voices is not None and setting != "dub3":
        raise UsageError("eval.voices", "--voices belongs to --setting dub3")
    if setting is not None:
        unseen = read_manifest(voices) if voices else None
        items = list(with_setting(items, setting, unseen))
    if needs_truth and not any(item.audio or item.label for item in items):
        raise UsageError("eval.truth", "the manifest names no audio: no ground truth to show")
    return items[:limit]


def check_labels(items: list[Item]) -> None:
    """InputError naming the first label of a gate's manifest that is no direction: it would count as an error of the gate."""
    for item in items:
        if item.label is not None and item.label not in DIRECTIONS:
            message = f"{item.id}: the label '{item.label}' is no direction of the gate"
            raise InputError("eval.label", message, suggest(item.label, list(DIRECTIONS)))


def refuse_doubles(names: Sequence[str]) -> None:
    """InputError for two systems of one name, by which rows, resumed ones and folders of predictions are known."""
    if len({name.replace(" ", "-") for name in names}) != len(names):
        message = f"two systems share a name: {', '.join(names)}"
        raise InputError(
            "eval.names", message, "--predictions NAME=DIR; folders of runs of other names"
        )


def systems_of(
    rows: Rows,
    items: list[Item],
    task: str,
    out: Path,
    options: SampleOptions,
    device: str = "auto",
    dtype: str = "auto",
    progress: Progress | None = None,
) -> list[System]:
    """The systems in the order of the table; presets generate under OUT/predictions first.

    InputError for two of one name.
    """
    if task == "mof":
        check_labels(items)
    systems: list[System] = []
    if rows.truth:
        systems.append(Truth())
    if rows.unrelated:
        systems.append(Shuffled(items))
    systems += [folder_system(spec) for spec in rows.predictions]
    wanted = [
        (preset, variant, Path(preset).name + ("" if variant == "whole" else f" {variant}"))
        for preset, variant in product(rows.presets, rows.variants)
    ]
    refuse_doubles([*(system.name for system in systems), *(name for *_, name in wanted)])
    if wanted:
        from deepaudio.evaluation.predict import predict
        from deepaudio.inference.model import load

        for preset, variant, name in wanted:
            model = load(preset, device, dtype=dtype)
            place = out / "predictions" / name.replace(" ", "-")
            systems.append(predict(model, items, task, place, variant, options, name, progress))
    return systems
