"""Ray Data (extra `cluster`): the items of a batch on this machine or on the machines of a cluster that share its folders.

Two stages of different width: what can be wrong with a clip, a script or a voice is found by tasks on the CPUs, and only whole
items wait for the workers that hold a model (`--jobs` of them, by default one a processor, with a GPU each where there are some). A row is an item by its place;
clips and sound never travel.
"""

import logging
from collections.abc import Iterator
from typing import Any

from deepaudio.cluster import connected, forgiving, most_workers, share_of, take_threads
from deepaudio.dubbing.batch_manifest import BatchItem
from deepaudio.dubbing.checks import cast_entries
from deepaudio.dubbing.engines import Work
from deepaudio.dubbing.jobs import BatchJob
from deepaudio.errors import DeepAudioError, ResourceError
from deepaudio.media.probe import probe
from deepaudio.media.sniff import regular_file

log = logging.getLogger(__name__)
CHECK = 0.25  # of a processor, which looking at a clip takes
Row = dict[str, Any]  # place of the item, its job, its error or None


def run(
    work: Work, items: list[BatchItem], batch: BatchJob
) -> Iterator[tuple[BatchItem, DeepAudioError | None]]:
    """Items as they are finished. Those whose worker died are tried once more, each alone: one of them did it."""
    if not items:
        return
    with connected(batch.address) as ray:
        lost = dict(enumerate(items))
        for place, error in _streamed(ray, work, items, batch):
            yield lost.pop(place), error
        for item in lost.values():
            yield item, _alone(ray, work, item, batch)


def _streamed(
    ray: Any, work: Work, items: list[BatchItem], batch: BatchJob
) -> Iterator[tuple[int, DeepAudioError | None]]:
    """Places with errors of the items that came back."""
    forgiving(ray)
    rows = [{"place": n, "job": item.job, "error": None} for n, item in enumerate(items)]
    data = ray.data.from_items(rows, override_num_blocks=len(rows))
    workers = min(batch.jobs or most_workers(ray, batch.device), len(items))
    dubbed = data.map(_checked, num_cpus=CHECK).map(
        _Worker,
        fn_constructor_args=(work, batch),
        compute=ray.data.ActorPoolStrategy(size=workers),
        max_restarts=-1,
        max_task_retries=0,
        **share_of(ray, batch.device, workers, CHECK),
    )
    for row in dubbed.iter_rows():
        yield int(row["place"]), row["error"]


def _checked(row: Row) -> Row:
    """The row, with the error of a clip, script or voice that cannot be used."""
    job = row["job"]
    try:
        probe(
            job.clip,
            video_stream=job.video_stream,
            audio_stream=job.audio_stream,
            allow_damaged=job.extras.allow_damaged,
        )
        if job.script is not None:
            regular_file(job.script, "script")
        for entry in cast_entries(job.cast).values():
            for path in entry.files:
                regular_file(path, "reference")
    except DeepAudioError as error:
        return row | {"error": error}
    return row


class _Worker:
    """A process that loads the model once and dubs one item after another."""

    def __init__(self, work: Work, batch: BatchJob):
        self.work, self.batch = work, batch
        take_threads()

    def __call__(self, row: Row) -> Row:
        if row["error"] is not None:
            return row
        return row | {"error": self.work(row["job"], self.batch)}


def _alone(ray: Any, work: Work, item: BatchItem, batch: BatchJob) -> DeepAudioError | None:
    """One item in a worker of its own; ResourceError when that dies too."""

    def single(job):
        take_threads()
        return work(job, batch)

    options = share_of(ray, batch.device, 1, CHECK) | {"max_retries": 0}
    try:
        return ray.get(ray.remote(**options)(single).remote(item.job))
    except ray.exceptions.RayError as error:
        log.info("line %d: %s", item.line, error)
        message = f"line {item.line}: its worker died; out of memory?"
        return ResourceError("batch.killed", message, "use fewer --jobs")
