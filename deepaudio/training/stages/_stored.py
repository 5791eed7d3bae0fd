"""Stage 1 at full size: M_v2a on precomputed latents and features (eq. 3-5, section 4.1)."""

import inspect
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepaudio.data.stored import Condition, StoredShards
from deepaudio.discover import name_of_network
from deepaudio.errors import InputError
from deepaudio.flow import time
from deepaudio.flow.draws import Rng, rand, randn
from deepaudio.flow.objective import flow_matching_loss
from deepaudio.flow.path import interpolate
from deepaudio.training.contrastive import with_contrast
from deepaudio.training.distributed.feed import ALL, Part, share_of
from deepaudio.training.fit import Loss

log = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """For each item of a batch: time, whether video and text are dropped, and the noise."""

    t: Tensor
    drop_video: Tensor
    drop_text: Tensor
    x0: Tensor


def drawn(latent: Tensor, objective: Any, rng: Rng) -> Drawn:
    """The random numbers of stage 1 for latents (b n c), in a fixed order."""
    b, o = len(latent), objective
    t = getattr(time, o.time)(b, rng)
    t = torch.where(rand(b, rng) < o.at_noise, torch.zeros_like(t), t)
    drop_video, drop_text = rand(b, rng) < o.drop, rand(b, rng) < o.drop
    return Drawn(t, drop_video, drop_text, randn(latent.shape, rng))


class StoredStage:
    """Any V2A network whose config names its `inputs()`; what an item lacks counts as dropped.

    Of the network: `normalize` turns latents to the space of the flow, `empty_string_feat` stands for the absent prompt,
    and a `text_mask` of `encode` gets the tokens that are text, where it has them.
    """

    def __init__(self, model: nn.Module, config: Any, shards: StoredShards, objective: Any):
        self.model, self.config, self.shards, self.objective = model, config, shards, objective
        self.network, self.share = name_of_network(self.model), ALL
        wanted = config.inputs()
        self.seen = [name for name in wanted if name != "text"]
        for name in self.seen:
            width, length = wanted[name]
            wanted[name] = (width, length and (shards.length(name) or length))
        self.wanted = {name: Condition(*size) for name, size in wanted.items()}
        self.masks_text = "text_mask" in inspect.signature(model.encode).parameters
        if hasattr(model, "normalize"):
            mean, deviation = shards.statistics()
            model.latent_mean.data.copy_(mean)
            model.latent_std.data.copy_(deviation)
        if hasattr(model, "empty_string_feat"):
            self._empty_prompt()

    def _empty_prompt(self) -> None:
        """The absent prompt is the encoded "", as in MMAudio: sampling guides away from it."""
        nothing, kept = self.shards.empty_prompt(), self.model.empty_string_feat
        if nothing is None:
            log.warning(
                "the shards lack the text states of the empty prompt: zeros stand for it, and guidance will meet others"
                " (make one shard anew with deepaudio.prepare.v2a_latents)"
            )
        elif nothing.shape != kept.shape:
            raise InputError(
                "data.empty_prompt",
                f"the empty prompt of the shards is {tuple(nothing.shape)}, the network's {tuple(kept.shape)}",
                hint="model.text_len and model.text_dim are those of the text encoder",
            )
        else:
            kept.data.copy_(nothing)

    def batches(self, rng: torch.Generator) -> Iterator[dict[str, Tensor] | Part]:
        """Batches for ever; with a `share`, its part of each."""
        if self.share == ALL:
            return self.shards.batches(rng, self.wanted)
        total = self.shards.data.batch_items
        first, last, counts = share_of(total, *self.share)
        own = self.shards.batches(rng, self.wanted, slice(first, last))
        return (Part(batch, first, total, counts) for batch in own)

    def draw(self, batch: dict[str, Tensor], rng: Rng) -> Drawn:
        """All that the loss of a batch leaves to chance."""
        return drawn(batch["latent"], self.objective, rng)

    def loss(self, batch: dict[str, Tensor], rng: Rng | Drawn) -> Loss:
        o, device = self.objective, next(self.model.parameters()).device
        chance = rng if isinstance(rng, Drawn) else self.draw(batch, rng)
        t, drop_video, drop_text, x0 = (value.to(device) for value in chance)
        given = {name: value.to(device) for name, value in batch.items()}
        drop_text = drop_text | ~given["has_text"]
        for name in self.seen:
            drop_video = drop_video | ~given[f"has_{name}"]
        x1 = given["latent"]
        if hasattr(self.model, "normalize"):
            x1 = self.model.normalize(x1)
        extra = {"text_mask": _tokens(given["text"])} if self.masks_text else {}
        cond = self.model.encode(
            *(given[name] for name in self.seen),
            given["text"],
            drop_video=drop_video,
            drop_text=drop_text,
            **extra,
        )
        sample = interpolate(x0, x1, t)
        summed = flow_matching_loss(self.model(sample.x_t, t, cond), sample.v)
        return with_contrast(self.model, summed, o.contrastive, x1, cond, ~drop_video)


def _tokens(text: Tensor) -> Tensor:
    """(b l d) states, zeros behind the text -> (b l) which are tokens; the first always counts."""
    mask = (text != 0).any(-1)
    mask[:, 0] = True
    return mask
