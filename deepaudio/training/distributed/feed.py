"""Batches for the loop, made ahead of time by a thread: read, drawn, cut to this process's share, copied to pinned memory.

The thread does what the loop would do, in the same order and from the same generator, so the numbers do not depend on it.
What a save needs is kept beside each batch: the state of the generator and of the stage after it, not after those made ahead.
"""

import queue
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

AHEAD = 4  # batches
ALL = (0, 1)  # the share of the only process
LOOK = 0.2  # seconds between looks at whether the loop has ended
PATIENCE = 60.0  # seconds that a batch which is being made may still take


class Part(NamedTuple):
    """A batch that a stage has read for its `share` alone: items from `first` on, `count` of `total`.

    `counts` is false where a batch has fewer items than there are processes: one item then stands in and weighs nothing.
    """

    batch: Any
    first: int
    total: int
    counts: bool = True


class Fed(NamedTuple):
    """A batch with what its loss leaves to chance (a generator, or numbers), whether it counts, and the states after it."""

    batch: Any
    chance: Any
    counts: bool
    rng_state: Tensor | None
    stage_state: dict[str, Any] | None


def share_of(total: int, rank: int, world: int) -> tuple[int, int, bool]:
    """First item, the one after the last, and whether they count, of process `rank` of `world`."""
    first, last = total * rank // world, total * (rank + 1) // world
    if last > first:
        return first, last, True
    first = min(first, total - 1)
    return first, first + 1, False


def items_in(batch: Any) -> int:
    """Length of the first axis of the first tensor or list."""
    if isinstance(batch, Tensor) or (isinstance(batch, list | tuple) and not _is_record(batch)):
        return len(batch)
    values = batch.values() if isinstance(batch, Mapping) else batch
    return items_in(next(value for value in values if value is not None))


def mapped(value: Any, change, lists=lambda x: x) -> Any:
    """`change` of every tensor in records, mappings and tuples; `lists` of every list."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: mapped(x, change, lists) for name, x in value.items()}
    if _is_record(value):
        return type(value)(*(mapped(x, change, lists) for x in value))
    if isinstance(value, tuple):
        return tuple(mapped(x, change, lists) for x in value)
    return lists(value) if isinstance(value, list) else value


def _is_record(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


class Feed:
    """Endless batches of a stage. A stage with `draw` is fed ahead; one without draws in its loss, from the generator itself."""

    def __init__(
        self,
        stage: Any,
        rng: torch.Generator,
        rank: int,
        world: int,
        device: torch.device,
        ahead: bool = True,
    ):
        self.stage, self.rng, self.rank, self.world, self.device = stage, rng, rank, world, device
        self.draws = hasattr(stage, "draw") and not hasattr(stage, "step")
        self.ahead = self.draws and ahead
        if world > 1 and hasattr(stage, "share"):
            stage.share = (rank, world)
        self.batches = stage.batches(rng)
        self.rng_state: Tensor | None = None
        self.stage_state: dict[str, Any] | None = None
        self.waited = 0.0  # seconds, in all
        self.ended = threading.Event()
        self.made: queue.Queue = queue.Queue(AHEAD)
        if self.ahead:
            self.thread = threading.Thread(target=self._work, name="feed", daemon=True)
            self.thread.start()

    def next(self) -> Fed:
        """The next batch; what went wrong while it was made is raised here."""
        asked = time.perf_counter()
        fed = self._next()
        self.waited += time.perf_counter() - asked
        return fed

    def _next(self) -> Fed:
        if not self.draws:
            return Fed(next(self.batches), self.rng, True, None, None)
        fed = self.made.get() if self.ahead else self._made()
        if isinstance(fed, BaseException):
            raise fed
        self.rng_state, self.stage_state = fed.rng_state, fed.stage_state
        if self.device.type == "cuda":  # from pinned memory, while the GPU computes
            batch, chance = (
                mapped(x, lambda t: t.to(self.device, non_blocking=True))
                for x in (fed.batch, fed.chance)
            )
            fed = fed._replace(batch=batch, chance=chance)
        return fed

    def states(self) -> tuple[Tensor, dict[str, Any] | None]:
        """Of generator and stage after the batches that were taken."""
        if self.rng_state is None:
            return self.rng.get_state(), self._stage_state()
        return self.rng_state, self.stage_state

    def close(self) -> None:
        """End the thread: one that still computes when the interpreter ends would bring it down."""
        self.ended.set()
        if self.ahead:
            self.thread.join(PATIENCE)

    def _stage_state(self) -> dict[str, Any] | None:
        return self.stage.state() if hasattr(self.stage, "state") else None

    def _work(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        while not self.ended.is_set():
            try:
                made: Any = self._made()
            except BaseException as error:  # noqa: BLE001 - raised again in the loop's thread
                made = error
            while not self.ended.is_set():
                try:
                    self.made.put(made, timeout=LOOK)
                    break
                except queue.Full:
                    continue
            if isinstance(made, BaseException):
                return

    def _made(self) -> Fed:
        from deepaudio.flow.draws import Share

        batch = next(self.batches)
        if isinstance(batch, Part):
            batch, first, total, counts = batch
            chance = self.stage.draw(batch, Share(self.rng, first, total))
        else:
            chance, counts = self.stage.draw(batch, self.rng), True
            if self.world > 1:
                first, last, counts = share_of(items_in(batch), self.rank, self.world)
                own = slice(first, last)
                batch, chance = (
                    mapped(x, lambda t: t[own], lambda t: t[own]) for x in (batch, chance)
                )
        if self.device.type == "cuda":
            batch, chance = (mapped(x, lambda t: t.pin_memory()) for x in (batch, chance))
        return Fed(batch, chance, counts, self.rng.get_state(), self._stage_state())
