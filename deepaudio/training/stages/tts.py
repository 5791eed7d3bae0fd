"""Stage 2, M_tts (eq. 7): conditional flow matching of the mel after an in-context reference.

The flow of `mini` starts at noise, as in the paper; a mel prior of the line (`deepaudio.audio.prior.draft`) is one more condition.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from deepaudio.audio.mel import standardize
from deepaudio.config import build as build_config
from deepaudio.data.infill import InfillData
from deepaudio.data.speech import SpeechBatch, SpeechData, SpeechShards
from deepaudio.discover import find, name_of_network
from deepaudio.errors import UsageError
from deepaudio.flow.draws import Rng, rand, randn
from deepaudio.flow.objective import flow_matching_loss
from deepaudio.flow.path import interpolate
from deepaudio.flow.time import logit_normal, uniform
from deepaudio.training.fit import Loss
from deepaudio.training.recipe import Recipe
from deepaudio.training.stages._infill import Drawn, InfillStage, at_scales, guide_of, scales, style
from deepaudio.training.start import initialise, with_sizes

# what a stage may add to the network that it starts from; all of it starts at zero
NEW = ("input_embed.proj_energy.", "input_embed.proj_pitch.", "style_embed.", "guidance_embed.")


@dataclass(frozen=True)
class Objective:
    """Drops act per item. F5-TTS drops the reference in 0.3 and everything in 0.2 of the items (its code)."""

    time: Literal["uniform", "logit_normal"] = "logit_normal"
    drop_audio: float = 0.15
    drop_all: float = 0.1
    drop_text: float = 0.0
    drop_energy: float = 1.0  # 1: no energy input, plain text to speech
    drop_pitch: float = 1.0  # of a network with `pitch: true`
    drop_emotion: float = 0.2  # of a network with `emotions`
    drop_prosody: float = 0.2  # of a network with `prosody: true`
    regression: float = 0.2  # weight of the mel regressed from the content alone
    learn_guidance: bool = True  # of a network with `guidance`; false: data alone at every scale


class SpeechStage:
    """Text to speech and, with energy, video to speech: the same batch and the same loss (eq. 7, 11)."""

    def __init__(self, recipe: Recipe):
        self.model, self.config, self.objective = _network(recipe)
        self.network = name_of_network(self.model)
        if not self.config.prior:
            message = "prompts with a mel prior need a network that takes it"
            raise UsageError(
                "config.prior", message, hint="set model.prior=true, or data.infill=true"
            )
        self.data = build_config(SpeechData, dict(recipe.data), "data")
        self.guide = guide_of(self.model, self.config, self.objective)

    def batches(self, rng: torch.Generator) -> Iterator[SpeechBatch]:
        shards = SpeechShards(self.data, self.config.emotions)
        while True:
            yield shards.batch(rng)

    def draw(self, batch: SpeechBatch, rng: Rng) -> Drawn:
        """All that the loss of a batch leaves to chance, in a fixed order."""
        o, b = self.objective, len(batch.mel)
        drop_all = rand(b, rng) < o.drop_all
        drop_audio = drop_all | (rand(b, rng) < o.drop_audio)
        drop_text = drop_all | (rand(b, rng) < o.drop_text)
        keep_energy = rand(b, rng) >= o.drop_energy
        keep_pitch = rand(b, rng) >= o.drop_pitch if self.config.pitch else None
        given = style(batch, self.config, o, drop_all, rng)
        t = {"uniform": uniform, "logit_normal": logit_normal}[o.time](b, rng)
        x0 = randn(batch.mel.shape, rng)
        scale = scales(self.config, drop_all, rng)
        return Drawn(drop_audio, drop_text, keep_energy, keep_pitch, given, t, x0, scale)

    def loss(self, batch: SpeechBatch, rng: Rng | Drawn) -> Loss:
        o, device = self.objective, next(self.model.parameters()).device
        chance = rng if isinstance(rng, Drawn) else self.draw(batch, rng)
        t, x0 = chance.t.to(device), chance.x0.to(device)
        drop_text, pitch = chance.drop_text.to(device), None
        if self.config.pitch:
            pitch = (batch.pitch * chance.keep_pitch[:, None, None]).to(device)
        batch = SpeechBatch(*(value.to(device) for value in batch))
        x1 = standardize(batch.mel)
        content = torch.cat([batch.content, standardize(batch.prior)], -1)
        given = {name: value.to(device) for name, value in chance.style.items()} | {
            "content": content,
            "content_mask": batch.target,
            "cond": x1 * batch.prompt[..., None],
            "cond_mask": batch.prompt,
            "energy": batch.energy * chance.keep_energy.to(device)[:, None, None]
            if self.config.energy
            else None,
            "pitch": pitch,
            "mask": batch.prompt | batch.target,
            "drop_audio": chance.drop_audio.to(device),
            "drop_text": drop_text,
        }
        cond = self.model.encode(**given)
        sample = interpolate(x0, x1, t)
        wanted = sample.v
        if self.config.guidance:
            scale = chance.scale.to(device)
            cond = at_scales(self.model, cond, scale)
            if self.guide is not None:
                wanted = wanted + self.guide.added(sample, t, scale, given)
        v = self.model(sample.x_t, t, cond)
        total, weight = flow_matching_loss(v.float(), wanted, batch.target)
        parts = {"flow": float(total.detach() / weight)}
        if self.config.regression:
            heard = batch.target & ~drop_text[:, None]
            error = (self.model.regress(cond).float() - x1).abs().mean(-1)
            regressed = (error * heard).sum()
            parts["regression"] = float(regressed.detach() / heard.sum().clamp(min=1))
            total = total + o.regression * regressed
        return Loss(total, float(weight), parts)


def build(recipe: Recipe) -> SpeechStage | InfillStage:
    """The stage of a recipe: a prompt and what follows (`mini`), or infilling where it says `data.infill: true`."""
    values = dict(recipe.data)
    if not values.pop("infill", False):
        return SpeechStage(recipe)
    model, config, objective = _network(recipe)
    data = build_config(InfillData, values, "data")
    return InfillStage(model, config, data, objective, recipe.seed)


def _network(recipe: Recipe) -> tuple[nn.Module, Any, Objective]:
    sizes = dict(with_sizes(recipe).model)
    module = find("deepaudio.models.tts", sizes.pop("name", "dit"))
    config = build_config(module.Config, sizes, "model")
    objective = build_config(Objective, dict(recipe.objective), "objective")
    torch.manual_seed(recipe.seed)
    model = module.Model(config)
    initialise(model, recipe, new=NEW)
    return model, config, objective
