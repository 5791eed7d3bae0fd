"""The box tree of an MP4: is it whole, does it point to other files, is it encrypted."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAX_BOXES = 20_000
MAX_CROWD = 64  # bytes of samples that an index may name for every byte of the file; old QuickTime counts waveform samples
_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl"})


class Box(NamedTuple):
    kind: bytes
    start: int
    body: int
    end: int


class Mp4Facts(NamedTuple):
    """What decides whether a demuxer should see the file at all."""

    has_index: bool
    """A `moov` is there."""
    missing_bytes: int
    """How much of the last box lies beyond the end of the file."""
    external: bool
    """Some media data lies in another file (a `dref` that is not self-contained)."""
    encrypted: bool
    crowded: bool
    """Its index names far more samples than the file can hold: a demuxer would spend gigabytes on the list."""


def read_facts(path: Path) -> Mp4Facts:
    """Walk the boxes of the file; reads headers only, never the media data."""
    size = path.stat().st_size
    has_index = external = encrypted = crowded = False
    missing = 0
    with path.open("rb") as file:
        for box in _walk(file, 0, size, budget=[MAX_BOXES]):
            missing = max(missing, box.end - size)
            has_index |= box.kind == b"moov"
            encrypted |= box.kind == b"pssh"
            if box.kind == b"dref":
                external |= _has_external(file, box, size)
            if box.kind == b"stsd":
                encrypted |= _has_encrypted(file, box, size)
            if box.kind == b"stsz":
                crowded |= _sample_bytes(file, box) > MAX_CROWD * size
    return Mp4Facts(has_index, missing, external, encrypted, crowded)


def _walk(file: BinaryIO, start: int, end: int, budget: list[int]) -> Iterator[Box]:
    while start + 8 <= end and budget[0] > 0:
        budget[0] -= 1
        file.seek(start)
        header = file.read(16)
        size, kind = struct.unpack(">I4s", header[:8])
        body = start + 8
        if size == 1 and len(header) == 16:
            size, body = struct.unpack(">Q", header[8:])[0], start + 16
        elif size == 0:
            size = end - start
        if size < body - start:
            return
        box = Box(kind, start, body, start + size)
        yield box
        if kind in _PARENTS:
            yield from _walk(file, body, min(box.end, end), budget)
        start = box.end


def _has_external(file: BinaryIO, box: Box, size: int) -> bool:
    file.seek(box.body)
    content = file.read(min(65536, max(0, min(box.end, size) - box.body)))
    if len(content) < 8:
        return False
    place = 8
    while place + 12 <= len(content):
        length, _, flags = struct.unpack(">I4sI", content[place : place + 12])
        if not flags & 1:
            return True
        if length < 12:
            return False
        place += length
    return False


def _has_encrypted(file: BinaryIO, box: Box, size: int) -> bool:
    file.seek(box.body)
    content = file.read(min(4096, max(0, min(box.end, size) - box.body)))
    return content[12:16] in (b"encv", b"enca", b"drmi", b"drms", b"drmt", b"drmp")


def _sample_bytes(file: BinaryIO, box: Box) -> int:
    """Size of all samples together where they are of one size; 0 where a table, itself as long, tells them apart."""
    file.seek(box.body)
    header = file.read(12)
    if len(header) < 12:
        return 0
    each, count = struct.unpack(">4xII", header)
    return each * count
