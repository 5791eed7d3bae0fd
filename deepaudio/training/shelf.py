"""Where the shipped recipes lie: beside the package when installed, at the root of a checkout."""

from pathlib import Path

from deepaudio.discover import suggest
from deepaudio.errors import InputError


def folder() -> Path:
    """The folder of shipped recipes."""
    package = Path(__file__).resolve().parents[1]
    is_checkout = (package.parent / "pyproject.toml").is_file()
    place = (package.parent if is_checkout else package) / "recipes"
    if not place.is_dir():
        raise InputError("recipes.missing", f"no recipes at {place}", "install deepaudio again")
    return place


def names() -> list[str]:
    """`stage/name` of every shipped recipe, sorted."""
    root = folder()
    return sorted(p.relative_to(root).with_suffix("").as_posix() for p in root.rglob("*.yaml"))


def find(name: str) -> Path:
    """The file of a recipe given by path or by its shipped name; unknown names are an InputError with the nearest."""
    given = Path(name)
    if given.suffix in {".yaml", ".yml"}:
        if not given.is_file():
            raise InputError("recipe.missing", f"no recipe file {name}", "deepaudio recipes ls")
        return given
    known = names()
    if name not in known:
        raise InputError("recipe.unknown", f"no recipe '{name}'", suggest(name, known))
    return folder() / f"{name}.yaml"
