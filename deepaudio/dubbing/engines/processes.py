"""Processes on this machine: each loads the model once and takes its share of the cores."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import TypeVar

from deepaudio.devices import device_of, usable_cores
from deepaudio.dubbing.batch_manifest import BatchItem
from deepaudio.dubbing.engines import Work
from deepaudio.dubbing.jobs import BatchJob, DubJob
from deepaudio.errors import DeepAudioError, ResourceError
from deepaudio.presets.trained import is_full_size, preset_folder

log = logging.getLogger(__name__)
T = TypeVar("T")

MEMORY = 1.5e9  # bytes that a process with `mini` takes, and some more
CLEAN_UP = 10.0  # seconds that a worker has for it when the process that started it is gone


def run(
    work: Work, items: list[BatchItem], batch: BatchJob
) -> Iterator[tuple[BatchItem, DeepAudioError | None]]:
    """With one job in this process; else in `processes_for` it. When one is killed, the items in work are tried again, each alone: one of them did it."""
    jobs = processes_for(batch)
    if batch.jobs == 1 or (batch.jobs is None and min(jobs, len(items)) == 1):
        for item in items:
            yield item, work(item.job, batch)
        return
    waiting = list(items)
    while waiting:
        for item in (yield from _pooled(work, batch, waiting, min(jobs, len(waiting)))):
            if (yield from _pooled(work, batch, [item], 1)):
                message = f"line {item.line}: its process was killed; out of memory?"
                yield item, ResourceError("batch.killed", message, "use fewer --jobs")


def processes_for(batch: BatchJob) -> int:
    """Never more processes than cores. Unless told, one a core where memory allows: two of one thread do twice what one of two does.

    A full size and a GPU, of which a second process would take as much again, have one.
    """
    cores = usable_cores()
    if batch.jobs is not None:
        if batch.jobs > cores and device_of(batch.device).type == "cpu":
            log.warning("%d processes, as many as there are cores, not %d", cores, batch.jobs)
            return cores
        return batch.jobs
    if device_of(batch.device).type != "cpu" or is_full_size(preset_folder(batch.preset)):
        return 1
    return max(1, min(cores, int(_free_memory() / MEMORY)))


def _free_memory() -> float:
    """Bytes that processes can have now, without limit where the system does not say."""
    facts = Path("/proc/meminfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    found = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return 1024 * float(next(found, "inf"))


@contextmanager
def pool(workers: int, share: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that take a `share`-th of the cores each. When we are stopped by a signal, they end their items, clean up and end as well."""
    made = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(share,)
    )
    try:
        yield made
    except GeneratorExit:
        raise
    except BaseException:
        for process in list((made._processes or {}).values()):
            process.terminate()
        raise
    finally:
        made.shutdown(wait=False, cancel_futures=True)


def _pooled(
    work: Work, batch: BatchJob, waiting: list[BatchItem], jobs: int
) -> Generator[tuple[BatchItem, DeepAudioError | None], None, list[BatchItem]]:
    """Work through `waiting` until it is empty or a process is killed; returns the items that were in work then."""
    running: dict[Future, BatchItem] = {}
    lost: list[BatchItem] = []
    with pool(jobs, jobs) as processes:
        while running or (waiting and not lost):
            while waiting and not lost and len(running) < jobs:
                item = waiting.pop(0)
                try:
                    running[processes.submit(in_worker, work, item.job, batch)] = item
                except BrokenProcessPool:
                    lost.append(item)
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                item = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    lost.append(item)
                else:
                    yield item, future.result()
    return lost


_STOPPED: list[int] = []  # signals that came to this worker
_AT_WORK = threading.Lock()  # held while an item is in work


def _begin(jobs: int) -> None:
    """A worker takes its share of the cores; a signal ends its item and the worker. It does not outlive the process that started it."""
    import torch

    def stop(number, frame):
        _STOPPED.append(number)
        if not _AT_WORK.locked():
            os._exit(128 + number)
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    torch.set_num_threads(max(1, usable_cores() // jobs))


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one (it may be killed), end the item in work, and leave."""
    connection.wait([parent_process().sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    _AT_WORK.acquire(timeout=CLEAN_UP)
    os._exit(128 + signal.SIGTERM)


def in_worker(work: Callable[[DubJob, BatchJob], T], job: DubJob, batch: BatchJob) -> T:
    """`work(job, batch)`, in a worker of a `pool`. Stopped by a signal it cleans up, and the worker leaves at once.

    The executor would catch the exception and wait for the next item: for ever, when the worker that held the lock of the queue was killed.
    """
    try:
        with _AT_WORK:
            return work(job, batch)
    finally:
        if _STOPPED:
            os._exit(128 + _STOPPED[0])
