"""`deepaudio models`, and the full sizes through `foley`, `dub` and `tts`: random weights, so plumbing and no quality."""

import json
import math

import av
import pytest
import soundfile
import torch

from deepaudio.inference.gate import DIRECTIONS, Gate, Route
from deepaudio.presets import fetch, official, store
from deepaudio_cli.main import _outcome

pytestmark = pytest.mark.slow


def video_packets(path):
    """The video's packets as they lie in the container."""
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(video=0) if p.size]


def duration_of(path):
    with av.open(str(path)) as container:
        return container.duration / av.time_base


@pytest.fixture(scope="session")
def clip(clips):
    return clips(1.5)


@pytest.fixture(autouse=True)
def certain_gate(monkeypatch):
    """The gate is tested elsewhere; here it only has to agree with the command."""

    class Certain:
        def route(self, instruction):
            words = {"sound": "v2a", "dub": "v2s", "read": "tts"}
            found = next(d for word, d in words.items() if word in instruction)
            return Route(found, {d: float(d == found) for d in DIRECTIONS})

    monkeypatch.setattr(Gate, "load", classmethod(lambda *a: Certain()))


@pytest.fixture
def run(capsys):
    """A command's exit code, its JSON, and what it said."""

    def go(*arguments):
        code = _outcome([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out.startswith("{") else out, err

    return go


@pytest.fixture
def voice(tmp_path):
    t = torch.arange(48_000) / 24_000
    tone = 0.2 * torch.sin(2 * math.pi * 200 * t) * (1 + 0.8 * torch.sin(2 * math.pi * 3 * t))
    soundfile.write(tmp_path / "voice.wav", tone.numpy(), 24_000)
    return tmp_path / "voice.wav"


@pytest.mark.parametrize("name", ["mm-s16k", "mm-s44k"])
def test_foley_and_dub_with_random_weights(full_home, run, clip, voice, tmp_path, name):
    code, _, err = run(
        "foley", clip, "--preset", name, "--steps", 2, "-o", tmp_path / "f.mp4", "--json", "-q"
    )
    assert code == 0, err
    assert duration_of(tmp_path / "f.mp4") == pytest.approx(duration_of(clip), abs=0.1)
    assert video_packets(tmp_path / "f.mp4") == video_packets(clip)
    code, _, err = run(
        *("dub", clip, "--preset", name, "--text", "a word", "--ref", voice, "--steps", 2),
        *("--ref-text", "A quiet day.", "-o", tmp_path / "d.mp4", "--low-memory", "--json", "-q"),
    )
    assert code == 0, err
    assert video_packets(tmp_path / "d.mp4") == video_packets(clip)
    record = json.loads((tmp_path / "d.mp4.deepaudio.json").read_text())
    assert record["weights"]["v2a"] == store.recorded_sums(official.preset(name))["v2a"]


def test_tts_with_random_weights(full_home, run, voice, tmp_path):
    code, _, err = run(
        *("tts", "--preset", "mm-s16k", "--text", "a word", "--ref", voice, "--steps", 2),
        *("--ref-text", "A quiet day.", "-o", tmp_path / "s.wav", "-q"),
    )
    assert code == 0, err
    sound, rate = soundfile.read(tmp_path / "s.wav")
    assert rate == 24_000 and len(sound) > 2400


def test_without_weights_every_command_says_what_is_missing(home, run, clip, voice, tmp_path):
    ref = ("--ref", voice, "--ref-text", "A day.")
    for arguments in (
        ("foley", clip),
        ("dub", clip, "--text", "a word", *ref),
        ("tts", "--text", "a word", *ref),
    ):
        code, answer, err = run(*arguments, "--preset", "mm-s44k", "--json")
        assert code == 5
        error = answer["error"]
        assert error["code"] == "weights.missing"
        assert "mmaudio_small_44k.pth" in error["files"] and error["bytes"] > 5e9
        assert error["hint"] == "deepaudio models pull mm-s44k"
        assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".mp4" and p != clip] == []


def test_models_ls(full_home, run):
    code, answer, _ = run("models", "ls", "--json")
    here = {row["preset"]: row["here"] for row in answer["presets"]}
    assert code == 0 and here["mini"] and here["mm-s16k"] and not here["mm-l44k"]
    code, text, _ = run("models", "ls")
    assert "mm-l44k-v2" in text and "non-commercial" in text
    code, text, _ = run("models", "ls", "--parts")
    assert "mmaudio_large_44k_v2.pth" in text and "01ad4464f049b2d7efdaa4c1a59b8dfe" in text


def test_models_import_verify_path(home, run, official_files):
    source = official_files / "vocos-24k" / "pytorch_model.bin"
    sizes = (official_files / "vocos-24k" / "sizes.json").read_text()
    code, answer, _ = run("models", "import", source, "--config", sizes, "--json", "-q")
    assert code == 5 and answer["error"]["code"] == "weights.pickle"
    allowed = ("--config", sizes, "--allow-pickle", "--json", "-q")
    code, answer, _ = run("models", "import", source, *allowed)
    assert code == 0 and answer["part"] == "vocos-24k"
    code, answer, _ = run("models", "verify", "--json", "-q")
    assert code == 0 and answer["verified"] == ["vocos-24k"]
    code, text, _ = run("models", "path", "vocos-24k")
    assert code == 0 and text.strip() == str(home / "vocos-24k")
    weights = home / "vocos-24k" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x55")
    assert run("models", "verify", "-q")[0] == 5
    assert run("models", "path", "mm-s16k")[0] == 5
    assert run("models", "path", "mm-s16")[0] == 2
    assert run("models", "import", source, "--part", "vocos", "--json")[0] == 2
    assert run("models", "import", source, "--config", "{")[0] == 2
    assert run("models", "import", source, "--config", "[1]")[0] == 2
    assert run("models", "import", source, "--config", home / "absent.json")[0] == 2
    assert run("models", "import", source, "--config", '{"dim": -5}', "--allow-pickle")[0] == 2
    assert run("models", "import", home / "absent.pth")[0] == 5


def test_pull_of_ys_fetches_what_is_published_and_says_what_is_not(home, run, monkeypatch):
    asked = []

    def pull(part, progress=None):
        asked.append(part.name)
        return fetched(part, progress=progress) if not part.published else home / part.name

    fetched = fetch.pull
    monkeypatch.setattr(fetch, "pull", pull)
    for name in fetch.OFFLINE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    code, answer, _ = run("models", "pull", "ys-24k", "--json", "-q")
    assert code == 5 and answer["error"]["code"] == "weights.unpublished"
    assert answer["error"]["hint"] == "deepaudio models import FILE --part yingsound-24k"
    assert sorted(asked) == sorted(official.preset("ys-24k").part_names)
    assert asked[-1] == "yingsound-24k"


def test_models_pull_says_the_licence_and_respects_offline(home, run):
    code, answer, err = run("models", "pull", "mm-s16k", "--offline", "--json")
    assert code == 5 and answer["error"]["code"] == "weights.offline"
    assert "mmaudio_small_16k.pth" in answer["error"]["files"]
    assert "CC-BY-NC-4.0: non-commercial use only" in err
    assert not home.exists()
