"""What the README and the page on dubbing show works: their commands parse, the Python runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from deepaudio_cli.main import build

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DUBBING = (ROOT / "docs/dubbing.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}(deepaudio .*)$", README + DUBBING, re.MULTILINE)
MINI = ROOT / "deepaudio/presets/mini"


def test_there_are_commands_to_check():
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_parse(line):
    arguments = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(build())
    while hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    command.make_context(command.name, arguments)


def test_make_targets_and_files_exist():
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"(?:^ +|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"demo", "test"} <= named <= set(targets), (
        "a command at the head of a line or in backticks"
    )
    for name in re.findall(r"\]\(([\w./]+)\)", README):
        assert (ROOT / name).is_file(), name


@pytest.mark.slow
def test_python_runs(tmp_path):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    code = code.replace('load("mini")', f'load("{MINI}")')
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "v2a"
    assert (tmp_path / "clip.dub.mp4").is_file()
