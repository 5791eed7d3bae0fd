"""Files that appear under their name only when they are whole."""

import errno
import functools
import hashlib
import logging
import os
import platform
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deepaudio.errors import InputError, ResourceError, UsageError
from deepaudio.media.sniff import shown_path

log = logging.getLogger(__name__)

NAME_MAX = 255
OUTPUT_NAME_MAX = (
    200  # bytes; leaves room for the names of record and temporary files beside the output
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNFINISHED = re.compile(r"\.deepaudio-([0-9a-f]{8})-(\d+)-[0-9a-f]{12}\.part")
_RESERVED = frozenset(
    {
        "con",
        "prn",
        "aux",
        "nul",
        *(f"com{i}" for i in range(1, 10)),
        *(f"lpt{i}" for i in range(1, 10)),
    }
)


def preflight(
    out: str | os.PathLike, inputs: Iterable[str | os.PathLike] = (), needed_bytes: int = 0
) -> Path:
    """The absolute path to write to, after every check that can be made before the work.

    Leftovers of killed runs in its folder are swept away. UsageError if it is one of the inputs (by name, hard or symbolic link); InputError if it cannot be a file
    there; ResourceError if the disk has less than `needed_bytes` free.
    """
    shown = shown_path(out)
    if "\0" in os.fspath(out):
        raise InputError("output.name", f"not a file name: {shown}")
    place = Path(os.path.abspath(os.fspath(out)))
    refuse_inputs(place, inputs)
    if place.stem.lower() in _RESERVED:
        raise InputError("output.name", f"{place.stem!r} is a reserved name on some systems")
    if len(os.fsencode(place.name)) > NAME_MAX:
        hint = f"for example {fitting_name(place.name)!r}"
        raise InputError("output.name", f"name longer than {NAME_MAX} bytes: {shown[:60]}...", hint)
    if place.is_dir():
        raise InputError("output.directory", f"the output {shown} is a directory")
    if not place.parent.is_dir():
        raise InputError(
            "output.no_folder", f"no such folder: {shown_path(place.parent)}", "create it"
        )
    folder_to_be(place.parent)
    sweep(place.parent)
    free = shutil.disk_usage(place.parent).free
    if free < needed_bytes:
        raise full(place, free, needed_bytes)
    return place


def refuse_inputs(out: str | os.PathLike, inputs: Iterable[str | os.PathLike]) -> None:
    """UsageError if the output is one of the inputs (or another output), by name, hard or symbolic link."""
    place = Path(os.path.abspath(os.fspath(out)))
    for source in inputs:
        if _same(place, Path(os.path.abspath(os.fspath(source)))):
            message = f"the output {shown_path(out)} is {shown_path(source)}, which is used already"
            raise UsageError("output.is_input", message, "choose another name")


def refuse_inside(folder: str | os.PathLike, inputs: Iterable[str | os.PathLike]) -> None:
    """UsageError if an input (or another output) is inside a folder whose files will be written over."""
    place = Path(os.path.realpath(os.fspath(folder)))
    for source in inputs:
        if place in Path(os.path.realpath(os.fspath(source))).parents:
            message = (
                f"{shown_path(source)} is inside {shown_path(folder)}, where files will be written"
            )
            raise UsageError("output.is_input", message, "choose another folder")


def folder_to_be(folder: str | os.PathLike) -> Path:
    """The folder, or the nearest above it that is there; InputError unless it can be written in or made."""
    place = Path(os.path.abspath(os.fspath(folder)))
    there = next(p for p in (place, *place.parents) if os.path.lexists(p))
    if not there.is_dir():
        raise InputError("output.no_folder", f"not a folder: {shown_path(there)}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError("output.read_only", f"cannot write in {shown_path(there)}")
    return there


def sweep(folder: Path) -> None:
    """Remove the temporary files that processes of this machine left in `folder` when they were killed."""
    if os.name != "posix":
        return  # no way to ask for a process without touching it
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _UNFINISHED.match(entry.name)
            if found and found[1] == _machine() and not _alive(int(found[2])):
                os.unlink(entry.path)
                log.info("removed what a killed run left: %s", shown_path(entry.path))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OverflowError:  # no such number can be a process
        return False
    except OSError:
        return True
    return True


@functools.cache
def _machine() -> str:
    """A mark of this machine's processes: the host's name and, in a container, its own numbering of processes."""
    try:
        numbering = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        numbering = 0
    return hashlib.sha256(f"{platform.node()}|{numbering}".encode()).hexdigest()[:8]


@contextmanager
def published(
    out: str | os.PathLike, *, keep_temp: bool = False, needed_bytes: int = 0
) -> Iterator[Path]:
    """A temporary path in the folder of `out`; moved to `out`, synced to disk, when the block ends well.

    When the block raises, the temporary file goes (with `keep_temp` it stays, and no later run sweeps it) and whatever was at `out` stays. A full disk becomes ResourceError.
    """
    place = Path(os.path.abspath(os.fspath(out)))
    temp = temporary(place)
    if keep_temp:
        temp = temp.with_name(f".deepaudio-kept-{temp.name.rpartition('-')[2]}")
    try:
        with disk_errors(place, lambda: max(needed_bytes, _size(temp))):
            yield temp
            _sync(temp)
            os.replace(temp, place)
            _sync(place.parent)
    finally:
        if not keep_temp:
            _remove(temp)


@contextmanager
def disk_errors(place: Path, needed: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """A full disk becomes ResourceError, anything else that cannot be written at `place` InputError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise full(place, shutil.disk_usage(place.parent).free, needed()) from error
        message = f"cannot write {shown_path(place)}: {error.strerror or error}"
        raise InputError("output.unwritable", message) from error


def write_bytes(out: str | os.PathLike, content: bytes) -> Path:
    """Write a whole file atomically; used for scripts, reports and other small files."""
    place = Path(os.path.abspath(os.fspath(out)))
    with published(place) as temp:
        temp.write_bytes(content)
    return place


def temporary(place: Path, suffix: str | None = None) -> Path:
    """An unused hidden name beside `place` with the same suffix, short enough for any file system."""
    suffix = place.suffix if suffix is None else suffix
    owner = f"{_machine()}-{os.getpid()}"
    return place.parent / f".deepaudio-{owner}-{secrets.token_hex(6)}.part{suffix[:16]}"


def fitting_name(name: str, limit: int = NAME_MAX) -> str:
    """The name itself, or its beginning and a hash of the whole if it is longer than `limit` bytes."""
    if len(os.fsencode(name)) <= limit:
        return name
    stem, suffix = os.path.splitext(name)
    mark = "-" + hashlib.sha256(os.fsencode(name)).hexdigest()[:10]
    room = limit - len(os.fsencode(suffix + mark))
    return os.fsencode(stem)[:room].decode("utf-8", "ignore") + mark + suffix


def full(place: Path, free: int, needed: int) -> ResourceError:
    """The error for a disk without room."""
    message = (
        f"disk full: {shown_path(place.parent)} has {free} bytes free, {needed} or more are needed"
    )
    return ResourceError(
        "disk.full", message, "free some space or choose another folder", path=str(place)
    )


def _remove(temp: Path) -> None:
    """Also a folder, should another program have made one of it; what cannot go hides no other error."""
    if temp.is_dir():
        shutil.rmtree(temp, ignore_errors=True)
    with suppress(OSError):
        temp.unlink()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _same(out: Path, source: Path) -> bool:
    if out == source:
        return True
    try:
        return os.path.samefile(out, source)
    except OSError:
        return os.path.realpath(out) == os.path.realpath(source)


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def beside(clip: Path, word: str, folder: Path | None = None) -> Path:
    """`clip.mp4` and `dub` give `clip.dub.mp4` beside the clip, or in `folder`."""
    name = fitting_name(f"{clip.stem}.{word}{clip.suffix or '.mkv'}", OUTPUT_NAME_MAX)
    return (folder or clip.parent) / name
