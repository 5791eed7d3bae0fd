"""Stage 4, V2S tuning (eq. 9-12): the speech model of stage 2 goes on training with the energy that V2A hands over.

Each condition is left out of 25 % of the items (section 3). The one-step estimate of eq. 12 only re-weights eq. 11 in
time (see `deepaudio.flow.path.estimate_data`), so the loss is that of stage 2.
"""

from dataclasses import replace

from deepaudio.errors import InputError
from deepaudio.training.recipe import Recipe
from deepaudio.training.stages import tts
from deepaudio.training.stages._infill import InfillStage

PAPER_DROPS = {"drop_audio": 0.25, "drop_text": 0.25, "drop_energy": 0.25, "drop_all": 0.0}


def build(recipe: Recipe) -> tts.SpeechStage | InfillStage:
    """The stage of a recipe with `stage: v2s`; its drops are the paper's unless the recipe says otherwise."""
    stage = tts.build(recipe)
    if not stage.config.energy:
        raise InputError(
            "recipe.energy",
            "stage v2s needs a model with an energy input",
            hint="model.energy=true",
        )
    said = set(recipe.objective)
    drops = {name: value for name, value in PAPER_DROPS.items() if name not in said}
    stage.objective = replace(stage.objective, **drops)
    return stage
