"""The manifest of a batch: one JSON object a line becomes one job; a bad line fails alone."""

import json
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, get_args

from deepaudio.discover import suggest
from deepaudio.dubbing.jobs import Cast, DubJob
from deepaudio.errors import BACKSLASHES, DeepAudioError, InputError, check_name
from deepaudio.media.output import beside
from deepaudio.options import AudioMode, Bed, LoudnessName
from deepaudio.text.languages import find_language

MAX_LINE = 1 << 20
FILES = ("clip", "script", "ref")
NAMES = (*FILES, "id", "output")  # what a file is called by
JOB_WORDS = ("instruction", "prompt", "negative", "language")
WORDS = ("id", "text", "ref_text", "output", *JOB_WORDS)
SAMPLING = {
    "steps": "steps",
    "guidance": "guidance_scale",
    "seed": "seed",
    "noise_scale": "noise_scale",
}
WHOLE = ("steps", "seed")
FIT = ("min_speed", "max_speed")
MIX = {"audio": AudioMode, "bed": Bed, "loudness": LoudnessName}
IGNORED = ("error",)  # so that failed.jsonl can be fed back
KNOWN = (*FILES, "voices", *WORDS, *SAMPLING, *FIT, *MIX, *IGNORED)


@dataclass(frozen=True)
class BatchItem:
    """One line: its number, its job or what is wrong with it, and the line itself with absolute paths."""

    line: int
    row: dict[str, Any]
    job: DubJob | None = None
    error: DeepAudioError | None = None


def read_batch(path: Path, base: DubJob, out_dir: Path) -> list[BatchItem]:
    """All items, in order. InputError for a missing or empty manifest and for two items with one output."""
    if not path.is_file():
        raise InputError("manifest.missing", f"no such file: {path}", "check the path")
    items = [_item(number, text, path, base) for number, text in _lines(path)]
    if not items:
        raise InputError("manifest.empty", f"no jobs in {path}")
    return _with_outputs(items, out_dir)


def read_stream(stream: BinaryIO, base: DubJob, out_dir: Path | None) -> Iterator[BatchItem]:
    """The items of a stream of lines, yielded as they arrive; relative paths start at the working folder.

    They are written below `out_dir` as those of a manifest, or without it to their `output`, else beside their clips. A later job
    may write over the output of an earlier one if it has the same `id` or names the `output`; else it fails.
    """
    here, number = Path("-").absolute(), 0
    written: dict[str, BatchItem] = {}
    while content := stream.readline(MAX_LINE + 1):
        number += 1
        if len(content) > MAX_LINE and not content.endswith(b"\n"):
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            message = f"line {number} is longer than {MAX_LINE} bytes"
            yield BatchItem(number, {}, error=InputError("manifest.limits", message, line=number))
            continue
        text = content.decode("utf-8", "replace").lstrip("\ufeff").strip()
        if not text:
            continue
        item = _item(number, text, here, base)
        if item.job is not None:
            try:
                output = _streamed(item, out_dir)
                _refuse_repeated(item, output or beside(item.job.clip, "dub"), written)
                item = replace(item, job=replace(item.job, output=output))
            except InputError as error:
                item = replace(item, job=None, error=error)
        yield item


def _streamed(item: BatchItem, out_dir: Path | None) -> Path | None:
    if out_dir is not None:
        return _output(item, out_dir, item.job.clip.parent)
    return Path(item.row["output"]) if "output" in item.row else None


def _refuse_repeated(item: BatchItem, output: Path, written: dict[str, BatchItem]) -> None:
    """InputError where the output is that of a job before which this one was not asked to replace; `written` holds the jobs by output."""
    before = written.setdefault(_folded(output.absolute()), item)
    mine, theirs = item.row.get("id"), before.row.get("id")
    if before is not item and "output" not in item.row and (mine is None or mine != theirs):
        message = f"lines {before.line} and {item.line} would both write {output}"
        raise InputError("manifest.collision", message, "give them the same 'id', or an 'output'")


