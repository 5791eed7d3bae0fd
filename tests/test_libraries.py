"""A library that cannot be loaded: one line with its version, the version that fits and the command; exit 4."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deepaudio import libraries
from deepaudio.errors import ToolError
from deepaudio.libraries import lean

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
RAISES = "raise {error}('Could not load this library: {name}.so')\n"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    environment["DEEPAUDIO_CACHE_DIR"] = str(folder / "cache")
    command = [sys.executable, "-m", "deepaudio_cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, timeout=300
    )


@pytest.mark.parametrize(
    ("module", "name", "error"),
    [
        ("torchaudio", "torchaudio", "OSError"),
        ("onnxruntime", "onnxruntime", "ImportError"),
        ("ai_edge_litert", "ai-edge-litert", "ImportError"),
        ("av", "av", "ImportError"),
        ("pyworld", "pyworld", "ModuleNotFoundError"),
    ],
)
def test_a_library_that_fails_to_load_is_named_with_the_cure(module, name, error, tmp_path):
    broken = tmp_path / module
    broken.mkdir()
    for file in ("__init__.py", f"{module}.py"):  # pyworld is imported without its __init__
        (broken / file).write_text(RAISES.format(error=error, name=module))
    examples = ROOT / "examples"
    # fmt: off
    done = run(tmp_path, "dub", str(examples / "clip.mp4"), "--script", str(examples / "lines.txt"),
               "--ref", str(examples / "voice.wav"), "-o", str(tmp_path / "o.mp4"))
    # fmt: on
    assert done.returncode == 4, done.stderr
    line = done.stderr.splitlines()[-1]
    assert f"error: {name} {libraries.installed(name)} cannot be loaded" in line
    assert "this is a bug" not in line and f"{module}.so" in line
    wanted = libraries.requirements()[name]
    assert f"pip install --force-reinstall --no-deps '{wanted.name}{wanted.specifier}'" in line or (
        name in libraries.MATCHED and f"'{wanted.name}{wanted.specifier}'" in line
    )
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(
    ("name", "error"), [("torchaudio", "OSError"), ("torchvision", "RuntimeError")]
)
def test_doctor_names_the_same(name, error, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(RAISES.format(error=error, name="x"))
    done = run(tmp_path, "doctor")
    assert done.returncode == 4
    assert re.search(rf"{name} [\d.+a-z]+ cannot be loaded: Could not load", done.stderr)


def test_a_release_that_does_not_fit_is_said(monkeypatch):
    monkeypatch.setattr(libraries, "installed", lambda n: "2.11.1" if n == "torchaudio" else "0")
    assert libraries.unfit("torchaudio") == (
        "torchaudio 2.11.1 is installed, deepaudio needs torchaudio==2.11.0"
    )


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ToolError, match=r"opencv-python-headless") as caught, libraries.needed():
        import cv2  # noqa: F401
    assert "pip install" in caught.value.hint and caught.value.exit_code == 4


def test_an_error_of_our_own_is_no_library():
    try:
        raise ImportError("cannot import name 'x' from 'deepaudio.nn'", name="deepaudio.nn")
    except ImportError as error:
        assert libraries.of_library(error) is None
    with pytest.raises(ValueError, match="ours"), libraries.needed():
        raise ValueError("ours")


def test_modules_of_a_package_come_without_its_init(tmp_path, monkeypatch):
    package = tmp_path / "heavy_one"
    package.mkdir()
    (package / "__init__.py").write_text("from heavy_one import light\nslow = True\n")
    (package / "light.py").write_text(
        "try:\n    import wave\nexcept ImportError:\n    wave = None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with lean("heavy_one"):
        from heavy_one import light
    assert "heavy_one" not in sys.modules
    import heavy_one

    assert heavy_one.slow and heavy_one.light is light and light.wave is not None
    with lean("heavy_one"):  # there already: as it is
        assert sys.modules["heavy_one"] is heavy_one
    del sys.modules["heavy_one.light"]
    with lean("heavy_one", without="wave"):
        assert importlib.import_module("heavy_one.light").wave is None
    assert importlib.import_module("wave")
    with pytest.raises(ModuleNotFoundError, match="no_such"), lean("no_such"):
        pass
