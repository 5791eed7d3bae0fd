"""CONTRIBUTING's promise: what is one file of a room is found by its name. (A V2A network: tests/inference/test_parts.py.)"""

from importlib import import_module

import pytest

from deepaudio import script
from deepaudio.data.corpora import corpora
from deepaudio.data.manifest import read_manifest
from deepaudio.judges import _shelf, judge_names, open_judge
from deepaudio.metrics import find_metric, metric_names
from deepaudio.script.formats import formats

FILES = {
    "deepaudio.metrics": """
from deepaudio.metrics import Metric
METRICS = {"seconds": Metric("seconds", ("output_seconds",), "lower", float, tasks=("tts",))}
""",
    "deepaudio.judges": """
JUDGES = {"deaf": ("transcript",)}
def load(name, folder=None, device="cpu"):
    return lambda waveform, rate: "nothing"
""",
    "deepaudio.script.formats": """
from deepaudio.script.cue import Line, Parsed
from deepaudio.script.formats import Format
def parse(text, *, known=(), speak_sdh=False):
    return Parsed([Line("1", None, None, None, text.strip("<>\\n"))], [], [])
FORMATS = {"angle": Format("angle brackets", (".angle",), parse)}
""",
    "deepaudio.data.corpora": """
from deepaudio.data.corpora import Corpus
from deepaudio.data.manifest import Item
CORPORA = {"wavs": Corpus(lambda root: (Item(p.stem, audio=str(p)) for p in sorted(root.glob("*.wav"))))}
""",
}


@pytest.fixture
def new_file(tmp_path, monkeypatch):
    """A file of a stranger in each room."""
    for room, content in FILES.items():
        place = tmp_path / room
        place.mkdir()
        (place / f"new_{room.rpartition('.')[2]}.py").write_text('"""New."""\n' + content)
        module = import_module(room)
        monkeypatch.setattr(module, "__path__", [*module.__path__, str(place)])
    yield
    formats.cache_clear()
    _shelf.cache_clear()


def test_one_file_is_a_metric_a_judge_a_script_format_and_a_corpus(new_file, tmp_path, command):
    formats.cache_clear()
    _shelf.cache_clear()
    assert "seconds" in metric_names("tts") and find_metric("seconds").compute(2) == 2.0
    assert "deaf" in judge_names() and open_judge("deaf")(None, 16_000) == "nothing"
    (tmp_path / "lines.angle").write_text("<Hello there.>\n")
    read = script.read(tmp_path / "lines.angle")
    assert read.format == "angle" and [line.text for line in read.lines] == ["Hello there."]
    (tmp_path / "one.wav").touch()
    assert "wavs" in corpora()
    assert command("prepare", "manifest", "wavs", tmp_path, tmp_path / "m.jsonl") == 0
    assert [item.id for item in read_manifest(tmp_path / "m.jsonl")] == ["one"]
