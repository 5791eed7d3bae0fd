"""Where a run starts: from nothing, or from the weights of an earlier stage."""

from pathlib import Path

from torch import nn

from deepaudio import checkpoint
from deepaudio.errors import WeightsError
from deepaudio.training.recipe import Recipe


def initialise(model: nn.Module, recipe: Recipe, new: tuple[str, ...] = ()) -> None:
    """Load `recipe.init_from` if given. Parameters whose names start with one of `new` may be missing there.

    Raises WeightsError naming the first tensor that is missing, unknown or of another shape.
    """
    if recipe.init_from is None:
        return
    _, state = checkpoint.load(Path(recipe.init_from))
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
