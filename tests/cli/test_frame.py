"""The frame of the command line: start-up, exit codes, JSON errors, settings, escaping, streams."""

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from deepaudio.errors import InputError
from deepaudio.training.recipe import shipped_folder
from deepaudio_cli import settings
from deepaudio_cli.console import Console, printable
from deepaudio_cli.main import COMMANDS, build

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def deepaudio(*arguments, cwd=None, **environment):
    """Run the console script as a user does; nobody's settings but the test's own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("DEEPAUDIO_")}
    env |= {"XDG_CONFIG_HOME": str(cwd or ROOT / "none"), "PYTHONPATH": str(ROOT)} | environment
    command = [sys.executable, "-m", "deepaudio_cli", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd or ROOT, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from deepaudio_cli.main import _outcome\n"
        "_outcome(['--help'])\n"
        "heavy = {'torch', 'numpy', 'av', 'transformers', 'omegaconf', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert all(f" {name} " in done.stdout for name in ("dub", "foley", "tts", "train", "doctor"))
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < 0.6, "twice the promise of 0.3 s, for a busy machine"


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if (ROOT / f"deepaudio_cli/commands/{c}.py").exists()]
)
def test_every_command_has_help(command):
    done = deepaudio(command, "-h")
    assert done.returncode == 0
    assert done.stdout.lstrip().startswith("Usage:") and not done.stderr
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("group", [[], ["recipes"], ["models"], ["runs"], ["prepare"]])
def test_without_a_command_there_is_help_and_nothing_else(group):
    done = deepaudio(*group)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.lstrip().startswith("Usage:")


@pytest.mark.parametrize(
    "arguments",
    [
        ["dub", "a.mp4", "--ref", "a.wav", "--script"],
        ["dub", "--out-dir", "out", "--manifest"],
        ["eval", "v2s", "--truth", "--manifest"],
        ["prepare", "infill", "--vocabulary", "a", "pipe.yaml"],
        ["train"],
    ],
)
def test_a_pipe_as_a_script_or_manifest_hangs_nothing(arguments, tmp_path):
    for name, example in (("a.mp4", "clip.mp4"), ("a.wav", "voice.wav")):
        (tmp_path / name).write_bytes((ROOT / "examples" / example).read_bytes())
    os.mkfifo(tmp_path / "pipe.yaml")
    done = deepaudio(*arguments, "pipe.yaml", cwd=tmp_path)
    assert done.returncode == 3 and "pipe.yaml" in done.stderr, done.stderr
    if arguments[0] in ("eval", "prepare"):
        assert "pipe.yaml is no regular file" in done.stderr
    assert "bug" not in done.stderr and "Traceback" not in done.stderr


def test_version():
    assert deepaudio("--version").stdout.startswith("deepaudio 0.")


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["dub"], 2, "usage"),
        (["dub", "x.mp4", "--ref", "v.wav"], 2, "usage"),
        (["dub", "x.mp4", "--stepz", "4"], 2, "usage"),
        (["dub", "x.mp4", "--text", "Hi.", "--steps", "0"], 2, "usage"),
        (["dub", "x.mp4", "--text", "Hi.", "--voice", "MARA"], 2, "usage"),
        (["dubb"], 2, "usage"),
        (["train", "mof/nothing"], 3, "input"),
        (["train", "nowhere.yaml"], 3, "input"),
        (["recipes", "show", "nothing"], 3, "input"),
        (["dub", "nothing.mp4", "--text", "Hi.", "--ref", "v.wav"], 3, "input"),
    ],
)
def test_errors_are_one_line_and_one_json_object(arguments, code, kind, tmp_path):
    done = deepaudio(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    spoken = deepaudio(*arguments, "--json", cwd=tmp_path)
    if spoken.stdout:  # commands without --json answer a usage error for the flag itself
        error = json.loads(spoken.stdout)
        assert (error["schema"], error["ok"]) == (1, False)
        assert spoken.returncode in (code, 2)
        if spoken.returncode == code:
            assert error["error"]["kind"] == kind
            assert {"code", "message", "hint", "retryable"} <= set(error["error"])
    assert list(tmp_path.iterdir()) == []


def test_user_text_is_not_markup_and_cannot_steer_a_terminal(tmp_path):
    name = "clip[/red]\x1b[31m\u202e.mp4"
    done = deepaudio("dub", name, "--text", "Hi.", "--ref", "v.wav", cwd=tmp_path)
    assert done.returncode == 3
    assert "[/red]" in done.stderr
    assert "\x1b" not in done.stderr and "\u202e" not in done.stderr


def test_printable_keeps_words_and_escapes_control():
    assert printable("naïve 日本語 [bold]") == "naïve 日本語 [bold]"
    assert printable("a\nb\x00\u200b") == "a\\nb\\x00\\u200b"
    assert printable("\udc80") == "\\udc80"


def read_settings():
    command = typer.main.get_command(build())
    return settings.defaults(command, settings.read_files(command))


def test_settings_come_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "home/deepaudio").mkdir(parents=True)
    (tmp_path / "home/deepaudio/config.toml").write_text("seed = 1\nsteps = 1\nguidance = 1.0\n")
    (tmp_path / "deepaudio.toml").write_text(
        'steps = 2\nforce = true\npreset = "a"\nfrom = "1:15"\n[dub]\nmax-speed = 1.5\n'
        "[prepare]\nforce = false\nfactor = [1, 2]\n[prepare.speech]\nfactor = 0.9\n"
    )
    found = read_settings()
    assert found["dub"]["max_speed"] == 1.5 and "max_speed" not in found["tts"]
    assert found["dub"]["start"] == "1:15"
    for name in ("dub", "tts"):
        assert {"seed": 1, "steps": 2, "guidance": 1.0, "force": True}.items() <= found[
            name
        ].items()
    assert (found["dub"]["preset"], found["eval"]["preset"]) == ("a", ["a"])
    assert found["prepare"]["speech"] == {"force": False, "factor": [0.9]}
    assert found["prepare"]["folder"] == {"force": False, "factor": [1, 2]}
    assert found["recipes"]["cp"] == {"force": True}


@pytest.mark.parametrize(
    "content",
    [
        "seed = ",
        "[dubb]\nseed = 1\n",
        "\xff",
        "seeed = 1",
        "clip = 'a.mp4'",
        "version = true",
        "[prepare.ls]\nseed = 1",
        "[prepare.speeech]\njobs = 2",
        "[dub.again]\nseed = 1",
    ],
)
def test_broken_settings_are_an_input_error(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deepaudio.toml").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError):
        read_settings()


def test_a_setting_reaches_its_command(tmp_path):
    (tmp_path / "deepaudio.toml").write_text("[dub]\nsteps = 0\n")
    done = deepaudio("dub", "x.mp4", "--text", "Hi.", cwd=tmp_path)
    assert (done.returncode, "steps" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["prepare", "speech", "a.jsonl", "a"], {"FACTOR": "1 fast"}, "'--factor'"),
        (["models", "import", "a"], {"PART": "nothing"}, "'nothing'"),
        (["tts", "--text", "Hi."], {"VOICE": "A=no.wav B=nor.wav"}, "no such file: no.wav"),
        (
            ["dub", "a.mp4", "--text", "Hi."],
            {"GUIDANCE_INTERVAL": "0.8 0.1"},
            "--guidance-interval 0.8 0.1",
        ),
        (
            ["eval", "v2s"],
            {"MANIFEST": "no.jsonl", "MAP": "a=b c"},
            "--map takes NAME=VALUE, not 'c'",
        ),
        (["dub", "a.mp4", "--text", "Hi."], {"STEPS": "0", "VERSION": "1"}, "'--steps'"),
    ],
)
def test_the_environment_reaches_every_kind_of_option(arguments, environment, told, tmp_path):
    named = {f"DEEPAUDIO_{name}": value for name, value in environment.items()}
    done = deepaudio(*arguments, cwd=tmp_path, **named)
    assert told in done.stderr and done.returncode in (2, 3), done.stderr


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["recipes", "show", "nothing"], "recipes show"),
        (["prepare", "speech", "no.jsonl", "out"], "prepare speech"),
        (["runs", "plot", "--wrong"], "runs plot"),
        (["recipes", "nothing"], "recipes"),
        (["dub", "--steps", "0"], "dub"),
        (["nothing"], ""),
    ],
)
def test_errors_are_json_where_a_setting_says_so_and_name_the_command_in_full(
    arguments, command, tmp_path
):
    asked = [deepaudio(*arguments, cwd=tmp_path, DEEPAUDIO_JSON="1")]
    (tmp_path / "deepaudio.toml").write_text("json = true\n")
    asked.append(deepaudio(*arguments, cwd=tmp_path))
    for done in asked:
        error = json.loads(done.stdout)
        assert (error["ok"], error["command"]) == (False, command)
    assert deepaudio(*arguments, cwd=tmp_path, DEEPAUDIO_JSON="0").stdout == ""


def test_an_error_of_settings_is_json_where_it_is_asked_for(tmp_path):
    (tmp_path / "deepaudio.toml").write_text("json = true\nseeed = 1\n")
    done = deepaudio("prepare", "ls", cwd=tmp_path, DEEPAUDIO_JSON="yes")
    assert json.loads(done.stdout)["error"]["code"] == "settings.unknown_key"
    assert json.loads(done.stdout)["command"] == "prepare ls"


def test_result_is_one_json_line_or_the_path(capfdbinary):
    Console("dub", as_json=True).result({"output": Path("a b.mp4")}, Path("a b.mp4"))
    Console("dub").result({}, Path("a [b].mp4"))
    first, second = capfdbinary.readouterr().out.decode().splitlines()
    assert json.loads(first) == {"schema": 1, "ok": True, "command": "dub", "output": "a b.mp4"}
    assert second == "a [b].mp4"


def test_progress_off_a_terminal_is_plain_and_rare(capsys):
    with Console("dub").progress() as progress:
        for done in range(1, 101):
            progress("speech [x]", done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "speech [x]: 100/100" and len(lines) <= 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_without_a_trace(number, code):
    source = (
        "import sys, time, deepaudio_cli.main as m\n"
        "def wait(argv):\n"
        "    print('ready', flush=True); time.sleep(30)\n"
        "m.typer.main.get_command = lambda app: type('C', (), {'commands': {}, 'params': [], '__call__': lambda *a, **k: wait(0)})()\n"
        "m.run(['dub'])\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.05)
    child.send_signal(number)
    _, errors = child.communicate(timeout=20)
    assert (child.returncode, errors) == (code, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_lead_nowhere(tmp_path, closed):
    """No file takes their number, and nothing that is printed lands in one."""
    line = f"{sys.executable} -m deepaudio_cli recipes cp mof/smoke {tmp_path}/copy.yaml {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    text = (shipped_folder() / "mof" / "smoke.yaml").read_text()
    assert (tmp_path / "copy.yaml").read_text() == text


def test_closed_stdout_is_not_a_trace():
    child = subprocess.run(
        f"{sys.executable} -m deepaudio_cli recipes ls | true",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in child.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["dub", "no.mp4", "--text", "Hi.", "--ref", "no.wav"],
        ["tts", "--text", "Hi.", "--ref", "no.wav"],
        ["foley", "no.mp4"],
    ],
)
def test_a_missing_file_is_told_before_anything_heavy_is_loaded(arguments):
    code = (
        "import sys\nfrom deepaudio_cli.main import _outcome\n"
        f"assert _outcome({arguments!r}) == 3\nassert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "no such file: no." in done.stderr, done.stderr


def test_what_breaks_after_a_signal_is_not_a_bug():
    """Imports that are cut short and swallow the interrupt fail later, in odd ways."""
    code = (
        "import contextlib, os, signal, sys\nfrom deepaudio_cli import main\n"
        "def build():\n"
        "    with contextlib.suppress(BaseException):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    raise RecursionError('half imported')\n"
        "main.build = build\nmain.run(['doctor'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 143 and not done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["recipes", "ls"], ["recipes", "ls", "--json"]])
def test_a_full_output_is_one_line_and_a_closed_one_none(arguments):
    command = [sys.executable, "-m", "deepaudio_cli", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 6 and done.stderr.startswith("error: No space left")
    assert len(done.stderr.splitlines()) == 1
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_full_stderr_stops_no_work(monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        console = Console("dub")
        console.say("words that nobody can keep")
        logging.getLogger("deepaudio").warning("nor these")
        with console.progress() as progress:
            progress("clips", 1, 1)
        with pytest.raises(OSError):
            full.write("x")
            full.flush()
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # so that it can be closed


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_behind_the_end_of_the_work_is_no_trace(number, code):
    source = (
        "import os\nfrom deepaudio_cli import main as m\n"
        f"m._leave = lambda code: os.kill(os.getpid(), {int(number)})\n"
        "m._outcome = lambda argv: 0\nm.run([])\n"
    )
    line = [sys.executable, "-c", source]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, "")
