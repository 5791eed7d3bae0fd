"""One shard written by several processes, of this machine or of a Ray cluster: each writes its part of the items as a shard of its own."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from deepaudio.cluster import connected, forgiving, most_workers, share_of, take_threads
from deepaudio.data.manifest import Item
from deepaudio.data.shards import is_whole
from deepaudio.errors import DeepAudioError, InputError, ResourceError
from deepaudio.notices import Notices
from deepaudio.options import Engine
from deepaudio.progress import Progress, counted

log = logging.getLogger(__name__)
Write = Callable[[Iterable[Item], Path], int]


class WithModel:
    """`write(items, place, model)` as a `Write`: every process makes the model for itself, when it writes its first part."""

    def __init__(self, make: Callable[[], Any], write: Callable[[Iterable[Item], Path, Any], int]):
        self.make, self.write = make, write
        self.model: Any = None

    def __call__(self, items: Iterable[Item], place: Path) -> int:
        self.model = self.make() if self.model is None else self.model
        return self.write(items, place, self.model)


@dataclass
class _Part:
    """A shard and its items; what became of it."""

    place: str
    at: Path
    items: list[Item]
    count: int = 0
    error: DeepAudioError | None = None
    warnings: list[str] = field(default_factory=list)


def write_parts(
    write: Write,
    items: Sequence[Item],
    out: Path,
    jobs: int = 1,
    progress: Progress | None = None,
    force: bool = False,
    engine: Engine = "processes",
    address: str | None = None,
    device: str = "cpu",
    whole: Callable[[Path], bool] = is_whole,
) -> dict[str, int | None]:
    """`write(items, out)`, or with several `jobs` OUT-0, OUT-1, ... of every jobs-th item, at the same time.

    With the engine ray these are written by the machines of a cluster that share the folders, and are the same but for rounding: a worker has a thread for each processor that it gets.

    The entries of each shard by its name; None for one that was `whole` already and is kept, unless `force`. `write` must be picklable, each
    process has one thread; with a `device` that may be a GPU each worker of a cluster has one where there are some. An error of one process is raised when the others have ended: their shards stay.
    """
    if not items:
        raise InputError("manifest.empty", "the manifest has no items", "is it the right one?")
    places = [out] if jobs == 1 else [out.with_name(f"{out.name}-{n}") for n in range(jobs)]
    found: dict[str, int | None] = {str(p): None for p in places if whole(p) and not force}
    todo = {p: list(items[n :: len(places)]) for n, p in enumerate(places) if str(p) not in found}
    todo = {place: part for place, part in todo.items() if part}
    if engine == "ray":
        return found | on_cluster(write, todo, address, device, progress)
    if jobs == 1:
        return found | {
            str(place): write(counted(part, progress), place) for place, part in todo.items()
        }
    context = get_context("spawn")
    with ProcessPoolExecutor(
        jobs, context, initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        futures = {pool.submit(write, part, place): place for place, part in todo.items()}
        for number, future in enumerate(as_completed(futures), 1):
            found[str(futures[future])] = future.result()
            if progress:
                progress("shards", number, len(futures))
    return found


def on_cluster(
    write: Write,
    parts: Mapping[Path, Sequence[Item]],
    address: str | None,
    device: str,
    progress: Progress | None,
) -> dict[str, int]:
    """`write(items, place)` of each part by the workers of a Ray cluster; the entries of each shard by its name.

    What a worker logs as a warning is logged here. The first error is raised when all parts have ended; ResourceError names those whose worker died.
    """
    found: dict[str, int] = {}
    errors: list[DeepAudioError] = []
    if not parts:
        return found
    rows = [{"part": _Part(str(p), p.absolute(), [*items])} for p, items in parts.items()]
    with connected(address) as ray:
        forgiving(ray)
        workers = min(most_workers(ray, device), len(rows))
        data = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Writer,
            fn_constructor_args=(write,),
            compute=ray.data.ActorPoolStrategy(size=workers),
            max_restarts=-1,
            max_task_retries=0,
            **share_of(ray, device, workers),
        )
        lost = {str(place) for place in parts}
        for number, part in enumerate((row["part"] for row in data.iter_rows()), 1):
            lost.discard(part.place)
            for warning in part.warnings:
                log.warning("%s", warning)
            if part.error is None:
                found[part.place] = part.count
            else:
                errors.append(part.error)
            if progress:
                progress("shards", number, len(rows))
    if errors:
        raise errors[0]
    if lost:
        message = f"the worker of {', '.join(sorted(lost))} died; out of memory?"
        raise ResourceError("prepare.killed", message, "smaller parts; those that are whole stay")
    return found


class _Writer:
    """A process of a cluster that writes one part after another."""

    def __init__(self, write: Write):
        self.write = write
        take_threads()

    def __call__(self, row: dict[str, _Part]) -> dict[str, _Part]:
        part, notices = row["part"], Notices()
        with notices.listening():
            try:
                part.count = self.write(part.items, part.at)
            except DeepAudioError as error:
                part.error = error
        return {"part": replace(part, items=[], warnings=notices.logged)}
