"""The house stands: floors, pure networks, rooms without IO, short files, no way to print or to load unsafely."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import api, configuration

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("deepaudio", "deepaudio_cli")
MAX_LINES = 320
PURE = ("nn", "flow", "audio", "models", "codecs", "metrics")
MAY_UNPICKLE = ("deepaudio/upstream", "deepaudio/training/saves.py")  # both with weights_only

FILES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))


def calls(tree: ast.AST) -> set[str]:
    """Dotted names of everything that is called in a file."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_import_contracts(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    configuration.configure()
    from importlinter.application.use_cases import lint_imports

    passed = lint_imports(
        config_filename=str(ROOT / "pyproject.toml"), cache_dir=None, is_debug_mode=False
    )
    assert passed, capsys.readouterr().out


def test_the_floors_name_every_room():
    options = api.read_configuration(str(ROOT / "pyproject.toml"))
    floors = next(c for c in options["contracts_options"] if c["id"] == "floors")
    named = {
        name.strip("() ")
        for floor in floors["layers"]
        for name in floor.replace(":", "|").split("|")
    }
    rooms = {
        f"deepaudio.{p.stem}"
        for p in (ROOT / "deepaudio").iterdir()
        if (p.suffix == ".py" or (p / "__init__.py").exists()) and p.stem != "__init__"
    }
    assert rooms <= {name.strip() for name in named}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_house_style(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(tree), "the first line says what the file is"
    assert "from __future__ import annotations" not in text
    used = calls(tree)
    assert not used & {
        "os.system",
        "eval",
        "exec",
        "yaml.unsafe_load",
        "pickle.load",
        "pickle.loads",
    }
    if not relative(path).startswith(MAY_UNPICKLE):
        assert "torch.load" not in used
    if relative(path).startswith("deepaudio/"):
        assert "print" not in used, "the library does not print"
    if len(path.parts) > len(ROOT.parts) + 2 and path.parts[len(ROOT.parts) + 1] in PURE:
        assert "open" not in used, "this room does no IO"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_swallowed_errors_and_no_loose_calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in line {node.lineno}"
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert keywords.get("shell") != "True", f"a shell in line {node.lineno}"
            if name.endswith("load_state_dict"):
                assert keywords.get("strict", "True") == "True", f"loose load in line {node.lineno}"
            if name == "torch.load":
                assert keywords.get("weights_only") == "True", f"pickle in line {node.lineno}"


@pytest.mark.parametrize("module", ["deepaudio", "deepaudio_cli.main"])
def test_import_is_light(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'numpy', 'rich', 'av') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
