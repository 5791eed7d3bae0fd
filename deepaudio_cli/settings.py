"""Defaults from the environment, `./deepaudio.toml` and the user's file, in this order of precedence."""

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from deepaudio.discover import suggest
from deepaudio.errors import InputError

PREFIX = "DEEPAUDIO_"
LOCAL = "deepaudio.toml"
MAX_BYTES = 1 << 20


def defaults(options: Mapping[str, Collection[str]]) -> dict[str, dict[str, Any]]:
    """A default map per command: keys at the top of a file hold for all, those of `[dub]` for `dub` alone.

    `options` are the names of each command's options. A key that no command has is an InputError with the nearest one;
    environment variables that are no options (DEEPAUDIO_FFMPEG) are for others.
    """
    general: dict[str, Any] = {}
    special: dict[str, dict[str, Any]] = {name: {} for name in options}
    anywhere = sorted(set().union(*options.values())) if options else []
    for path in (_user_file(), Path(LOCAL)):
        for key, value in _read(path).items():
            if isinstance(value, dict):
                if key not in special:
                    hint = suggest(key, list(options))
                    raise InputError("settings.unknown_table", f"{path}: no command '{key}'", hint)
                special[key] |= {_known(k, options[key], path): v for k, v in value.items()}
            else:
                general[_known(key, anywhere, path)] = value
    environment = {
        _name(key[len(PREFIX) :]): value
        for key, value in os.environ.items()
        if key.startswith(PREFIX) and value and _name(key[len(PREFIX) :]) in anywhere
    }
    return {name: general | special[name] | environment for name in options}


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
