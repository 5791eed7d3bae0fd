"""`deepaudio dub --manifest ... --estimate`: what a batch will cost, in words or as JSON."""

from typing import Any

from deepaudio.dubbing.jobs import BatchJob, DubJob
from deepaudio.errors import UsageError
from deepaudio_cli.console import Console, duration


def print_estimate(console: Console, batch: BatchJob, base: DubJob, sample: int) -> None:
    """Measure a sample of the manifest and print the cost of all of it. UsageError for --dry-run."""
    if base.extras.dry_run:
        message = "--estimate dubs some items to measure them, --dry-run none"
        raise UsageError("estimate.dry_run", message, "leave one of them out")
    from deepaudio.dubbing.estimate import estimate

    with console.progress() as progress:
        found = estimate(batch, base, sample, progress)
    for failure in found.failed:
        console.say(f"warning: line {failure['line']}: {failure['error']['message']}")
    facts = found.as_dict()
    console.result(facts, *words(facts))


def words(facts: dict[str, Any]) -> list[str]:
    """The estimate for a reader, five lines."""
    item, worker, whole = facts["item"], facts["worker"], facts["whole"]
    each = facts["clip_second"]
    gpu = worker["gpu_memory_bytes"]
    spread = whole["give_or_take"]
    return [
        f"sample     {len(facts['sample'])} of {facts['items']} items, "
        f"{item['clip_seconds']:.1f} s of clip each, on {facts['device']}",
        f"a worker   {worker['cpu_seconds']:.1f} CPU s ({worker['wall_seconds']:.1f} s) to start, "
        f"{size(worker['memory_bytes'])} of memory"
        + (f", {size(gpu)} of the GPU's" if gpu else ""),
        f"an item    {item['cpu_seconds']:.2f} CPU s{_gpu(item)}, {item['wall_seconds']:.2f} s, "
        f"reads {size(item['read_bytes'])}, writes {size(item['written_bytes'])}",
        f"per clip s {each['cpu_seconds']:.3f} CPU s{_gpu(each)}, "
        f"writes {size(each['written_bytes'])}",
        f"all items  {duration(whole['clip_seconds'])} of clips: {duration(whole['cpu_seconds'])} of CPU"
        + ("" if spread is None else f" (give or take {spread:.0%})")
        + ("" if whole["gpu_seconds"] is None else f", {duration(whole['gpu_seconds'])} of GPU")
        + f", {duration(whole['wall_seconds'])} with --jobs {facts['jobs']}, "
        f"writes {size(whole['written_bytes'])}",
    ]


def _gpu(facts: dict[str, Any]) -> str:
    return "" if facts["gpu_seconds"] is None else f", {facts['gpu_seconds']:.2f} GPU s"


def size(count: float) -> str:
    """Bytes in words: 812 B, 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
