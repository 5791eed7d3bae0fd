"""Every error a user can cause or meet, with its exit code (behaviour.md, section 1)."""

import errno
import os
import re

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE}
_IN_RUST = re.compile(
    r"\(os error (\d+)\)(?: at path \"(.*)\")?"
)  # as safetensors tells an OSError


class DeepAudioError(Exception):
    """Base of all expected errors.

    `code` is a stable dotted name for scripts, `message` one line saying what and where, `hint` the next step,
    and `where` any further fields (line, path, tensor ...) that the JSON form of the error carries.
    """

    kind = "internal"
    exit_code = 1
    retryable = False

    def __init__(self, code: str, message: str, hint: str | None = None, **where: object):
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.where = where

    def __reduce__(self):  # it must survive the way out of a worker process
        return _rebuilt, (type(self), self.code, self.message, self.hint, self.where)

    def as_dict(self) -> dict[str, object]:
        """The `error` object of the JSON output."""
        fields = {"code": self.code, "kind": self.kind, "message": self.message, "hint": self.hint}
        return fields | self.where | {"retryable": self.retryable}


def _rebuilt(kind, code, message, hint, where) -> DeepAudioError:
    return kind(code, message, hint, **where)


class UsageError(DeepAudioError):
    """The command line contradicts itself or asks for something that is not there."""

    kind, exit_code = "usage", 2


class InputError(DeepAudioError):
    """A clip, script, reference, manifest or recipe that cannot be used."""

    kind, exit_code = "input", 3


class ToolError(DeepAudioError):
    """A missing or too old tool or device."""

    kind, exit_code = "tool", 4


class WeightsError(DeepAudioError):
    """Weights that are missing, damaged or of the wrong shape."""

    kind, exit_code = "weights", 5


class ResourceError(DeepAudioError):
    """Disk, memory or time ran out."""

    kind, exit_code, retryable = "resource", 6, True


class BatchError(DeepAudioError):
    """A batch went through but some of its items failed."""

    kind, exit_code, retryable = "batch", 7, True


class PolicyError(DeepAudioError):
    """Refused by policy, e.g. a consent that was required and not given."""

    kind, exit_code = "policy", 8


class QualityError(DeepAudioError):
    """A quality gate failed under `--strict`."""

    kind, exit_code = "quality", 9


def of_system(error: BaseException) -> DeepAudioError | None:
    """The error that an exception of Python or PyTorch stands for when the machine is its cause, not the program.

    No disk or memory left is a ResourceError, a file or folder that cannot be used an InputError; else None.
    """
    if type(error).__name__ == "SafetensorError" and (told := _IN_RUST.search(str(error))):
        error = OSError(int(told[1]), os.strerror(int(told[1])), told[2] or "a file")
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        where = f" ({error.filename})" if error.filename else ""
        return ResourceError("resource.disk", f"{error.strerror}{where}", "free some space")
    if isinstance(error, OSError) and error.filename and error.strerror:
        return InputError("file.unusable", f"{error.filename}: {error.strerror.lower()}")
    # torch is not imported here on purpose: its errors are known by name
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if known or "can't allocate memory" in str(error):
        message = f"out of memory: {error}".rstrip(": ")
        hint = "close other programs, take a shorter clip, --low-memory or --device cpu"
        return ResourceError("resource.memory", message, hint)
    return None


BACKSLASHES = (
    "in JSON a backslash is written twice, C:\\\\clips\\\\a.mp4; slashes work too: C:/clips/a.mp4"
)
"""Hint for a Windows path in a manifest or script."""


def check_name(name: str, code: str, where: str, **more: object) -> None:
    """InputError where no file can have this name: a NUL, or half of a character (a lone surrogate that stands for no byte)."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        wrong = f"half of a character, U+{ord(name[error.start]):04X}"
    else:
        if "\0" not in name:
            return
        wrong = "NUL"
    hint = "write its name again"
    raise InputError(code, f"{where} holds {wrong}, which no name of a file has", hint, **more)
