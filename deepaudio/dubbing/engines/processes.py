"""Processes on this machine: each loads the model once and takes its share of the cores."""

import os
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from deepaudio.dubbing.batch_manifest import BatchItem
from deepaudio.dubbing.engines import Work
from deepaudio.dubbing.jobs import BatchJob, DubJob
from deepaudio.errors import DeepAudioError, ResourceError


def run(
    work: Work, items: list[BatchItem], batch: BatchJob
) -> Iterator[tuple[BatchItem, DeepAudioError | None]]:
    """With one job in this process; else as many processes as asked for. When one is killed, the items in work are tried again, each alone: one of them did it."""
    if batch.jobs == 1:
        for item in items:
            yield item, work(item.job, batch)
        return
    waiting = list(items)
    while waiting:
        for item in (yield from _pooled(work, batch, waiting, min(batch.jobs, len(waiting)))):
            if (yield from _pooled(work, batch, [item], 1)):
                message = f"line {item.line}: its process was killed; out of memory?"
                yield item, ResourceError("batch.killed", message, "use fewer --jobs")


def _pooled(
    work: Work, batch: BatchJob, waiting: list[BatchItem], jobs: int
) -> Generator[tuple[BatchItem, DeepAudioError | None], None, list[BatchItem]]:
    """Work through `waiting` until it is empty or a process is killed; returns the items that were in work then.

    When we are stopped by a signal, the processes end as well.
    """
    pool = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_begin, initargs=(batch.jobs,)
    )
    running: dict[Future, BatchItem] = {}
    lost: list[BatchItem] = []
    try:
        while running or (waiting and not lost):
            while waiting and not lost and len(running) < jobs:
                item = waiting.pop(0)
                try:
                    running[pool.submit(_work, work, item.job, batch)] = item
                except BrokenProcessPool:
                    lost.append(item)
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                item = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    lost.append(item)
                else:
                    yield item, future.result()
    except GeneratorExit:
        raise
    except BaseException:  # a signal: the processes end their items and clean up
        for process in list((pool._processes or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return lost


_STOPPED: list[int] = []  # signals that came to this worker


def _begin(jobs: int) -> None:
    """A worker takes its share of the cores; a signal ends its item, and it takes no other."""
    import torch

    def stop(number, frame):
        _STOPPED.append(number)
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // jobs))


def _work(work: Work, job: DubJob, batch: BatchJob) -> DeepAudioError | None:
    if _STOPPED:
        return ResourceError("batch.stopped", f"{job.clip}: stopped before its turn")
    return work(job, batch)
