"""Dub every clip of a manifest or of a stream of jobs: one bad item fails alone, finished ones are kept, a later run goes on."""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from deepaudio.data.manifest import parse_shard
from deepaudio.discover import find
from deepaudio.dubbing.batch_manifest import BatchItem, read_batch, read_stream
from deepaudio.dubbing.checks import cast_entries, check_separator
from deepaudio.dubbing.jobs import BatchJob, Done, DubJob
from deepaudio.dubbing.record import plain, record_path
from deepaudio.errors import BatchError, DeepAudioError, InputError, UsageError, of_system
from deepaudio.libraries import of_library
from deepaudio.media.output import fitting_name, folder_to_be, refuse_inputs, write_bytes
from deepaudio.presets.identity import weights_of
from deepaudio.progress import Progress

log = logging.getLogger(__name__)


@dataclass
class Batched:
    """What became of every item: paths written now (or only planned), paths kept from before, errors by line."""

    done: list[Path] = field(default_factory=list)
    planned: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    dry_run: bool = False
    report: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and for the error of a batch with failures."""
        planned = {"dry_run": True, "planned": [str(p) for p in self.planned]}
        return (
            (planned if self.dry_run else {})
            | {
                "items": self.total,
                "done": [str(p) for p in self.done],
                "kept": [str(p) for p in self.kept],
                "failed": self.failed,
            }
            | ({"report": str(self.report)} if self.report else {})
        )

    def raise_for_failures(self) -> None:
        """BatchError when an item failed."""
        if self.failed:
            first = self.failed[0]["error"]["message"]
            message = f"{len(self.failed)} of {self.total} items failed; the first: {first}"
            hint = "--resume does the rest; failed.jsonl can be fed back"
            hint = None if self.dry_run else hint
            raise BatchError("batch.failed", message, hint, **self.as_dict())


def run_batch(batch: BatchJob, base: DubJob, progress: Progress | None = None) -> Batched:
    """Dub the items of the manifest (or of one shard of it); `base` is the job they start from."""
    _check(base)
    folder_to_be(batch.out_dir)
    if batch.report is not None:
        folder_to_be(batch.report.parent)
        refuse_inputs(batch.report, [batch.manifest])
    items = items_of(batch, base)
    result = Batched(total=len(items), dry_run=base.extras.dry_run)
    waiting: list[BatchItem] = []
    for item in items:
        if item.error is not None:
            _fail(result, item, item.error)
        elif batch.resume and (there := finished(item.job, batch)):
            result.kept.append(there)
        else:
            waiting.append(item)
    if not (result.failed and not batch.keep_going):
        _work(batch, waiting, result, progress)
    if result.dry_run:
        return result
    batch.out_dir.mkdir(parents=True, exist_ok=True)
    index, count = parse_shard(batch.shard)
    suffix = f".{index + 1}-{count}" if count > 1 else ""
    _write_failed(batch.out_dir / f"failed{suffix}.jsonl", items, result)
    if batch.report is not None:
        result.report = _write_index(batch.report, items, result)
    return result


def items_of(batch: BatchJob, base: DubJob) -> list[BatchItem]:
    """The items of the manifest, or of one shard of it."""
    index, count = parse_shard(batch.shard)
    items = read_batch(batch.manifest, base, batch.out_dir)
    return [_with_report(item, batch) for item in items[index::count]]


def fingerprint(job: DubJob, batch: BatchJob) -> str:
    """Changes when the job, one of its files or the weights change."""
    from deepaudio.presets.trained import preset_folder

    files = [job.clip, job.script, job.cast.file, job.extras.c2pa]
    files += [path for entry in cast_entries(job.cast).values() for path in entry.files]
    states = [_state(path) for path in files if path is not None]
    job = replace(job, extras=replace(job.extras, report=None))  # the output is the same with it
    facts = [plain(job), states, weights_of(preset_folder(batch.preset)), batch.preset]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def finished(job: DubJob, batch: BatchJob) -> Path | None:
    """The output, if it exists and its record says that it was made from this very job: under the name asked for, or as `.mkv`, which can carry any video."""
    try:
        wanted = fingerprint(job, batch)
    except (OSError, InputError):  # what is wrong with its voices is said when it is dubbed
        return None
    for place in (job.output, job.output.with_suffix(".mkv")):
        try:
            record = json.loads(record_path(place).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if place.is_file() and isinstance(record, dict) and record.get("job") == wanted:
            return place
    return None


def _state(path: Path) -> list[Any]:
    try:
        found = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), found.st_size, found.st_mtime_ns]


def _work(
    batch: BatchJob, items: list[BatchItem], result: Batched, progress: Progress | None
) -> None:
    outcomes = find("deepaudio.dubbing.engines", batch.engine).run(dub_one, items, batch)
    for number, (item, error) in enumerate(outcomes, 1):
        if error is None:
            place = item.job.output
            if result.dry_run:
                result.planned.append(place)
            else:
                result.done.append(finished(item.job, batch) or place)
        else:
            _fail(result, item, error)
        if progress:
            progress("clips", number, len(items))
        if error is not None and not batch.keep_going:
            break


_LOADED: dict[tuple[str, str, str], Any] = {}  # one model a process


def loaded(batch: BatchJob) -> Any:
    """The model of this process, loaded at the first call."""
    from deepaudio.inference.model import load

    key = (batch.preset, batch.device, batch.dtype)
    if key not in _LOADED:
        _LOADED[key] = load(
            batch.preset,
            batch.device,
            dtype=batch.dtype,
            low_memory=batch.low_memory,
            compile=batch.compile,
        )
    return _LOADED[key]


def dub_one(job: DubJob, batch: BatchJob) -> DeepAudioError | None:
    """Dub one item; its error is returned, so that the others go on."""
    outcome = attempt(job, batch)
    return outcome if isinstance(outcome, DeepAudioError) else None


def run_stream(
    stream: BinaryIO, batch: BatchJob, base: DubJob, progress: Progress | None = None
) -> Iterator[dict[str, Any]]:
    """Dub the jobs of a stream one after the other in this process, whose model stays; one result for each line.

    A result has `line`, the job's `id` and `ok`, and what `--json` says of one clip, or `error` and `exit_code`.
    """
    _check(base)
    for item in read_stream(stream, base, batch.out_dir):
        outcome = item.error or attempt(item.job, batch, progress)
        head = {"line": item.line, "id": item.row.get("id")}
        if isinstance(outcome, DeepAudioError):
            error = plain(outcome.as_dict())
            yield head | {"ok": False, "exit_code": outcome.exit_code, "error": error}
        else:
            facts = {"output": outcome.output} | outcome.facts | outcome.notices.as_dict()
            yield head | {"ok": True} | facts


def attempt(
    job: DubJob, batch: BatchJob, progress: Progress | None = None
) -> Done | DeepAudioError:
    """Dub one item with the model of this process; what was made, or the error."""
    from deepaudio.dubbing.dub import dub

    try:
        model = loaded(batch)
        if job.output is not None:
            if job.extras.dry_run:  # makes no folder
                job = replace(job, output=folder_to_be(job.output.parent) / job.output.name)
            else:
                job.output.parent.mkdir(parents=True, exist_ok=True)
        return dub(model, job, progress, mark={"job": fingerprint(job, batch)})
    except DeepAudioError as error:
        return error
    except Exception as error:
        if known := of_system(error) or of_library(error):
            return known
        log.exception("internal error with %s", job.clip)
        return DeepAudioError("internal", f"{job.clip}: {type(error).__name__}: {error}")


def _fail(result: Batched, item: BatchItem, error: DeepAudioError) -> None:
    log.warning("line %d: %s", item.line, error.message.removeprefix(f"line {item.line}: "))
    result.failed.append({"line": item.line, "error": plain(error.as_dict())})


def _write_failed(path: Path, items: list[BatchItem], result: Batched) -> None:
    """The failed rows with their errors, ready to be a manifest again; no file when nothing failed."""
    if not result.failed:
        path.unlink(missing_ok=True)
        return
    rows = {item.line: item.row for item in items}
    lines = [
        json.dumps(rows[failure["line"]] | {"error": failure["error"]}, default=str)
        for failure in result.failed
    ]
    write_bytes(path, ("\n".join(lines) + "\n").encode("utf-8"))


def _with_report(item: BatchItem, batch: BatchJob) -> BatchItem:
    """The item with a report beside its output, where the batch has an index."""
    if item.job is None or batch.report is None:
        return item
    page = _page_of(item.job.output)
    return replace(item, job=replace(item.job, extras=replace(item.job.extras, report=page)))


def _page_of(output: Path) -> Path:
    return output.with_name(fitting_name(f"{output.name}.html"))


def _write_index(path: Path, items: list[BatchItem], result: Batched) -> Path:
    from deepaudio.reports.batch import batch_report  # brings the templates

    path.parent.mkdir(parents=True, exist_ok=True)
    errors = {failure["line"]: failure["error"]["message"] for failure in result.failed}
    states = dict.fromkeys(result.kept, "kept") | dict.fromkeys(result.done, "done")
    rows = []
    for item in items:
        name = str(item.row.get("id") or Path(str(item.row.get("clip", "?"))).name)
        row: dict[str, Any] = {"line": item.line, "name": name}
        if item.line in errors:
            rows.append(row | {"state": "failed", "error": errors[item.line]})
            continue
        wanted = item.job.output
        places = (wanted, wanted.with_suffix(".mkv"))
        output = next((p for p in places if p in states), None)
        if output is None:
            continue  # not begun, after --stop-at-first
        page = _page_of(wanted)
        row |= {"state": states[output], "output": output}
        row |= {"record": json.loads(record_path(output).read_text(encoding="utf-8"))}
        rows.append(row | {"report": page if page.is_file() else None})
    return batch_report(path, rows)


def _check(job: DubJob) -> None:
    """UsageError for what belongs to a single clip, ToolError for an extra that is not installed."""
    check_separator(job.mix)
    extras = job.extras
    single = {"-o": job.output, "--report": extras.report, "--emit-script": extras.emit_script}
    single |= {"--stems": extras.stems, "--subtitles FILE": extras.subtitles}
    single |= {"--only": job.choice.only or None, "--from": job.part}
    single |= {"--takes": job.choice.takes if job.choice.takes > 1 else None}
    for flag, value in single.items():
        if value is not None:
            raise UsageError("batch.single", f"{flag} is for one clip, not for many")
