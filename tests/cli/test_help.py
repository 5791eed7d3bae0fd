"""Help in panels, ready commands, completion and the man page: all from one text."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from deepaudio_cli import manual
from deepaudio_cli.examples import EXAMPLES, page
from deepaudio_cli.main import build

ROOT = Path(__file__).resolve().parents[2]
PANELS = ["Options", "Script", "Voices", "Timing", "Sound", "Output", "Batch", "Machine"]


def dub():
    return typer.main.get_command(build()).commands["dub"]


def rendered(*arguments, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    env |= {"PYTHONPATH": str(ROOT), "COLUMNS": "100"} | environment
    line = [sys.executable, "-m", "deepaudio_cli", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def panels(text):
    """Title -> the option names in it."""
    found, current = {}, None
    for row in text.splitlines():
        if title := re.match(r"[╭+]─* ([\w ]+) ─", row):
            current = found.setdefault(title[1], [])
        elif current is not None and (option := re.match(r"[│|] (--[\w-]+)", row)):
            current.append(option[1])
    return found


def test_the_options_people_need_first_come_first_and_the_rest_in_panels():
    found = panels(rendered("dub", "--help"))
    assert [name for name in found if name != "Arguments"] == PANELS
    first = [name for name in found["Options"] if name not in ("--help", "--examples")]
    assert len(first) == 10 and {"--script", "--ref", "--output", "--dry-run"} <= set(first)
    assert "--manifest" in found["Batch"] and "--voices" in found["Voices"]
    assert "--min-speed" in found["Timing"] and "--duck" in found["Sound"]


def test_every_option_of_dub_is_in_a_panel_and_has_a_text():
    shown = [name for names in panels(rendered("dub", "--help")).values() for name in names]
    longs = [[o for o in p.opts if o.startswith("--")] for p in dub().params]
    assert sorted(shown) == sorted([names[0] for names in longs if names] + ["--help"])
    assert all(p.help for p in dub().params)


def every_text(command):
    """The texts of a command, its options, and the commands below it."""
    yield command.help or ""
    yield from (getattr(parameter, "help", None) or "" for parameter in command.params)
    for below in getattr(command, "commands", {}).values():
        yield from every_text(below)


def test_no_text_has_a_bracket_that_would_be_markup():
    texts = list(every_text(typer.main.get_command(build())))
    assert len(texts) > 200
    assert not [text for text in texts if re.search(r"(?<!\\)\[[a-zA-Z#/@]", text)]


def test_brackets_in_a_text_are_shown():
    assert "[door slams]" in " ".join(re.sub("[│]", " ", rendered("dub", "--help")).split())


@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_there_are_no_escape_codes_elsewhere_than_on_a_terminal(change):
    assert "\x1b" not in rendered("dub", "--help", **change)


@pytest.mark.slow
def test_no_color_holds_on_a_terminal(tmp_path):
    """A pseudo-terminal, where colours would be shown."""
    code = (
        "import os, pty, sys\n"
        "def read(fd):\n"
        "    data = os.read(fd, 4096)\n"
        "    open(sys.argv[1], 'ab').write(data)\n"
        "    return b''\n"
        "pty.spawn([sys.executable, '-m', 'deepaudio_cli', '--help'], read)\n"
    )
    for colour, name in (({"NO_COLOR": "1"}, "plain"), ({"TERM": "xterm"}, "coloured")):
        env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        env |= {"PYTHONPATH": str(ROOT), "TERM": "xterm"} | colour
        line = [sys.executable, "-c", code, str(tmp_path / name)]
        subprocess.run(line, env=env, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL)
        shown = (tmp_path / name).read_bytes()
        assert b"Usage:" in shown and (b"\x1b" in shown) == (name == "coloured")


@pytest.mark.slow
@pytest.mark.parametrize("width", ["20", "40", "200"])
def test_any_width(width):
    shown = rendered("dub", "--help", COLUMNS=width)
    assert max(map(len, shown.splitlines())) <= int(width) and "Batch" in shown


@pytest.mark.parametrize("arguments", [a for _, a in EXAMPLES])
def test_every_ready_command_parses(arguments):
    command = dub()
    command.make_context("dub", shlex.split(arguments))


def test_ready_commands_are_printed(command, capsys):
    assert command("dub", "--examples") == 0
    out = capsys.readouterr().out
    assert out.strip() == page() and out.count("deepaudio dub ") == len(EXAMPLES)
    assert out.startswith("# One voice")


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_options_and_their_values_are_completed(shell):
    def complete(line):
        environment = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
        environment |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        return rendered(_DEEPAUDIO_COMPLETE=f"complete_{shell}", **environment)

    assert "--subtitles" in complete("deepaudio dub --sub")
    assert "streaming" in complete("deepaudio dub --loudness str")
    assert "recipes" in complete("deepaudio rec")


def test_the_shell_gets_a_script_for_completion():
    shown = rendered(_DEEPAUDIO_COMPLETE="source_bash")
    assert "_DEEPAUDIO_COMPLETE=complete_bash" in shown and "deepaudio" in shown


def test_the_man_page_has_every_option_example_and_exit_code():
    text = manual.page()
    assert text.startswith(".TH DEEPAUDIO 1")
    plain = text.replace(r"\-", "-").replace(r"\(aq", "'")
    for parameter in dub().params:
        assert all(option in plain for option in parameter.opts if option.startswith("--"))
    for _, arguments in EXAMPLES:
        assert f"deepaudio dub {arguments}" in plain
    codes = re.findall(r"^\| ([\d, ]+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [code for code, _ in manual.EXITS] == codes, "the exit codes of the README"
    assert "[door slams]" in plain and "\\[" not in text


def test_nothing_in_a_text_is_a_request_of_roff():
    assert manual.roff(".SH evil") == r"\&.SH evil"
    assert manual.roff("'x") == r"\&\(aqx"
    assert manual.roff("a\\b -c") == r"a\eb \-c"
    requests = {row.split()[0] for row in manual.page().splitlines() if row.startswith(".")}
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".nf", ".fi"}
