"""Check a recipe to the last key without data, weights or memory: its network is built on the meta device."""

import torch
from torch import nn

from deepaudio.config import build as build_config
from deepaudio.data.stored import StoredData
from deepaudio.data.v2a import V2AData
from deepaudio.discover import find
from deepaudio.training.recipe import Recipe


def check(recipe: Recipe) -> nn.Module:
    """The network of a recipe, without numbers. InputError or UsageError naming the first key that is wrong."""
    recipe = recipe.model_copy(update={"init_from": None})
    stage = find("deepaudio.training.stages", recipe.stage)
    # no STFT and no WORLD on the meta device
    with torch.device("cpu" if recipe.stage in ("vocoder", "voice") else "meta"):
        if recipe.stage != "v2a":
            return stage.build(recipe).model
        model, _ = stage.network(recipe)
    values = dict(recipe.data)
    if "features" in values:
        build_config(StoredData, values, "data")
    else:
        values["shards"] = values.get("shards", []) + ["drawn"] * bool(values.pop("drawn", 0))
        build_config(
            stage.mel_linear.Config,
            {k: v for k, v in values.pop("codec", {}).items() if k != "folder"},
            "data.codec",
        )
        build_config(V2AData, values, "data")
    build_config(stage.Objective, recipe.objective, "objective")
    return model
