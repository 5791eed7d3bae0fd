"""constraints.txt is the closed set that README, Makefile and CI install from."""

import re
import sys
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
ROWS = [
    Requirement(row)
    for row in (ROOT / "constraints.txt").read_text().splitlines()
    if row and not row.startswith("#")
]
PYTHONS, PLATFORMS = ("3.10.13", "3.11.7", "3.12.1", "3.13.0"), ("linux", "darwin")


def pinned(python: str, platform: str) -> dict[str, str]:
    environment = default_environment() | {
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": platform,
        "platform_system": platform.capitalize(),
        "platform_machine": "x86_64" if platform == "linux" else "arm64",
    }
    found = [row for row in ROWS if row.marker is None or row.marker.evaluate(environment)]
    versions = {canonicalize_name(row.name): str(row.specifier) for row in found}
    assert len(versions) == len(found), "a package is pinned twice"
    return {name: text.removeprefix("==") for name, text in versions.items()}


def test_every_row_is_one_version_and_no_address():
    for row in ROWS:
        assert re.fullmatch(r"==[\w.+!]+", str(row.specifier)), row
        assert row.url is None and not row.extras
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_every_dependency_is_pinned_within_its_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [row for rows in project["optional-dependencies"].values() for row in rows]
    needed = [Requirement(row) for row in [*project["dependencies"], *extras]]
    needed = [row for row in needed if row.name != "deepaudio"]
    for python in PYTHONS:
        for platform in PLATFORMS:
            versions = pinned(python, platform)
            for row in needed:
                if row.marker and not row.marker.evaluate(
                    {"python_version": python.rpartition(".")[0]}
                ):
                    continue
                version = versions.get(canonicalize_name(row.name))
                assert version, f"{row.name} is not in constraints.txt: make constraints"
                assert row.specifier.contains(version), f"{row} {version}: make constraints"


def test_every_dependency_is_bounded():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [row for rows in project["optional-dependencies"].values() for row in rows]
    for text in [*project["dependencies"], *extras]:
        row = Requirement(text)
        if row.name != "deepaudio":
            assert any(s.operator in ("==", "<", "<=") for s in row.specifier), text


def test_make_and_ci_install_from_it():
    makefile = (ROOT / "Makefile").read_text()
    installs = re.findall(r"^\t\$\(call install,.*", makefile, re.MULTILINE)
    assert len(installs) >= 3 and all("-c constraints.txt" in line for line in installs)
    assert "make test" in (ROOT / ".ci/run").read_text()
