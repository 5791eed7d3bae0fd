"""Extension by file: find the modules of a room by their names, without a registry to edit."""

import difflib
import importlib
import pkgutil
from types import ModuleType

from deepaudio.errors import InputError


def names(package: str) -> list[str]:
    """Names of the public modules in a package, sorted."""
    room = importlib.import_module(package)
    return sorted(m.name for m in pkgutil.iter_modules(room.__path__) if not m.name.startswith("_"))


def suggest(wanted: str, known: list[str]) -> str:
    """`did you mean 'x'?` when something is near, else the list of what is known."""
    near = difflib.get_close_matches(wanted, known, n=1)
    return f"did you mean '{near[0]}'?" if near else "known: " + ", ".join(known)


def find(package: str, name: str) -> ModuleType:
    """Import `package.name`; an unknown name is an InputError that names the nearest known one."""
    known = names(package)
    if name not in known:
        kind = package.rsplit(".", 1)[-1]
        raise InputError(f"{kind}.unknown", f"no '{name}' in {kind}", hint=suggest(name, known))
    return importlib.import_module(f"{package}.{name}")
