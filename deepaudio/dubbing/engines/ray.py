"""Ray Data (extra `cluster`): the items of a batch on this machine or on the machines of a cluster that share its folders.

Two stages of different width: what can be wrong with a clip, a script or a voice is found by tasks on the CPUs, and only whole
items wait for the workers that hold a model (`--jobs` of them, by default one a processor, with a GPU each where there are some). A row is an item by its place;
clips and sound never travel.
"""

import logging
import math
import os
from collections.abc import Iterator
from typing import Any

from deepaudio.dubbing.batch_manifest import BatchItem
from deepaudio.dubbing.checks import cast_entries
from deepaudio.dubbing.engines import Work
from deepaudio.dubbing.jobs import BatchJob
from deepaudio.errors import DeepAudioError, ResourceError, ToolError
from deepaudio.media.probe import probe
from deepaudio.media.sniff import regular_file

log = logging.getLogger(__name__)
CHECK = 0.25  # of a processor, which looking at a clip takes
Row = dict[str, Any]  # place of the item, its job, its error or None


def run(
    work: Work, items: list[BatchItem], batch: BatchJob
) -> Iterator[tuple[BatchItem, DeepAudioError | None]]:
    """Items as they are finished. Those whose worker died are tried once more, each alone: one of them did it."""
    ray = _ray()
    if not items:
        return
    ours = not ray.is_initialized()
    if ours:
        _connect(ray, batch.address)
    try:
        lost = dict(enumerate(items))
        for place, error in _streamed(ray, work, items, batch):
            yield lost.pop(place), error
        for item in lost.values():
            yield item, _alone(ray, work, item, batch)
    finally:
        if ours:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        message = f"--engine ray needs {error.name}, which is not installed"
        raise ToolError("batch.ray", message, "pip install 'deepaudio[cluster]'") from error
    return ray


def _connect(ray: Any, address: str | None) -> None:
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters comes back as an error
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        local = {} if address else {"include_dashboard": False}
        ray.init(address=address, **quiet, **local)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        message = f"no Ray at {address or 'this machine'}: {reason}"
        raise ToolError("batch.ray", message, "ray start --head starts one") from error


def _streamed(
    ray: Any, work: Work, items: list[BatchItem], batch: BatchJob
) -> Iterator[tuple[int, DeepAudioError | None]]:
    """Places with errors of the items that came back. A dead worker costs its item, not the run."""
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # items that are lost are tried again
    rows = [{"place": n, "job": item.job, "error": None} for n, item in enumerate(items)]
    data = ray.data.from_items(rows, override_num_blocks=len(rows))
    workers = min(_most(ray, batch), len(items))
    dubbed = data.map(_checked, num_cpus=CHECK).map(
        _Worker,
        fn_constructor_args=(work, batch),
        compute=ray.data.ActorPoolStrategy(size=workers),
        max_restarts=-1,
        max_task_retries=0,
        **_resources(ray, batch, workers),
    )
    for row in dubbed.iter_rows():
        yield int(row["place"]), row["error"]


def _most(ray: Any, batch: BatchJob) -> int:
    """Workers: `--jobs`, else one for each GPU of the cluster where there are some, else one for each processor."""
    if batch.jobs is not None:
        return batch.jobs
    found = ray.cluster_resources()
    kind = "GPU" if batch.device in ("auto", "cuda") and found.get("GPU") else "CPU"
    return max(1, int(found.get(kind, 1)))


def _resources(ray: Any, batch: BatchJob, workers: int) -> dict[str, float]:
    """Of a worker: a GPU, or its share of the processors, of which a part is left to the checks."""
    found = ray.cluster_resources()
    if batch.device in ("auto", "cuda") and found.get("GPU"):
        return {"num_gpus": 1, "num_cpus": 1}
    left = found.get("CPU", 1) - CHECK
    share = left / workers  # Ray takes whole processors, or a part of one
    return {"num_cpus": math.floor(share) if share >= 1 else math.floor(100 * share) / 100}


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
        _take_threads()

    def __call__(self, row: Row) -> Row:
        if row["error"] is not None:
            return row
        return row | {"error": self.work(row["job"], self.batch)}


def _take_threads() -> None:
    """As many threads of torch as Ray gave processors to this worker."""
    import ray
    import torch

    granted = ray.get_runtime_context().get_assigned_resources().get("CPU", 1)
    torch.set_num_threads(max(1, int(granted)))


def _alone(ray: Any, work: Work, item: BatchItem, batch: BatchJob) -> DeepAudioError | None:
    """One item in a worker of its own; ResourceError when that dies too."""

    def single(job):
        _take_threads()
        return work(job, batch)

    options = _resources(ray, batch, 1) | {"max_retries": 0}
    try:
        return ray.get(ray.remote(**options)(single).remote(item.job))
    except ray.exceptions.RayError as error:
        log.info("line %d: %s", item.line, error)
        message = f"line {item.line}: its worker died; out of memory?"
        return ResourceError("batch.killed", message, "use fewer --jobs")
