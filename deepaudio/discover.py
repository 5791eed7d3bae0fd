"""Extension by file: find the modules of a room by their names, without a registry to edit."""

import difflib
import importlib
import importlib.util
import pkgutil
from types import ModuleType

from deepaudio.errors import InputError

ROOMS = ("deepaudio.models", "deepaudio.codecs")


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


def find_network(name: str) -> ModuleType:
    """The module of a network that config.json names: `v2a/mmdit` is `deepaudio.models.v2a.mmdit`.

    `codecs/vocos_source` is in `deepaudio.codecs`. It has `Config` and `Model`. Unknown names are an InputError.
    """
    room, _, module = name.rpartition("/")
    if room == "codecs":
        return find("deepaudio.codecs", module)
    package = f"deepaudio.models.{room}" if room else "deepaudio.models"
    if importlib.util.find_spec(package) is None:
        known = names("deepaudio.models")
        raise InputError("models.unknown", f"no networks '{room}'", hint=suggest(room, known))
    return find(package, module)


def name_of_network(model: object) -> str:
    """The name by which `find_network` finds the module of a network."""
    module = type(model).__module__
    for room in ROOMS:
        if module.startswith(room + "."):
            name = module.removeprefix(room + ".").replace(".", "/")
            return f"codecs/{name}" if room == "deepaudio.codecs" else name
    raise ValueError(f"{module} is not in {' or '.join(ROOMS)}")
