"""Where a run starts: from nothing, or from the weights of a preset, of an earlier stage or of another run."""

from pathlib import Path

from torch import nn

from deepaudio import checkpoint
from deepaudio.errors import WeightsError
from deepaudio.presets.trained import part_folder
from deepaudio.training.recipe import Recipe

ROLES = {"v2s": "tts"}  # of the other stages: their names


def source(recipe: Recipe) -> Path | None:
    """The model folder that `init_from` names: a folder, a run, or a preset (the part that this stage trains)."""
    if recipe.init_from is None:
        return None
    return part_folder(recipe.init_from, role_of(recipe))


def role_of(recipe: Recipe) -> str:
    """The part of a preset that the stage trains."""
    return ROLES.get(recipe.stage, recipe.stage)


def with_sizes(recipe: Recipe) -> Recipe:
    """The recipe with the network and the sizes of `init_from`, where its `model` is empty."""
    if recipe.model or recipe.init_from is None:
        return recipe
    place = part_folder(recipe.init_from, role_of(recipe))
    network = checkpoint.identity_of(place).network
    name = {} if network is None else {"name": network.rpartition("/")[2]}
    return recipe.model_copy(update={"model": name | checkpoint.load(place)[0]})


def initialise(model: nn.Module, recipe: Recipe, new: tuple[str, ...] = ()) -> None:
    """Load `recipe.init_from` if given. Parameters whose names start with one of `new` may be missing there.

    Raises WeightsError naming the first tensor that is missing, unknown or of another shape.
    """
    place = source(recipe)
    if place is None:
        return
    _, state = checkpoint.load(place)
    own = model.state_dict()
    for name, value in own.items():
        if name not in state and name.startswith(new):
            state[name] = value
        elif name not in state or state[name].shape != value.shape:
            found = tuple(state[name].shape) if name in state else "nothing"
            raise WeightsError(
                "init_from.mismatch",
                f"{recipe.init_from}: {name} should be {tuple(value.shape)}, found {found}",
            )
    unknown = sorted(set(state) - set(own))
    if unknown:
        raise WeightsError(
            "init_from.unknown", f"{recipe.init_from}: {unknown[0]} is not part of the model"
        )
    model.load_state_dict(state)
