"""The man page, made from the same text as `--help`: `python -m deepaudio_cli.manual > deepaudio.1` (make man)."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from deepaudio import __version__
from deepaudio_cli.examples import EXAMPLES
from deepaudio_cli.main import build

EXITS = (
    ("0", "done"),
    ("1", "internal error: please report it"),
    ("2, 3", "wrong usage; bad input"),
    ("4, 5", "missing tool or device; weights missing or refused"),
    ("6", "disk, memory or time ran out: try again"),
    ("7", "batch finished, some items failed: --resume"),
    ("8, 9", "refused by policy; quality gate of --strict"),
    ("130, 143", "interrupted"),
)


def page() -> str:
    """The page in roff."""
    command = typer.main.get_command(build())
    rows = [f'.TH DEEPAUDIO 1 "" "deepaudio {__version__}" "User Commands"', ".SH NAME"]
    rows += [r"deepaudio \- " + roff(_first(command.help)), ".SH SYNOPSIS", ".B deepaudio"]
    rows += [r"\fICOMMAND\fR [\fIOPTIONS\fR] ...", ".SH COMMANDS"]
    rows += [row for name, one in sorted(command.commands.items()) for row in _command(name, one)]
    rows += [".SH EXAMPLES"]
    for what, arguments in EXAMPLES:
        rows += ([".PP", roff(what)] if what else []) + [".PP", ".nf"]
        rows += [r"\fB" + roff(f"deepaudio dub {arguments}") + r"\fR", ".fi"]
    rows += [".SH EXIT STATUS"]
    rows += [row for code, words in EXITS for row in (".TP", f".B {code}", roff(words))]
    return "\n".join(rows) + "\n"


def roff(text: str) -> str:
    """Text of a help as roff: nothing in it is a request or an escape."""
    text = " ".join(text.replace(r"\[", "[").split())
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return r"\&" + text if text.startswith((".", r"\(aq")) else text


def _command(name: str, command: Any) -> Iterator[str]:
    """A command with its options in their panels, and the commands below it."""
    yield from (f".SS deepaudio {roff(name)}", roff(command.help or ""))
    context = command.context_class(command, info_name=name)
    panels: dict[str, list[Any]] = {}
    for one in command.params:
        panels.setdefault(getattr(one, "rich_help_panel", None) or "", []).append(one)
    for panel, members in panels.items():
        if panel:
            yield from (".PP", rf"\fI{panel}\fR")
        for record in filter(None, (one.get_help_record(context) for one in members)):
            heading, words = record
            yield from (".TP", rf"\fB{roff(heading)}\fR", roff(words))
    for below, one in sorted(getattr(command, "commands", {}).items()):
        yield from _command(f"{name} {below}", one)


def _first(text: str) -> str:
    return re.split(r"[.:] ?", text, maxsplit=1)[0]


if __name__ == "__main__":
    typer.echo(page(), nl=False)
