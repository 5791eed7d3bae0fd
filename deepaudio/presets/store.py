"""The parts on this machine: one folder each, converted once, written whole or not at all, checked before use."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from deepaudio.errors import ResourceError, WeightsError
from deepaudio.presets.official import Part, Preset, part
from deepaudio.progress import Progress

RECORD = "part.json"
PLACE_VARIABLE = "DEEPAUDIO_MODELS_DIR"
FOLDER_KINDS = frozenset({"flan-t5", "encodec", "clip-vision"})
VOCABULARY = "vocabulary"
_BLOCK = 1 << 22


def home() -> Path:
    """Where parts lie: $DEEPAUDIO_MODELS_DIR, else the user's data folder."""
    given = os.environ.get(PLACE_VARIABLE)
    return Path(given) if given else platformdirs.user_data_path("deepaudio") / "models"


def folder_of(wanted: Part) -> Path:
    return home() / wanted.name


def is_there(wanted: Part) -> bool:
    folder = folder_of(wanted)
    old = _set_aside(folder)
    if old.is_dir() and not folder.exists():  # killed between the two renames of an import
        with contextlib.suppress(OSError):
            old.rename(folder)
    return (folder / RECORD).is_file()


def _set_aside(folder: Path) -> Path:
    """Where the former folder of a part lies for the instant in which it is replaced."""
    return folder.with_name(f".{folder.name}.old")


def missing(wanted: Preset, roles: Sequence[str] | None = None) -> list[Part]:
    """Parts of a preset (or of some of its roles) that are not on this machine."""
    names = wanted.parts.values() if roles is None else [wanted.parts[role] for role in roles]
    return [part(name) for name in dict.fromkeys(names) if not is_there(part(name))]


def require(wanted: Preset, roles: Sequence[str] | None = None) -> None:
    """Raise WeightsError that lists files, sizes, the folder and the command, when any part is not there."""
    absent = missing(wanted, roles)
    if not absent:
        return
    listed = ", ".join(f"{p.name} ({describe(p)})" for p in absent)
    total = sum(p.size for p in absent)
    own = [p.name for p in absent if not p.published]
    pulled = wanted.name if roles is None else " ".join(p.name for p in absent)
    hint = f"deepaudio models pull {pulled}"
    if own:
        hint += f"; {', '.join(own)}: deepaudio models import FILE --part {own[0]}"
    raise WeightsError(
        "weights.missing",
        f"{wanted.name} needs {len(absent)} parts that are not in {home()}: {listed}; "
        f"{readable(total)} in all",
        hint=hint,
        preset=wanted.name,
        parts=[p.name for p in absent],
        files=[file.name for p in absent for file in p.files],
        bytes=total,
    )


def describe(wanted: Part) -> str:
    """File names and size of a part."""
    if not wanted.published:
        return "not published"
    names = [file.name for file in wanted.files]
    return f"{names[0] if len(names) == 1 else f'{len(names)} files'}, {readable(wanted.size)}"


