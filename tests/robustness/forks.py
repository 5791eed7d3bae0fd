"""The command line in a forked process, with the stand-in as its model: a dub in a third of a second, to be disturbed at every point."""

import atexit
import os
import signal
import sys
import tempfile
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepaudio.inference import model as models
from deepaudio.inference.model import DeepAudio
from deepaudio_cli import main
from tests.stand_ins import StandInGate, StandInSight, StandInVoice


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (-9 when it was killed) and what it said."""

    code: int
    out: str
    err: str

    @property
    def fault(self) -> str | None:
        """What is wrong with any ending: a trace, or an error in more than one line."""
        if "Traceback" in self.err or self.code == 1 or self.code < 0:
            return f"exit {self.code}: {self.err[-1500:]}"
        errors = [line for line in self.err.splitlines() if line.startswith("error:")]
        if len(errors) != (self.code not in (0, 130, 143)):
            return f"exit {self.code} with {len(errors)} lines of errors: {self.err[-500:]}"
        return None


def stand_in(*_, **__) -> DeepAudio:
    """Instead of `load`."""
    made = DeepAudio(Path("stand-in"), "cpu")
    made.__dict__ |= {"tts": StandInVoice(), "v2a": StandInSight(), "gate": StandInGate()}
    return made


class Forked:
    """A command that runs; `before` is called in it first."""

    def __init__(
        self,
        arguments: list[object],
        before: Callable[[], None] = lambda: None,
        stdout: int | None = None,
    ):
        self._words = [tempfile.TemporaryFile() for _ in "oe"]  # noqa: SIM115 (closed by `wait`)  # noqa: SIM115 - closed by `wait`
        sys.stdout.flush()
        sys.stderr.flush()
        self.process = os.fork()
        if self.process:
            return
        code = 70
        try:
            os.setpgid(0, 0)
            atexit._clear()  # what the parent has to tidy is not the child's
            weakref.finalize._registry.clear()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(self._words[0].fileno() if stdout is None else stdout, 1)
            os.dup2(self._words[1].fileno(), 2)
            sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))  # noqa: SIM115
            models.load = stand_in
            before()
            main.run([str(a) for a in arguments])
        except SystemExit as left:
            code = left.code
        except BaseException:  # noqa: BLE001 - whatever comes out here is a finding
            traceback.print_exc()
        finally:
            sys.stdout = sys.stderr = None
            os._exit(code)

    def signal(self, number: int) -> None:
        os.kill(self.process, number)

    def ended(self) -> bool:
        """Whether it is over; does not wait."""
        return os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> Ended:
        """Wait for the end; what it started must have ended too."""
        _, status = os.waitpid(self.process, 0)
        code, said = os.waitstatus_to_exitcode(status), []
        for file in self._words:
            file.seek(0)
            said.append(file.read().decode("utf-8", "replace"))
            file.close()
        try:
            os.killpg(self.process, signal.SIGKILL)
            said[1] += "\nTraceback: a process of the group was left"
        except ProcessLookupError:
            pass
        return Ended(code, *said)
