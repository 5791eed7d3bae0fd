"""Libraries: imported without what is not used; when one cannot be loaded, which it is and the command that mends it."""

import importlib.metadata as metadata
import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

from deepaudio.errors import ToolError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

MATCHED = ("torch", "torchaudio", "torchvision")
"""Built for each other: one of another release keeps the others from loading."""
_OURS = {"deepaudio", "deepaudio_cli"}


@cache
def requirements() -> "dict[str, Requirement]":
    """What deepaudio needs, by canonical name, those of the extras included; empty when it is not installed."""
    from packaging.requirements import (
        Requirement,
    )  # slow to import, and needed only when something is wrong

    try:
        lines = metadata.requires("deepaudio") or ()
    except metadata.PackageNotFoundError:
        return {}
    found = [Requirement(line) for line in lines]
    return {_canonical(r.name): r for r in found if r.name != "deepaudio"}


def optional(requirement: "Requirement") -> bool:
    """Whether an extra alone asks for it, or another Python than this one."""
    return requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})


def installed(name: str) -> str | None:
    """Version of a distribution, None when it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def unfit(name: str) -> str | None:
    """In words, why the installed version of a distribution does not do; None when it does."""
    version, needed = installed(name), requirements().get(_canonical(name))
    if version is None:
        return f"{name} is not installed" + (
            f", deepaudio needs {_short(needed)}" if needed else ""
        )
    if needed and not needed.specifier.contains(version, prereleases=True):
        return f"{name} {version} is installed, deepaudio needs {_short(needed)}"
    return None


def of_library(error: BaseException) -> ToolError | None:
    """The error that an exception stands for when it came up while a library was being imported; else None."""
    module = _module(error)
    if module is None:
        return None
    name = _distribution(module)
    group = MATCHED if name in MATCHED else (name,)
    wrong = [text for text in map(unfit, group) if text]
    version = installed(name)
    reason = (str(error) or type(error).__name__).splitlines()[0][:200]
    message = f"{name}{' ' + version if version else ''} cannot be loaded: {reason}"
    if wrong and version:
        message += f"; {', '.join(wrong)}"
    known = [requirements().get(_canonical(n)) for n in group]
    wanted = " ".join(f"'{_short(r)}'" if r else n for n, r in zip(group, known, strict=True))
    again = "" if wrong else "--force-reinstall --no-deps "
    return ToolError("library.unusable", message, f"pip install {again}{wanted}", library=name)


@contextmanager
def needed() -> Iterator[None]:
    """Turns whatever goes wrong while the block imports libraries into the ToolError that `of_library` makes of it."""
    try:
        yield
    except Exception as error:
        if known := of_library(error):
            raise known from error
        raise


@contextmanager
def lean(package: str, without: str | None = None) -> Iterator[None]:
    """Modules of `package` are imported in the block without its `__init__`; or with it, but without the module `without`.

    For packages that import at once what only a part of them needs, which can take longer than a short job. After the
    block both are imported as ever.
    """
    name = without or package
    before = sys.modules.get(name)
    if without is None and before is not None:
        yield
        return
    sys.modules[name] = None if without else _bare(package)
    try:
        yield
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before


def _bare(package: str) -> ModuleType:
    """The package with the place of its modules and nothing in it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    module = ModuleType(package)
    module.__path__, module.__spec__ = spec.submodule_search_locations, spec
    return module


def _canonical(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _short(requirement: "Requirement") -> str:
    return f"{requirement.name}{requirement.specifier}"


def _module(error: BaseException) -> str | None:
    """Top-level module whose import failed, by the deepest module body in the traceback that deepaudio answers for."""
    bodies = [name for name in _bodies(error.__traceback__) if name not in _OURS]
    known = [name for name in bodies if _canonical(_distribution(name)) in requirements()]
    if known or bodies:
        return (known or bodies)[-1]
    name = (getattr(error, "name", None) or "").partition(".")[0]
    return name if isinstance(error, ImportError) and name and name not in _OURS else None


def _bodies(traceback: TracebackType | None) -> Iterator[str]:
    """Top-level names of the modules whose bodies were running, outermost first, from the first of ours on."""
    inside = False
    while traceback is not None:
        frame = traceback.tb_frame
        name = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        inside = inside or name in _OURS
        installed_one = "site-packages" in frame.f_code.co_filename or _distributed(name)
        if inside and frame.f_code.co_name == "<module>" and installed_one:
            yield name
        traceback = traceback.tb_next


def _distributed(module: str) -> bool:
    return module in _by_module()


def _distribution(module: str) -> str:
    """Name of the distribution that brings a top-level module; the module's own when none is known."""
    found = _by_module().get(module)
    if found:
        return found[0]
    guess = re.sub(r"_+", "-", module)
    names = {_canonical(n): r.name for n, r in requirements().items()}
    return names.get(_canonical(guess), _ELSEWHERE.get(module, guess))


_ELSEWHERE = {"cv2": "opencv-python-headless", "hibari": "hibari-tts", "webvtt": "webvtt-py"}
"""Distributions of modules with another name, for when they are not installed."""


@cache
def _by_module() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())