def _folded(path: Path) -> str:
    """Equal for two names that some file system takes for one."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        number = 0
        while content := file.readline(MAX_LINE + 1):
            number += 1
            if len(content) > MAX_LINE:
                message = f"{path}: line {number} is longer than {MAX_LINE} bytes"
                raise InputError("manifest.limits", message, line=number)
            if number == 1 and b"\0" in content:
                message = f"{path}: line {number} is not text"
                raise InputError("manifest.binary", message, "one JSON object a line", line=number)
            text = content.decode("utf-8", "replace").lstrip("\ufeff").strip()
            if text:
                yield number, text


def _item(number: int, text: str, path: Path, base: DubJob) -> BatchItem:
    try:
        row = json.loads(text, parse_constant=_no_constant)
        if not isinstance(row, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        hint = BACKSLASHES if "escape" in str(error) else None
        wrong = InputError(
            "manifest.row", f"line {number}: not a JSON object: {error}", hint, line=number
        )
        return BatchItem(number, {"line": text[:200]}, error=wrong)
    try:
        given, row = row, _absolute(row, path.parent.absolute())
        _check(given, row, number)
        return BatchItem(number, row, job=_job(row, base, number))
    except (DeepAudioError, ValueError) as error:
        if not isinstance(error, DeepAudioError):
            error = InputError("manifest.row", f"line {number}: {error}", line=number)
        return BatchItem(number, row, error=error)


def _no_constant(name: str):
    raise ValueError(f"{name} is not JSON")


def _absolute(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The row with its paths made absolute, whatever else it holds: so it can stand in another manifest."""

    def there(path: Any) -> Any:
        return os.path.join(folder, path) if isinstance(path, str) else path

    made = row | {key: there(row[key]) for key in FILES if key in row}
    if isinstance(row.get("voices"), dict):
        made["voices"] = {name: there(file) for name, file in row["voices"].items()}
    return made


def _check(row: dict[str, Any], made: dict[str, Any], number: int) -> None:
    """InputError unless the row has known keys, words where words belong, and names that files can have; `made` has the paths that they become."""
    for key, value in row.items():
        if key not in KNOWN:
            message = f"line {number}: unknown key '{key}'"
            raise InputError(
                "manifest.unknown_key", message, suggest(key, list(KNOWN)), line=number
            )
        if key in (*FILES, *WORDS) and not isinstance(value, str):
            raise InputError("manifest.row", f"line {number}: '{key}' is not text", line=number)
    named = {key: row[key] for key in NAMES if key in row}
    for key in FILES:
        if key in row:
            _check_backslashes(key, row[key], made[key], number)
    if "voices" in row:
        if not isinstance(row["voices"], dict) or not all(
            isinstance(v, str) for v in row["voices"].values()
        ):
            raise InputError(
                "manifest.row", f"line {number}: 'voices' is not name: file", line=number
            )
        named |= {f"voices.{name}": file for name, file in row["voices"].items()}
    for key, value in named.items():
        check_name(value, "manifest.path", f"line {number}: '{key}'", line=number)


def _check_backslashes(key: str, given: str, path: str, number: int) -> None:
    """A Windows path is no path elsewhere, and with single backslashes JSON reads some of it as control characters."""
    control = any(c < " " for c in given)
    suspect = control or ("\\" in given and os.sep == "/")
    if suspect and not os.path.lexists(path):
        what = "has control characters, from single backslashes" if control else "has backslashes"
        message = f"line {number}: '{key}' {what}: {given!r}"
        raise InputError("manifest.path", message, BACKSLASHES, line=number)


