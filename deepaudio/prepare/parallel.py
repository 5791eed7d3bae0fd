"""One shard written by several processes: each writes its part of the items as a shard of its own."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

from deepaudio.data.manifest import Item
from deepaudio.data.shards import is_whole
from deepaudio.errors import InputError
from deepaudio.progress import Progress, counted

Write = Callable[[Iterable[Item], Path], int]


def write_parts(
    write: Write,
    items: Sequence[Item],
    out: Path,
    jobs: int = 1,
    progress: Progress | None = None,
    force: bool = False,
) -> dict[str, int | None]:
    """`write(items, out)`, or with several `jobs` OUT-0, OUT-1, ... of every jobs-th item, at the same time.

    The entries of each shard by its name; None for one that was whole already and is kept, unless `force`. `write` must be picklable, each
    process has one thread. An error of one process is raised when the others have ended: their shards stay.
    """
    if not items:
        raise InputError("manifest.empty", "the manifest has no items", "is it the right one?")
    places = [out] if jobs == 1 else [out.with_name(f"{out.name}-{n}") for n in range(jobs)]
    found: dict[str, int | None] = {str(p): None for p in places if is_whole(p) and not force}
    todo = {p: list(items[n :: len(places)]) for n, p in enumerate(places) if str(p) not in found}
    todo = {place: part for place, part in todo.items() if part}
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