def readable(n_bytes: int) -> str:
    """A size for people, decimal units."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= scale:
            return f"{n_bytes / scale:.1f} {unit}"
    return f"{n_bytes} B"


def checked(wanted: Part) -> Path:
    """The folder of a part after a check of its files against the record.

    Sizes are compared always, contents when a file was touched after the import. Raises WeightsError.
    """
    return _compared(wanted, always=False)


def verify(wanted: Part, progress: Progress | None = None) -> Path:
    """The folder of a part after every byte was compared with the record."""
    return _compared(wanted, always=True, progress=progress)


def _compared(wanted: Part, always: bool, progress: Progress | None = None) -> Path:
    folder = folder_of(wanted)
    record = read_record(folder, wanted)
    for name, entry in record["files"].items():
        path = folder / name
        if not path.is_file():
            raise _refused(wanted, f"{name} is missing", path)
        found = path.stat()
        if found.st_size != entry["size"]:
            raise _refused(wanted, f"{name} has {found.st_size} bytes, not {entry['size']}", path)
        touched = found.st_mtime_ns != entry["mtime_ns"]
        if (always or touched) and sha256_of(path, progress) != entry["sha256"]:
            raise _refused(wanted, f"{name} was changed after it was imported", path)
    return folder


def _refused(wanted: Part, reason: str, path: Path) -> WeightsError:
    hint = f"import or pull it again: deepaudio models pull {wanted.name}"
    return WeightsError("weights.tampered", f"{wanted.name}: {reason}", hint, path=str(path))


def read_record(folder: Path, wanted: Part) -> dict[str, Any]:
    """What was imported, with sizes and sums."""
    path = folder / RECORD
    if not path.is_file():
        hint = f"deepaudio models pull {wanted.name}"
        message = f"{wanted.name} ({describe(wanted)}) is not in {home()}"
        raise WeightsError("weights.missing", message, hint, path=str(folder))
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        entries = record["files"].values()
        valid = record["part"] == wanted.name and all(
            {"size", "sha256", "mtime_ns"} <= entry.keys() for entry in entries
        )
        valid = valid and all(name == Path(name).name for name in record["files"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused(wanted, f"{RECORD} cannot be read ({error})", path) from error
    if not valid:
        raise _refused(wanted, f"{RECORD} is that of another part", path)
    return record


def recorded_sums(wanted: Preset) -> dict[str, str]:
    """SHA-256 of the weights of every role, as recorded when they were imported."""
    sums = {}
    for role, name in wanted.parts.items():
        files = read_record(folder_of(part(name)), part(name))["files"]
        weights = files.get("model.safetensors") or next(iter(files.values()))
        sums[role] = weights["sha256"]
    return sums


def write_record(
    folder: Path, wanted: Part, sources: Sequence[Mapping[str, Any]], origin: str | None = None
) -> None:
    """Sums of every file in `folder`, and where they came from."""
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        found = path.stat()
        files[path.relative_to(folder).as_posix()] = {
            "size": found.st_size,
            "sha256": sha256_of(path),
            "mtime_ns": found.st_mtime_ns,
        }
    record = {
        "schema": 1,
        "part": wanted.name,
        "kind": wanted.kind,
        "licence": wanted.licence,
        "sources": list(sources),
        "origin": origin,
        "published": [asdict(file) for file in wanted.files],
        "files": files,
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (folder / RECORD).write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing(wanted: Part) -> Iterator[Path]:
    """An empty folder that takes the part's place when the block ends well, and vanishes otherwise."""
    base = home()
    with writable(base), FileLock(base / f".{wanted.name}.lock"):
        for left in base.glob(f".{wanted.name}.*.partial"):  # of an import that was killed
            shutil.rmtree(left, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{wanted.name}.", suffix=".partial", dir=base))
        try:
            yield fresh
            _swap(fresh, folder_of(wanted))
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """The folder is there for the block; ResourceError where it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise _unwritable(folder, error) from error
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        raise _unwritable(folder, error) from error
    yield


def _unwritable(folder: Path, error: OSError) -> ResourceError:
    reason = (error.strerror or str(error)).lower()
    hint = f"set {PLACE_VARIABLE} to a folder that can be written to"
    return ResourceError("resource.folder", f"{folder} cannot hold weights: {reason}", hint)


def _swap(fresh: Path, final: Path) -> None:
    fresh.chmod(0o755)
    old = _set_aside(final)
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    fresh.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def need_space(n_bytes: int, where: Path) -> None:
    """Raise ResourceError when the disk of `where` has less free."""
    there = next(p for p in (where, *where.parents) if p.exists())
    free = shutil.disk_usage(there).free
    if free < n_bytes:
        raise ResourceError(
            "resource.disk",
            f"{readable(n_bytes)} are needed in {where}, {readable(free)} are free",
            hint=f"free some space or set {PLACE_VARIABLE}",
        )


def sha256_of(path: Path, progress: Progress | None = None) -> str:
    return _sum(path, hashlib.sha256(), progress)


def md5_of(path: Path, progress: Progress | None = None) -> str:
    """The sum some publishers state; a check against accidents, contents are read as tensors only anyway."""
    return _sum(path, hashlib.md5(usedforsecurity=False), progress)


def _sum(path: Path, digest: Any, progress: Progress | None) -> str:
    total, done = path.stat().st_size, 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if progress:
                progress(f"checking {path.name}", done, total)
    return digest.hexdigest()
