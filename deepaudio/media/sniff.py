"""What a file is by its first bytes, whatever its name says."""

import os
import re
import stat
from pathlib import Path

from deepaudio.errors import InputError

HEAD = 4096
# kinds of `sniff` that a demuxer of ours may open
CONTAINERS = frozenset(
    {"mp4", "matroska", "avi", "mpeg-ts", "mpeg-ps", "mpeg-video", "flv", "ogg", "asf", "mxf"}
)
AUDIO = frozenset({"wav", "flac", "mp3", "aac", "aiff", "au", "caf", "w64", "ac3"})

_MAGIC = (
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"\x00\x00\x01\xba", "mpeg-ps"),
    (b"\x00\x00\x01\xb3", "mpeg-video"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "mxf"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
    (b".snd", "au"),
    (b"caff", "caf"),
    (b"riff.\x91\xcf\x11", "w64"),
    (b"\x0bw", "ac3"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx")
_PICTURE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
_PLAYLIST = re.compile(
    rb"\A\s*(?:#EXTM3U|ffconcat|\[playlist\]|\[Reference\]|v=0\s|rtsp://|https?://|file\s+')"
    rb"|<MPD\b|<SmoothStreamingMedia\b|<smil\b|<asx\b|<playlist\b|#EXT-X-|^\s*ffconcat\s",
    re.IGNORECASE | re.MULTILINE,
)


def regular_file(path: str | os.PathLike, what: str = "clip") -> Path:
    """The path as an absolute one, or InputError if it is not a readable regular file with something in it."""
    shown = shown_path(path)
    if "\0" in os.fspath(path):
        raise InputError(f"{what}.missing", f"not a file name: {shown}")
    place = Path(os.path.abspath(os.fspath(path)))
    try:
        found = place.stat()
    except FileNotFoundError as error:
        if place.is_symlink():
            raise InputError(f"{what}.missing", f"dangling link: {shown}", path=shown) from error
        raise InputError(
            f"{what}.missing", f"no such file: {shown}", "check the path", path=shown
        ) from error
    except OSError as error:
        raise InputError(f"{what}.unreadable", f"{shown}: {error.strerror}", path=shown) from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{what}.directory", f"{shown} is a directory", path=shown)
    if not stat.S_ISREG(found.st_mode):
        hint = "write the stream to a file first"
        raise InputError(f"{what}.not_a_file", f"{shown} is a pipe or device", hint, path=shown)
    if not os.access(place, os.R_OK):
        raise InputError(f"{what}.unreadable", f"{shown}: permission denied", path=shown)
    if found.st_size == 0:
        raise InputError(f"{what}.empty", f"empty file: {shown}", path=shown)
    return place


def sniff(path: Path, what: str = "clip") -> str:
    """A member of CONTAINERS or AUDIO, or words for what the bytes look like instead."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        message = f"{shown_path(path)}: {error.strerror}"
        raise InputError(f"{what}.unreadable", message, path=shown_path(path)) from error
    return kind_of(head)


def kind_of(head: bytes) -> str:
    """As `sniff`, of the first bytes themselves."""
    if head[4:8] in _BOXES:
        return "an image" if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS else "mp4"
    if head[:4] in (b"RIFF", b"RF64"):
        form = {b"AVI ": "avi", b"WAVE": "wav", b"WEBP": "a WebP image"}
        return form.get(head[8:12], "an unknown RIFF file")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if transport_packet(head):
        return "mpeg-ts"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return "mp3"
    return _words_for(head)


def transport_packet(head: bytes) -> int:
    """Bytes of a packet if these are the first of an MPEG transport stream, else 0."""
    for start, packet in ((0, 188), (4, 192), (0, 204)):
        places = range(start, min(len(head), start + 5 * packet), packet)
        if len(places) > 1 and all(head[i] == 0x47 for i in places):
            return packet
    return 0


def mxf_footer(head: bytes) -> int:
    """The byte at which the footer of an MXF file begins by its first partition pack (SMPTE ST 377-1), 0 where it does not say."""
    size = head[16] if len(head) > 16 else 0
    value = 17 + (size & 0x7F if size & 0x80 else 0)  # behind the key and the length of the pack
    return int.from_bytes(head[value + 24 : value + 32], "big")


def _words_for(head: bytes) -> str:
    if not head.strip(b"\0"):
        return "nothing but zero bytes"
    plain = head.replace(b"\0", b"") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head
    plain = plain.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    if _PLAYLIST.search(plain):
        return "playlist"
    control = sum(byte < 9 or 13 < byte < 32 for byte in plain)
    if b"\0" not in plain and control * 50 < len(plain) and _decodes(plain):
        return "text"
    return "unknown data"


def _decodes(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # cut inside a character
    return True


def shown_path(path: str | os.PathLike) -> str:
    """A path fit for messages: control characters and undecodable bytes escaped."""
    text = os.fspath(path)
    text = text if isinstance(text, str) else os.fsdecode(text)
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
