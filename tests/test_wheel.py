"""The wheel, installed into an environment of its own far from the checkout, dubs: weights, recipes and notices are inside."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    build += ["--disable-pip-version-check", "-q", "-w", str(folder), str(ROOT)]
    subprocess.run(build, check=True, timeout=300)
    return next(folder.glob("deepaudio-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """bin/ of a new environment with the wheel; its dependencies are those of the running one, deepaudio is not."""
    folder = tmp_path_factory.mktemp("environment") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    # a path file's own path files are not read: the editable install of the checkout stays out of sight
    room = next((folder / "lib").glob("python*")) / "site-packages"
    (room / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    target = ["--python", str(folder / "bin" / "python")]
    install = [sys.executable, "-m", "pip", *target, "install", "--no-deps", "--force-reinstall"]
    subprocess.run([*install, "-q", str(wheel)], check=True, timeout=300)
    return folder / "bin"


def test_weights_recipes_and_notices_are_inside(wheel):
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    for part in ("tts", "voice", "v2a", "v2a/codec", "vocoder", "mof"):
        assert sizes[f"deepaudio/presets/mini/{part}/model.safetensors"] > 1000, part
    assert sizes["deepaudio/presets/mini/face/NOTICE"] > 0
    assert sizes["deepaudio/presets/mini/CARD.md"] > 0
    recipes = [path.relative_to(ROOT) for path in (ROOT / "recipes").rglob("*.yaml")]
    assert recipes and all(f"deepaudio/{recipe.as_posix()}" in sizes for recipe in recipes)
    assert not [name for name in sizes if name.startswith(("tests/", "examples/"))]


def test_it_dubs_with_no_checkout_in_sight(installed, tmp_path):
    for name in ("clip.mp4", "lines.txt", "voice.wav"):
        shutil.copy(EXAMPLES / name, tmp_path)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"DEEPAUDIO_CACHE_DIR": str(tmp_path / "cache")}

    def run(*command: str) -> str:
        command = [str(installed / command[0]), *command[1:]]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    place = run("python", "-c", "import deepaudio; print(deepaudio.__file__)")
    assert Path(place.strip()).is_relative_to(installed.parent)
    out = json.loads(
        run("deepaudio", "dub", "clip.mp4", "--script", "lines.txt", "--ref", "voice.wav", "--json")
    )
    assert out["ok"] and (tmp_path / "clip.dub.mp4").stat().st_size > 10_000
    assert "v2a/smoke" in run("deepaudio", "recipes", "ls")
