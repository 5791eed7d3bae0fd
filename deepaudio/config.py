"""Turn plain mappings into frozen configs, with errors that name the key."""

import dataclasses
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from deepaudio.discover import suggest
from deepaudio.errors import InputError

T = TypeVar("T")


def build(kind: type[T], values: dict[str, Any], where: str) -> T:
    """A frozen config dataclass from a mapping; unknown keys and wrong types are an InputError naming `where.key`."""
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise InputError(
                "config.unknown_key",
                f"{where}.{key}: unknown key",
                hint=suggest(key, list(fields)),
                key=f"{where}.{key}",
            )
    for key, value in values.items():
        if isinstance(value, bool) and bool not in _kinds(fields[key].type):
            raise InputError(
                "config.wrong_type",
                f"{where}.{key}: expected {_type_name(fields[key].type)}, got {value!r}",
                key=f"{where}.{key}",
            )
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in (where, *fault["loc"]))
        if fault["type"] == "value_error":  # a config's own check, with the numbers in its message
            message = f"{key}: {fault['ctx']['error']}"
            raise InputError("config.invalid", message, key=key) from error
        code = "config.missing" if fault["type"] == "missing" else "config.wrong_type"
        message = fault["msg"][0].lower() + fault["msg"][1:]
        given = "" if fault["type"] == "missing" else f", got {fault['input']!r}"
        raise InputError(code, f"{key}: {message}{given}", key=key) from error


def _kinds(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *(inner for part in get_args(annotation) for inner in _kinds(part)))


def _type_name(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation))