def _job(row: dict[str, Any], base: DubJob, number: int) -> DubJob:
    """The base job with what the row says."""
    if "clip" not in row:
        raise InputError("manifest.row", f"line {number}: no 'clip'", line=number)
    script = Path(row["script"]) if "script" in row else None
    text = row.get("text")
    if script is None and text is None:
        script, text = base.script, base.text
    unscripted = script is None and text is None and base.recogniser is not None
    if (script is None) == (text is None) and not unscripted:
        message = f"line {number}: give either 'script' or 'text'"
        raise InputError("manifest.row", message, line=number)
    for key, choices in MIX.items():
        if key in row and row[key] not in get_args(choices):
            hint = "one of " + ", ".join(get_args(choices))
            raise InputError(
                "manifest.row", f"line {number}: {key} is {row[key]!r}", hint, line=number
            )
    for key in (*SAMPLING, *FIT):
        if key in row and (isinstance(row[key], bool) or not isinstance(row[key], (int, float))):
            raise InputError("manifest.row", f"line {number}: '{key}' is not a number", line=number)
        if key in WHOLE and isinstance(row.get(key), float):
            message = f"line {number}: '{key}' is not a whole number"
            raise InputError("manifest.row", message, line=number)
    if "language" in row:
        find_language(row["language"])
    words = {key: row[key] for key in JOB_WORDS if key in row}
    job = replace(
        base,
        clip=Path(row["clip"]),
        script=script,
        text=text,
        cast=_cast(row, base.cast, number),
        options=replace(base.options, **{v: row[k] for k, v in SAMPLING.items() if k in row}),
        fit=replace(base.fit, **{k: row[k] for k in FIT if k in row}),
        mix=replace(base.mix, **{k: row[k] for k in MIX if k in row}),
        **words,
    )
    for key in ("prompt", "negative"):
        if row.get(key) and job.mix.bed != "foley":
            message = f"line {number}: '{key}' belongs to a bed that is 'foley'"
            raise InputError("manifest.row", message, line=number)
    return job


def _cast(row: dict[str, Any], cast: Cast, number: int) -> Cast:
    """The voices with what the row says of them; the words of a recording belong to that one alone."""
    if "ref" in row:
        cast = replace(cast, ref=Path(row["ref"]), ref_text=None)
    if "ref_text" in row:
        if cast.ref is None:
            message = f"line {number}: 'ref_text' belongs to a 'ref'"
            raise InputError("manifest.row", message, line=number)
        cast = replace(cast, ref_text=row["ref_text"])
    if "voices" in row:
        named = tuple((name, Path(file)) for name, file in row["voices"].items())
        cast = replace(cast, named=named)
    return cast


def _with_outputs(items: list[BatchItem], out_dir: Path) -> list[BatchItem]:
    """Every job with its output: named in the row, by its id, or by the clip's place below the clips' common folder."""
    parents = [item.job.clip.parent for item in items if item.job]
    common = Path(os.path.commonpath(parents)) if parents else Path()
    seen: dict[str, int] = {}
    read = {os.path.realpath(path): item.line for item in items for path in _inputs(item.job)}
    made = []
    for item in items:
        if item.job is None:
            made.append(item)
            continue
        try:
            output = _output(item, out_dir, common)
        except InputError as error:
            made.append(replace(item, job=None, error=error))
            continue
        key = _folded(output)
        if key in seen:
            message = f"lines {seen[key]} and {item.line} would both write {output}"
            raise InputError("manifest.collision", message, "give them an 'id' or an 'output'")
        taken = read.get(os.path.realpath(output), item.line)
        if taken != item.line:  # its own files are refused when it is dubbed
            message = f"line {item.line} would write {output}, which line {taken} reads"
            raise InputError("manifest.collision", message, "choose another --out-dir")
        seen[key] = item.line
        made.append(replace(item, job=replace(item.job, output=output)))
    return made


def _inputs(job: DubJob | None) -> list[Path]:
    """The files that a job reads."""
    paths = [job.clip, job.script, job.cast.ref, *(p for _, p in job.cast.named)] if job else []
    return [path for path in paths if path is not None]


def _output(item: BatchItem, out_dir: Path, common: Path) -> Path:
    clip = item.job.clip
    if "output" in item.row:
        return out_dir / _inside(item.row["output"], item.line)
    if "id" in item.row:
        name = _inside(item.row["id"], item.line)
        return out_dir / name.with_name(f"{name.name}{clip.suffix or '.mkv'}")
    return beside(clip, "dub", out_dir / clip.parent.relative_to(common))


def _inside(name: str, number: int) -> Path:
    """A relative path that stays below the output folder."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        message = f"line {number}: {name!r} does not lie below the output folder"
        raise InputError("manifest.output", message, line=number)
    return path
