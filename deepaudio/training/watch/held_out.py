"""The loss on material that is kept out of the training: each time the same batches, times, drops and noise."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import torch

from deepaudio.discover import find
from deepaudio.errors import InputError
from deepaudio.training.distributed.feed import Feed
from deepaudio.training.distributed.ranks import Alone
from deepaudio.training.recipe import Recipe
from deepaudio.training.start import with_sizes

TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the flow, in turn, one a batch


class HeldOut:
    """Batches of a recipe's stage on `watch.validation.data`, heard by the network that is trained.

    The loss is that of training, at TIMES instead of drawn ones where the stage learns a flow.
    """

    def __init__(self, recipe: Recipe, stage: Any):
        wanted = recipe.watch.validation
        if hasattr(stage, "step"):
            message = f"watch.validation: stage {recipe.stage} has no one loss for a held-out set"
            raise InputError(
                "recipe.validation", message, "leave it out; samples can be listened to"
            )
        data = recipe.data | wanted.data
        changes = {"data": data, "seed": recipe.seed + 1, "init_from": None}
        # for its batches and draws; the network that it makes is dropped at once
        plan = with_sizes(recipe).model_copy(update=changes)
        self.stage = find("deepaudio.training.stages", recipe.stage).build(plan)
        self.stage.model = stage.model
        self.batches, self.seed = wanted.batches, recipe.seed
        self.begun = self.stage.state() if hasattr(self.stage, "state") else None
        next(self.stage.batches(torch.Generator()))  # what is wrong with the data is said now

    @torch.no_grad()
    def loss(self, losses: Callable[[Any, Any], Any], ranks: Alone, amp: Any) -> dict[str, float]:
        """Means of all batches as `validation`, of those at each time as `validation_t0.1` and so on."""
        if self.begun is not None:
            self.stage.restore(self.begun)
        drawn = _AtTimes(self.stage)
        rng = torch.Generator().manual_seed(self.seed)
        sums: dict[float | None, list[float]] = {}
        with closing(Feed(drawn, rng, ranks.rank, ranks.world, ranks.device)) as feed:
            for number in range(self.batches):
                fed = feed.next()
                with amp():
                    loss = losses(fed.batch, fed.chance)
                counts = (float(loss.value), loss.weight) if fed.counts else (0.0, 0.0)
                time = TIMES[number % len(TIMES)] if drawn.timed else None
                kept = sums.setdefault(time, [0.0, 0.0])
                for place, value in enumerate(ranks.summed(*counts)):
                    kept[place] += value
        total, weight = (sum(values) for values in zip(*sums.values(), strict=True))
        by_time = {f"validation_t{t:g}": a / b for t, (a, b) in sums.items() if t is not None and b}
        return {"validation": total / weight, **by_time}


class _AtTimes:
    """A stage whose batches are heard at TIMES in turn."""

    def __init__(self, stage: Any):
        self.stage, self.drawn, self.timed = stage, 0, False

    def batches(self, rng: torch.Generator) -> Iterator[Any]:
        return self.stage.batches(rng)

    def draw(self, batch: Any, rng: Any) -> Any:
        chance = self.stage.draw(batch, rng)
        if hasattr(chance, "t"):
            self.timed = True
            chance = chance._replace(t=torch.full_like(chance.t, TIMES[self.drawn % len(TIMES)]))
        self.drawn += 1
        return chance
