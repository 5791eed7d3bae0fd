"""Processes on this machine: each loads the model once and takes its share of the cores."""

import logging
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from deepaudio.devices import device_of, usable_cores
from deepaudio.dubbing.batch_manifest import BatchItem
from deepaudio.dubbing.engines import Work
from deepaudio.dubbing.jobs import BatchJob, DubJob
from deepaudio.errors import DeepAudioError, ResourceError
from deepaudio.presets.trained import is_full_size, preset_folder

log = logging.getLogger(__name__)

MEMORY = 1.5e9  # bytes that a process with `mini` takes, and some more


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


def _pooled(
    work: Work, batch: BatchJob, waiting: list[BatchItem], jobs: int
) -> Generator[tuple[BatchItem, DeepAudioError | None], None, list[BatchItem]]:
    """Work through `waiting` until it is empty or a process is killed; returns the items that were in work then.

    When we are stopped by a signal, the processes end as well.
    """
    pool = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_begin, initargs=(jobs,)
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

    torch.set_num_threads(max(1, usable_cores() // jobs))


def _work(work: Work, job: DubJob, batch: BatchJob) -> DeepAudioError | None:
    if _STOPPED:
        return ResourceError("batch.stopped", f"{job.clip}: stopped before its turn")
    return work(job, batch)
