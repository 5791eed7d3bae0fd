"""What a batch will cost: some of its items are dubbed into a temporary folder and measured, the means taken times the number of items."""

import math
import os
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from deepaudio.dubbing.batch import attempt, finished, items_of, loaded
from deepaudio.dubbing.batch_manifest import BatchItem
from deepaudio.dubbing.engines.processes import in_worker, pool, processes_for
from deepaudio.dubbing.jobs import BatchJob, DubJob
from deepaudio.dubbing.record import plain
from deepaudio.errors import BatchError, DeepAudioError, ResourceError
from deepaudio.options import SAMPLE
from deepaudio.progress import Progress

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


@dataclass(frozen=True)
class Spent:
    """On one item: seconds of its clip, of processors, of the clock, of a GPU (held all the while), bytes read and written."""

    clip_seconds: float
    cpu_seconds: float
    wall_seconds: float
    gpu_seconds: float | None
    read_bytes: int
    written_bytes: int


@dataclass(frozen=True)
class Worker:
    """What a worker process takes: seconds before its first item and bytes of memory at the highest."""

    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    gpu_memory_bytes: int | None


@dataclass(frozen=True)
class Estimate:
    """The measured items of a batch of `items`, worked through by `jobs` processes; `failed` are items of the sample that ended in an error."""

    items: int
    jobs: int
    device: str
    worker: Worker
    sample: tuple[Spent, ...]
    failed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def item(self) -> dict[str, float | None]:
        """Means over the sample."""
        rows = [asdict(spent) for spent in self.sample]
        return {
            key: None if rows[0][key] is None else statistics.fmean(row[key] for row in rows)
            for key in rows[0]
        }

    @property
    def clip_second(self) -> dict[str, float | None]:
        """What a second of clip takes, all in all."""
        seconds = self.item["clip_seconds"]
        keys = ("cpu_seconds", "gpu_seconds", "written_bytes")
        return {k: None if self.item[k] is None else self.item[k] / seconds for k in keys}

    @property
    def whole(self) -> dict[str, float | None]:
        """Of all items: the means times their number, and the start of each worker once; `give_or_take` is twice the standard error, as a part."""
        item, workers = self.item, min(self.jobs, self.items)
        total = {key: None if mean is None else mean * self.items for key, mean in item.items()}
        total["cpu_seconds"] += workers * self.worker.cpu_seconds
        each = math.ceil(self.items / workers)
        total["wall_seconds"] = self.worker.wall_seconds + each * item["wall_seconds"]
        if total["gpu_seconds"] is not None:
            total["gpu_seconds"] += workers * self.worker.wall_seconds
        total["memory_bytes"] = workers * self.worker.memory_bytes
        return total | {"give_or_take": self._error()}

    def _error(self) -> float | None:
        """Of the mean of processor seconds; None of a single item."""
        cpu, size = [spent.cpu_seconds for spent in self.sample], len(self.sample)
        if size < 2:
            return None
        unseen = 1 - size / self.items
        return 2 * statistics.stdev(cpu) * math.sqrt(unseen / size) / statistics.fmean(cpu)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "items": self.items,
            "jobs": self.jobs,
            "device": self.device,
            "sample": [asdict(spent) for spent in self.sample],
            "worker": asdict(self.worker),
            "item": self.item,
            "clip_second": self.clip_second,
            "whole": self.whole,
            "failed": self.failed,
        }


def estimate(
    batch: BatchJob, base: DubJob, sample: int = SAMPLE, progress: Progress | None = None
) -> Estimate:
    """Dub `sample` items of the manifest (or of its shard, or of what `resume` leaves), chosen evenly; nothing stays of them.

    They are spoken anew, by one worker as there would be `jobs` of. BatchError when none of them could be dubbed.
    """
    with tempfile.TemporaryDirectory(prefix="deepaudio-estimate-") as folder:
        place = Path(folder)
        batch = replace(batch, out_dir=batch.out_dir or place / "out")
        items = [item for item in items_of(batch, base) if item.error is None]
        if batch.resume:
            items = [item for item in items if not finished(item.job, batch)]
        if not items:
            raise BatchError("estimate.nothing", "no item is left to dub", "leave --resume out")
        chosen = [items[number] for number in evenly(len(items), sample)]
        told = batch.engine == "ray" and batch.jobs is not None  # workers may be on other machines
        jobs = batch.jobs if told else processes_for(batch)
        return _measured(batch, items, chosen, jobs, place, progress)


