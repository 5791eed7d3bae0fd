"""The console script: commands, settings from files and environment, and the one place where errors are caught."""

import atexit
import contextlib
import importlib
import importlib.util
import logging
import os
import signal
import sys
import threading
from typing import Annotated, Any, NoReturn

import typer

from deepaudio import __version__
from deepaudio.errors import DeepAudioError, ResourceError, UsageError, of_system
from deepaudio.libraries import of_library
from deepaudio_cli.console import error_json, printable

COMMANDS = (
    "dub",
    "foley",
    "tts",
    "train",
    "runs",
    "eval",
    "prepare",
    "models",
    "recipes",
    "doctor",
)
INTERRUPTED, TERMINATED = 130, 143
_SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
_caught: list[int] = []  # exit codes of the signals that came


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived; unwinds like KeyboardInterrupt so that temporary files are removed."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"deepaudio {__version__}")
        raise typer.Exit()


def root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Speech and sound for video: dub clips from a script, add the sounds of a scene, read text aloud."""


def build() -> typer.Typer:
    """The Typer app with every command whose file is there."""
    app = typer.Typer(
        name="deepaudio",
        callback=root,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in COMMANDS:
        place = f"deepaudio_cli.commands.{name}"
        if importlib.util.find_spec(place) is None:
            continue
        module = importlib.import_module(place)
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def run(argv: list[str] | None = None) -> NoReturn:
    """Entry point: every expected error becomes one line and its exit code, nothing becomes a stack trace."""
    argv = list(sys.argv[1:] if argv is None else argv)
    # read by OpenMP when torch is loaded: threads that wait sleep, and do not take the cores from other programs or each other
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _open_streams()
    _trap_signals()
    try:
        code = _outcome(argv)
        for number in _SIGNALS:  # nothing is left to clean up
            end = INTERRUPTED if number == signal.SIGINT else TERMINATED
            signal.signal(number, lambda *_, end=end: os._exit(end))
    except (KeyboardInterrupt, Terminated):  # between the two
        code = _caught[0]
    if not _flush(sys.stdout) and code == 0:
        code = ResourceError.exit_code
    _flush(sys.stderr)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End without taking torch apart, which takes as long as a sentence: the system frees the memory of a process."""
    if threading.active_count() > 1 or sys.gettrace() or sys.getprofile():
        sys.exit(code)
    atexit._run_exitfuncs()
    os._exit(code)


class _Called:
    """The command that was called, by its full name, and whether JSON was asked for: what an error is told by."""

    def __init__(self, argv: list[str]):
        self.words = [word for word in argv if not word.startswith("-")]
        self.place = tuple(word for word in self.words if word in COMMANDS)[:1]
        self.as_json = "--json" in argv

    @property
    def name(self) -> str:
        return " ".join(self.place)

    def find(self, command: Any) -> None:
        """It is among those below `command`."""
        self.place = ()
        for word in self.words:
            if word not in getattr(command, "commands", {}):
                break
            command = command.commands[word]
            self.place += (word,)


def _outcome(argv: list[str]) -> int:
    called = _Called(argv)
    try:
        if "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
            os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"  # no bold and dim either
        from deepaudio_cli import settings

        called.as_json |= settings.is_set("json", {})  # should the files be broken
        command = typer.main.get_command(build())
        called.find(command)
        settings.read_environment(command)
        tables = settings.read_files(command)
        called.as_json |= settings.is_set("json", tables, called.place)
        values = settings.defaults(command, tables)
        outcome = command(
            args=argv, prog_name="deepaudio", standalone_mode=False, default_map=values
        )
        return outcome if isinstance(outcome, int) else 0
    except DeepAudioError as error:
        return _report(called, error.as_dict(), error.exit_code)
    except typer.TyperException as error:
        if (
            type(error).__name__ == "NoArgsIsHelpError"
        ):  # the help is its message, or printed already
            print(error.format_message(), end="")
            return UsageError.exit_code
        hint = f"deepaudio {called.name} --help".replace("  ", " ")
        return _report(called, _error("usage.invalid", "usage", error.format_message(), hint), 2)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Terminated:
        return TERMINATED
    except BrokenPipeError:
        return _unread()
    except SystemExit as left:  # Typer's own way to leave: for completion, and when nobody reads
        closed = isinstance(left.__context__, BrokenPipeError)
        return _unread() if closed else int(left.code or 0)
    except Exception as error:  # noqa: BLE001 - the outermost edge: a bug is reported, never shown raw
        return _unexpected(called, error)


def _unread() -> int:
    """Nobody reads standard output: it is replaced until the exit."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    return INTERRUPTED


def _unexpected(called: _Called, error: Exception) -> int:
    if known := of_system(error) or of_library(error):
        return _report(called, known.as_dict(), known.exit_code)
    logging.getLogger("deepaudio").debug("traceback of the internal error", exc_info=error)
    text = f"{type(error).__name__}: {error}"
    hint = "this is a bug; -vv shows where"
    return _report(called, _error("internal", "internal", text, hint), 1)


def _error(code: str, kind: str, message: str, hint: str | None = None) -> dict[str, Any]:
    return {"code": code, "kind": kind, "message": message, "hint": hint, "retryable": False}


def _report(called: _Called, error: dict[str, Any], code: int) -> int:
    """Print the error in the form that was asked for; returns the exit code.

    After a signal it is only what the signal broke: a library may swallow the interrupt while it is being imported.
    """
    if _caught:
        return _caught[0]
    if called.as_json:
        with contextlib.suppress(OSError):
            print(error_json(called.name, error), flush=True)
    with contextlib.suppress(OSError):
        hint = f" ({error['hint']})" if error.get("hint") else ""
        message = " ".join(str(error["message"]).split())
        line = printable(f"error: {message}{hint}")
        print(line.encode("utf-8", "backslashreplace").decode(), file=sys.stderr, flush=True)
    return code


def _open_streams() -> None:
    """A stream that is closed (`>&-`) leads nowhere; else the next file to be opened would take its number, and what is printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _trap_signals() -> None:
    """First signal: unwind and clean up. Second: leave at once."""

    def interrupt(number, frame):
        _caught.append(INTERRUPTED)
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
        raise KeyboardInterrupt

    def terminate(number, frame):
        _caught.append(TERMINATED)
        for again in (signal.SIGTERM, signal.SIGINT):
            signal.signal(again, lambda *_: os._exit(TERMINATED))
        raise Terminated

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, terminate)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, terminate)


def _flush(stream) -> bool:
    """Whether everything is written that somebody reads; what is left of a stream that cannot be written is dropped."""
    try:
        stream.flush()
    except (OSError, ValueError) as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return isinstance(error, (BrokenPipeError, ValueError))
    return True
