"""Validate a file by its header, then open it with restricted formats and protocols."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import av.error
import av.logging

from deepaudio.errors import InputError
from deepaudio.media import boxes, ffmpeg, sniff
from deepaudio.media.sniff import shown_path

log = logging.getLogger(__name__)

UNKNOWN_SIZE = 0xFFFFFFFF  # of a RIFF file whose writer could not go back


def guard(place: Path, allow_damaged: bool, notes: list[str], what: str = "clip") -> str:
    """Refuse by the bytes alone whatever must not reach a demuxer; returns the kind of file."""
    shown = shown_path(place)
    kind = sniff.sniff(place, what)
    if kind == "playlist":
        hint = "give the media file itself"
        raise InputError(f"{what}.playlist", f"playlist refused: {shown}", hint, path=shown)
    if kind not in sniff.CONTAINERS and kind not in sniff.AUDIO:
        message = f"not a supported media file (looks like {kind}): {shown}"
        raise InputError(f"{what}.not_media", message, path=shown)
    if kind in ("avi", "wav"):
        with place.open("rb") as file:
            declared = int.from_bytes(file.read(8)[4:], "little")
        missing = declared + 8 - place.stat().st_size
        if missing > 0 and declared != UNKNOWN_SIZE:
            damaged(f"{shown} ends {missing} bytes early", allow_damaged, notes, what)
    if kind == "mpeg-ts":
        with place.open("rb") as file:
            packet = sniff.transport_packet(file.read(sniff.HEAD))
        if place.stat().st_size % packet:
            damaged(f"{shown} ends inside a packet", allow_damaged, notes, what)
    if kind == "mxf":
        with place.open("rb") as file:
            footer = sniff.mxf_footer(file.read(sniff.HEAD))
        if footer >= place.stat().st_size:
            message = f"{shown} ends before byte {footer}, at which its footer begins"
            damaged(message, allow_damaged, notes, what)
    if kind != "mp4":
        return kind
    facts = boxes.read_facts(place)
    if facts.external:
        message = f"{shown} keeps its media data in another file, which is refused"
        raise InputError(f"{what}.external_data", message, path=shown)
    if facts.encrypted:
        raise InputError(f"{what}.encrypted", f"{shown} is encrypted", path=shown)
    if facts.crowded:
        message = f"the index of {shown} names more samples than the file can hold"
        raise InputError(f"{what}.limits", message, path=shown)
    if not facts.has_index:
        message = f"moov atom not found: the file is incomplete: {shown}"
        hint = (
            "copy or download it again, or rebuild it from its source (an index cannot be guessed)"
        )
        raise InputError(f"{what}.truncated", message, hint, path=shown)
    if facts.missing_bytes > 0:
        damaged(f"{shown} ends {facts.missing_bytes} bytes early", allow_damaged, notes, what)
    return kind


def damaged(message: str, allowed: bool, notes: list[str], what: str = "clip") -> None:
    """Note the damage when it is allowed, else raise InputError."""
    if not allowed:
        hint = "get a whole copy, or go on with what is there: --allow-damaged"
        raise InputError(f"{what}.truncated", message, hint)
    notes.append(message)


def opened(place: Path, what: str = "clip") -> av.container.InputContainer:
    """The file as a PyAV container with formats and protocols limited and no other file reachable."""
    av.logging.set_libav_level(av.logging.FATAL)  # its words would go to the terminal, unescaped
    options = {"format_whitelist": ffmpeg.FORMATS, "protocol_whitelist": ffmpeg.PROTOCOLS}
    try:
        return av.open(ffmpeg.source(place), options=options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read {shown_path(place)}: {reason}"
        raise InputError(f"{what}.unreadable", message, path=shown_path(place)) from error


def packets(
    container: av.container.InputContainer,
    *tracks,
    stopped: Callable[[str], None] | None = None,
) -> Iterator[av.Packet]:
    """The packets of these tracks (of all without any), to the end.

    Where damaged data cannot be read any further, `stopped` is told the reason and they end; without it that is an InputError.
    A transport stream may gain streams while it is read; PyAV does not know them and stumbles when it flushes at the end.
    """
    try:
        yield from container.demux(*tracks)
    except IndexError as error:
        log.debug("a stream appeared late: %s", error)
    except av.error.FFmpegError as error:
        reason = error.strerror or str(error)
        if stopped is None:
            message = f"reading stopped at damaged data: {reason}"
            raise InputError("clip.damaged", message, "get a whole copy") from error
        stopped(reason)