def evenly(count: int, sample: int) -> list[int]:
    """So many of `count` places (or all) with equal steps between, the first half a step from the start."""
    sample = min(count, sample)
    return [(2 * n + 1) * count // (2 * sample) for n in range(sample)]


def _measured(
    batch: BatchJob,
    items: list[BatchItem],
    chosen: list[BatchItem],
    jobs: int,
    place: Path,
    progress: Progress | None,
) -> Estimate:
    """The first item that can be dubbed is dubbed twice: what it takes more at first is the start of a worker."""
    spent: list[Spent] = []
    failed: list[dict[str, Any]] = []
    start: tuple[float, float] | None = None
    taken: dict[str, Any] = {}
    began = time.monotonic()
    with pool(1, jobs) as workers:
        for number, item in enumerate(chosen, 1):
            job = _moved(item.job, place / str(number))
            found = _outcome(workers, job, batch)
            if start is None and not isinstance(found, DeepAudioError):
                first, passed = found, time.monotonic() - began
                found = _outcome(workers, job, batch)
                if not isinstance(found, DeepAudioError):
                    cpu = first["cpu_before"] + first["cpu_seconds"] - found["cpu_seconds"]
                    start = max(0.0, cpu), max(0.0, passed - found["wall_seconds"])
            if isinstance(found, DeepAudioError):
                failed.append({"line": item.line, "error": plain(found.as_dict())})
            else:
                taken = found
                spent.append(Spent(**{key: found[key] for key in Spent.__dataclass_fields__}))
            if progress:
                progress("clips", number, len(chosen))
    if start is None:
        words = failed[0]["error"]["message"]
        message = f"none of {len(chosen)} items could be dubbed; the first: {words}"
        raise BatchError("estimate.failed", message, failed=failed)
    worker = Worker(*start, taken["memory_bytes"], taken["gpu_memory_bytes"])
    return Estimate(len(items), jobs, taken["device"], worker, tuple(spent), failed)


def _moved(job: DubJob, folder: Path) -> DubJob:
    """The job with all that it writes in this folder, and every line spoken anew."""
    report = folder / "report.html" if job.extras.report else None
    extras = replace(job.extras, report=report, cache=False)
    folder.mkdir()
    return replace(job, output=folder / job.output.name, extras=extras)


def _outcome(
    workers: ProcessPoolExecutor, job: DubJob, batch: BatchJob
) -> dict[str, Any] | DeepAudioError:
    try:
        return workers.submit(in_worker, _work, job, batch).result()
    except BrokenProcessPool as error:
        message = f"{job.clip}: its process was killed; out of memory?"
        raise ResourceError("batch.killed", message) from error


def _work(job: DubJob, batch: BatchJob) -> dict[str, Any] | DeepAudioError:
    """In a worker: dub an item, measure it, and remove what it wrote."""
    began, before = time.monotonic(), _processor_seconds()
    done = attempt(job, batch)
    if isinstance(done, DeepAudioError):
        return done
    wall, cpu = time.monotonic() - began, _processor_seconds() - before
    written = [path for path in job.output.parent.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in written)
    for path in written:
        path.unlink()
    device = loaded(batch).device.type
    return {
        "device": device,
        "cpu_before": before,
        "clip_seconds": done.facts["duration"],
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "gpu_seconds": wall if device == "cuda" else None,
        "read_bytes": job.clip.stat().st_size,
        "written_bytes": size,
        "memory_bytes": _peak_memory(),
        "gpu_memory_bytes": _peak_gpu_memory() if device == "cuda" else None,
    }


def _processor_seconds() -> float:
    """Spent by this process and by the children that it waited for, since it began."""
    return sum(os.times()[:4])


def _peak_memory() -> int:
    """Bytes of this process at its highest, and of its largest child beside it."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return _RSS_UNIT * sum(resource.getrusage(kind).ru_maxrss for kind in kinds)


def _peak_gpu_memory() -> int:
    import torch

    return torch.cuda.max_memory_reserved()
