"""Read YAML files safely, and override their values by `key=value`, with errors that name the key."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from deepaudio.errors import InputError, UsageError

MAX_YAML_BYTES = 1 << 20


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses duplicate keys and aliases."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.constructor.ConstructorError(
                None, None, "aliases are not allowed", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"duplicate key '{key}'", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; python tags, aliases, duplicate keys and non-mappings are an InputError."""
    if not path.is_file():
        raise InputError("recipe.missing", f"no recipe at {path}", hint="deepaudio recipes ls")
    if path.stat().st_size > MAX_YAML_BYTES:
        raise InputError("recipe.too_large", f"{path} is larger than {MAX_YAML_BYTES} bytes")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError("recipe.unreadable", f"{path}: {reason}") from error
    if not isinstance(content, dict):
        raise InputError("recipe.not_a_mapping", f"{path}: expected `key: value` lines")
    return content


def override(content: dict[str, Any], pairs: Sequence[str]) -> dict[str, Any]:
    """`content` with `a.b=value` pairs applied, values typed as in YAML; bad pairs are a UsageError."""
    for pair in pairs:
        key, equals, _ = pair.partition("=")
        if not equals or not key or any(not part.strip() for part in key.split(".")):
            raise UsageError(
                "override.malformed", f"'{pair}' is not key=value", hint="e.g. optim.lr=1e-4"
            )
    try:
        merged = OmegaConf.create(content)
        for pair in pairs:
            given, key = OmegaConf.from_dotlist([pair]), pair.partition("=")[0]
            merged = OmegaConf.merge(merged, given)
            if OmegaConf.select(given, key) == {}:  # a merge would keep what the key holds
                OmegaConf.update(merged, key, {}, merge=False)
    except (OmegaConfBaseException, yaml.YAMLError) as error:
        raise UsageError("override.malformed", " ".join(str(error).split())) from error
    # resolve=False: a value such as ${oc.env:HOME} stays text
    return OmegaConf.to_container(merged, resolve=False)  # type: ignore[return-value]


@contextmanager
def overriding(pairs: Sequence[str]) -> Iterator[None]:
    """An InputError about a key that one of `pairs` sets, or its section, is a UsageError: the command is wrong, not the file."""
    try:
        yield
    except InputError as error:
        found = f"{error.where.get('key', '')}."
        for pair in pairs:
            given = f"{pair.partition('=')[0]}."
            if found.startswith(given) or given.startswith(found):
                message = f"'{pair}' does not fit: {error.message}"
                raise UsageError(error.code, message, error.hint, **error.where) from error
        raise
