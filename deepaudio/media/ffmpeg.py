"""The ffmpeg binary: found, guarded, run with a time limit, and killed with all its children."""

import functools
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deepaudio.errors import ResourceError, ToolError

log = logging.getLogger(__name__)

# Playlists and other formats that open further files are absent on purpose (a .mp4 need not be an mp4).
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,mxf,wav,w64,mp3,flac,"
    "aac,ac3,eac3,aiff,caf,au"
)
PROTOCOLS = "file,pipe"
GUARDS = ("-protocol_whitelist", PROTOCOLS, "-format_whitelist", FORMATS)
MAX_ALLOC = 1 << 30
STDERR_KEPT = 4000


@functools.cache
def executable() -> str:
    """Path of the ffmpeg to use: DEEPAUDIO_FFMPEG, else the system's, else imageio-ffmpeg's own binary."""
    asked = os.environ.get("DEEPAUDIO_FFMPEG")
    found = shutil.which(asked) if asked else shutil.which("ffmpeg")
    if found:
        return found
    if asked:
        raise ToolError("ffmpeg.missing", f"DEEPAUDIO_FFMPEG is {asked!r}, which is not a program")
    try:
        import imageio_ffmpeg

        return imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        hint = "install ffmpeg, or: pip install imageio-ffmpeg"
        raise ToolError("ffmpeg.missing", "no ffmpeg was found", hint) from error


def source(path: str | os.PathLike) -> str:
    """The path as ffmpeg must see it: `http:x.mp4` and `-x.mp4` are files, never a URL or an option."""
    return "file:" + os.path.abspath(os.fspath(path))


def run(arguments: Sequence[str], timeout: float, stdin: bytes | None = None) -> str:
    """Run ffmpeg with `arguments`; returns its standard error.

    The process leads a group of its own, and the group dies with any exception here (time limit, Ctrl-C).
    Raises ToolError with the last lines of ffmpeg's own words when it fails, ResourceError when time runs out.
    A zero exit code does not prove a good file: probe what was written.
    """
    command = [executable(), "-nostdin", "-hide_banner", "-loglevel", "warning"]
    command += ["-max_alloc", str(MAX_ALLOC), *arguments]
    log.debug("ffmpeg %r", command)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(
            "ffmpeg.unusable", f"cannot start {command[0]}: {error.strerror}"
        ) from error
    try:
        _, stderr = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        message = f"ffmpeg did not finish within {timeout:.0f} s"
        raise ResourceError("ffmpeg.timeout", message) from error
    finally:
        end_group(child)
    words = printable(stderr)
    if child.returncode:
        raise ToolError(
            "ffmpeg.failed", f"ffmpeg failed ({child.returncode}): {words or 'no message'}"
        )
    return words


def end_group(child: subprocess.Popen) -> None:
    """Kill the child and everything it started, if it still runs; never leaves a zombie."""
    if child.poll() is not None:
        return
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("ffmpeg %d was already gone", child.pid)
    child.wait()


def printable(stderr: bytes) -> str:
    """The end of ffmpeg's standard error as text without control characters."""
    text = stderr.decode("utf-8", "backslashreplace").strip()[-STDERR_KEPT:]
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


@functools.cache
def encoders() -> frozenset[str]:
    """Names of the encoders that this ffmpeg has."""
    command = [executable(), "-nostdin", "-hide_banner", "-encoders"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError("ffmpeg.unusable", f"{command[0]} cannot be run: {error}") from error
    rows = done.stdout.decode("utf-8", "replace").partition("------")[2].splitlines()
    return frozenset(row.split()[1] for row in rows if len(row.split()) > 1)


def version() -> str:
    """First line of `ffmpeg -version`, for reports."""
    command = [executable(), "-version"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError("ffmpeg.unusable", f"{command[0]} cannot be run: {error}") from error
    return printable(done.stdout).partition("\n")[0] or "unknown"


def folder_of(path: str | os.PathLike) -> Path:
    """The folder a file lies in, absolute."""
    return Path(os.path.abspath(os.fspath(path))).parent
