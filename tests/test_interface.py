"""What users build on: the public names of Python and the commands with their options, as tests/fixtures/interface.txt lists them.

`python -m tests.test_interface` writes the list anew, after a change that is meant.
"""

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path

import typer

import deepaudio
from deepaudio_cli.main import build

LIST = Path(__file__).parent / "fixtures" / "interface.txt"


def python() -> Iterator[str]:
    for name in sorted(deepaudio.__all__):
        value = getattr(deepaudio, name)
        if not inspect.isclass(value):
            yield f"deepaudio.{name}({parameters(value)})"
            continue
        if dataclasses.is_dataclass(value) or hasattr(value, "_fields"):
            yield f"deepaudio.{name}({parameters(value)})"
        else:
            yield f"deepaudio.{name}"
        for method, found in sorted(vars(value).items()):
            if inspect.isfunction(found) and not method.startswith("_"):
                yield f"deepaudio.{name}.{method}({parameters(found)})"


def parameters(call) -> str:
    """Names in order, `*` before those that are given by name only, `=` behind those with a default."""
    shown, star = [], False
    for one in inspect.signature(call).parameters.values():
        if one.kind is one.KEYWORD_ONLY and not star:
            shown.append("*")
            star = True
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        shown.append(f"{mark}{one.name}{'' if one.default is one.empty else '='}")
    return ", ".join(shown)


def commands(command=None, name: str = "deepaudio") -> Iterator[str]:
    command = command or typer.main.get_command(build())
    for below in sorted(getattr(command, "commands", {})):
        yield from commands(command.commands[below], f"{name} {below}")
    if not hasattr(command, "commands"):
        given = [
            "/".join(one.opts) if one.param_type_name == "option" else one.name.upper()
            for one in command.params
        ]
        yield f"{name} {' '.join(given)}"


def interface() -> str:
    return "\n".join([*python(), *commands()]) + "\n"


def test_names_and_options_are_those_of_the_list():
    assert interface() == LIST.read_text(), "meant? python -m tests.test_interface"


if __name__ == "__main__":
    LIST.write_text(interface())
