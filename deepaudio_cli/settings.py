"""Defaults from the environment, `./deepaudio.toml` and the user's file, in this order of precedence."""

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from deepaudio.discover import suggest
from deepaudio.errors import InputError

PREFIX = "DEEPAUDIO_"
LOCAL = "deepaudio.toml"
MAX_BYTES = 1 << 20
TRUE = ("1", "true", "t", "yes", "y", "on")  # as Typer reads flags

Place = tuple[str, ...]  # of a table in a file: the names of the command that it is for
Tables = Mapping[Place, Mapping[str, Any]]


def read_environment(command: Any) -> None:
    """Let every option of a command, and of those below it, be read from DEEPAUDIO_NAME.

    Variables that are no options (DEEPAUDIO_FFMPEG) are for others.
    """
    for parameter, name in _options(command):
        parameter.envvar = PREFIX + name.upper()
        parameter.show_envvar = False  # in the help
    for below in _below(command).values():
        read_environment(below)


def read_files(command: Any) -> Tables:
    """What both files say: keys at the top hold for all commands below `command`, those of `[prepare]` for the commands
    of `prepare`, those of `[prepare.speech]` for this one alone.

    A key that no command has is an InputError with the nearest one.
    """
    tables: dict[Place, dict[str, Any]] = {}
    for path in (_user_file(), Path(LOCAL)):
        for place, values in _tables(_read(path), command, path):
            tables[place] = tables.get(place, {}) | values
    return tables


def is_set(flag: str, tables: Tables, place: Place = ()) -> bool:
    """Whether the environment or the files set a flag of the command at `place`."""
    value: Any = False
    for end in range(len(place) + 1):
        value = tables.get(place[:end], {}).get(flag, value)
    return str(os.environ.get(PREFIX + flag.upper()) or value).lower() in TRUE


def _tables(
    content: Mapping[str, Any], command: Any, path: Path, place: Place = ()
) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Each table of a file with its place; InputError for what is no command or option."""
    own, options, below = {}, _names(command), _below(command)
    for key, value in content.items():
        if isinstance(value, dict):
            if key not in below:
                name = ".".join((*place, key))
                hint = suggest(key, list(below))
                raise InputError("settings.unknown_table", f"{path}: no command '{name}'", hint)
            yield from _tables(value, below[key], path, (*place, key))
        else:
            own[_known(key, options, path)] = value
    yield place, own


def defaults(
    command: Any, tables: Tables, place: Place = (), general: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """The default map of a command, with those of the commands below it; `general` are the values that hold for more than it."""
    values = {**general, **tables.get(place, {})}
    if below := _below(command):
        return {name: defaults(c, tables, (*place, name), values) for name, c in below.items()}
    return {
        parameter.name: _listed(values[name]) if parameter.multiple else values[name]
        for parameter, name in _options(command)
        if name in values
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _below(command: Any) -> Mapping[str, Any]:
    return getattr(command, "commands", {})


def _options(command: Any) -> Iterator[tuple[Any, str]]:
    """The options of a command, each with its name in settings: `map` for --map. One with commands below it has none."""
    for parameter in () if _below(command) else command.params:
        for flag in parameter.opts:
            if parameter.param_type_name == "option" and flag.startswith("--"):
                yield parameter, _name(flag[2:])


def _names(command: Any) -> set[str]:
    """Names of a command's options, those of the commands below it included."""
    own = {name for _, name in _options(command)}
    return own.union(*map(_names, _below(command).values()))


def _known(key: str, options: Collection[str], path: Path) -> str:
    name = _name(key)
    if name not in options:
        message = f"{path}: no option '{key}'"
        raise InputError("settings.unknown_key", message, suggest(name, sorted(options)))
    return name


def _name(key: str) -> str:
    return key.lower().replace("-", "_")


def _user_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    if base:
        return Path(base) / "deepaudio" / "config.toml"
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE")
    return Path(home or os.devnull) / ".config" / "deepaudio" / "config.toml"


def _read(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            return {}
        if path.stat().st_size > MAX_BYTES:
            raise InputError("settings.too_large", f"{path} is larger than {MAX_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise InputError("settings.unreadable", f"{path}: {error.strerror}") from error
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("settings.invalid", f"{path}: {error}") from error
