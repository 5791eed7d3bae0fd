"""Check a recipe to the last key without data, weights or memory: its network is built on the meta device."""

import torch
from torch import nn

from deepaudio.discover import find
from deepaudio.training.recipe import Recipe
from deepaudio.training.start import with_sizes


def check(recipe: Recipe) -> nn.Module:
    """The network of a recipe, without numbers. InputError or UsageError naming the first key that is wrong.

    A stage whose `build` reads data has a `checked(recipe)` instead; `CHECKED_ON` is "cpu" where the meta device lacks what
    it needs (STFT, WORLD).
    """
    recipe = with_sizes(recipe).model_copy(update={"init_from": None})
    stage = find("deepaudio.training.stages", recipe.stage)
    with torch.device(getattr(stage, "CHECKED_ON", "meta")):
        return stage.checked(recipe) if hasattr(stage, "checked") else stage.build(recipe).model
