"""Presets by name or folder, and the folder of a training run as a preset."""

from os import PathLike
from pathlib import Path
from typing import NamedTuple

from deepaudio import checkpoint
from deepaudio.discover import suggest
from deepaudio.errors import WeightsError
from deepaudio.options import PRESET
from deepaudio.presets import official, store

PRESETS = Path(__file__).resolve().parent
ROLES = {
    "codecs/vocos_source": "vocoder",
    "eigenvoice": "voice",
}  # others: the part before the slash


class Run(NamedTuple):
    """What a run trained: folders by part (tts, v2a, v2a/codec, mof, vocoder, voice), and the preset of the other parts."""

    preset: str
    parts: dict[str, Path]


def read(folder: Path) -> Run | None:
    """The run in a folder (RUN or RUN/model); None for a folder that is none. WeightsError when its model is damaged."""
    model = folder / "model" if (folder / "model" / checkpoint.CONFIG).is_file() else folder
    if not (model / checkpoint.CONFIG).is_file():
        return None
    identity = checkpoint.identity_of(model)
    if identity.network is None:
        message = f"{model / checkpoint.CONFIG} does not say which network it is"
        raise WeightsError(
            "preset.no_network", message, 'add "network": "tts/dit", "v2a/mmdit" ...'
        )
    role = ROLES.get(identity.network, identity.network.partition("/")[0])
    parts = {role: model}
    codec = model.parent / "codec"
    if role == "v2a" and (codec / checkpoint.CONFIG).is_file():
        parts["v2a/codec"] = codec
    return Run(identity.preset or PRESET, parts)


def is_full_size(preset: Path) -> bool:
    """Whether a preset as `preset_folder` gives it, or the one that a run names for its other parts, is a full size."""
    run = None if str(preset) in official.PRESETS else read(preset)
    return (run.preset if run else str(preset)) in official.PRESETS


def embedded() -> dict[str, Path]:
    """The presets inside the package: name and folder."""
    return {p.name: p for p in sorted(PRESETS.iterdir()) if any(p.glob(f"*/{checkpoint.WEIGHTS}"))}


def part_folder(name_or_folder: str | PathLike, role: str) -> Path:
    """The model folder of a part (tts, v2a, mof, vocoder, voice) of a preset, or the folder itself (RUN or RUN/model).

    Raises WeightsError for an unknown preset and for weights that are not on this machine.
    """
    folder = Path(name_or_folder)
    if (folder / "model" / checkpoint.CONFIG).is_file():
        return folder / "model"
    if (folder / checkpoint.CONFIG).is_file() or folder.name != str(folder):
        return folder
    preset = preset_folder(name_or_folder)
    if str(preset) in official.PRESETS:
        return store.checked(official.part(official.PRESETS[str(preset)].parts[role]))
    return preset / role


def preset_folder(name_or_folder: str | PathLike) -> Path:
    """The folder of a preset: inside the package, or the folder itself; a full size, of many parts, keeps its name.

    Raises WeightsError for an unknown name and for official weights that are not on this machine.
    """
    given = Path(name_or_folder)
    inside = embedded()
    if str(given) in inside:
        return inside[str(given)]
    if given.is_dir() and str(name_or_folder):
        return given
    if str(given) in official.PRESETS:
        store.require(official.PRESETS[str(given)])
        return given
    known = [*embedded(), *official.PRESETS]
    message = f"no preset '{name_or_folder}'"
    raise WeightsError("preset.unknown", message, suggest(str(name_or_folder), known))
