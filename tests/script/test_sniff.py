"""What a file is, is told by its content: the name decides only where the content could be several things."""

import json

import pytest

from deepaudio import script
from deepaudio.errors import InputError

SRT = "1\n00:00:00,100 --> 00:00:01,400\nGood morning.\n\n2\n00:00:01,500 --> 00:00:02,800\nWelcome back.\n"
VTT = "WEBVTT\n\n00:00.100 --> 00:01.400\nGood morning.\n\n00:01.500 --> 00:02.800\nWelcome back.\n"
ASS = (
    "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:00.10,0:00:01.40,Default,,0,0,0,,Good morning.\n"
    "Dialogue: 0,0:00:01.50,0:00:02.80,Default,,0,0,0,,Welcome back.\n"
)
TTML = (
    '<?xml version="1.0"?>\n<tt xmlns="http://www.w3.org/ns/ttml"><body><p begin="0.1s" end="1.4s">Good morning.</p>'
    '<p begin="1.5s" end="2.8s">Welcome back.</p></body></tt>'
)
JSON = json.dumps({"schema": 1, "lines": [{"text": "Good morning.", "start": 0.1, "end": 1.4}, {"text": "Welcome back.", "start": 1.5, "end": 2.8}]})  # fmt: skip
CSV = "start,end,text\n0.1,1.4,Good morning.\n1.5,2.8,Welcome back.\n"
SBV = "0:00:00.100,0:00:01.400\nGood morning.\n\n0:00:01.500,0:00:02.800\nWelcome back.\n"
CONTENTS = {"srt": SRT, "vtt": VTT, "ass": ASS, "ttml": TTML, "json": JSON, "csv": CSV}


SUFFIXES = (".txt", ".srt", ".vtt", ".ass", ".ttml", ".json", ".sub", "")
# a table has no mark of its own but its header, and a header could be a caption
PLACES = [(k, s) for k in CONTENTS for s in SUFFIXES if k != "csv" or s == ".txt"]


@pytest.mark.parametrize(("kind", "suffix"), PLACES)
def test_content_decides(tmp_path, kind, suffix):
    path = tmp_path / f"lines{suffix}"
    path.write_text(CONTENTS[kind])
    found = script.read(path)
    assert found.format == kind
    assert [(x.start, x.end, x.text) for x in found.lines] == [
        (0.1, 1.4, "Good morning."), (1.5, 2.8, "Welcome back."),
    ]  # fmt: skip
    expected = suffix not in ("", ".sub", {"ttml": ".ttml"}.get(kind, "." + kind))
    assert any("the content is" in w for w in found.warnings) == expected


def test_youtube_sbv_is_read():
    assert [x.start for x in script.read(SBV).lines] == [0.1, 1.5]


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass", ".ttml", ".json"])
def test_plain_text_under_another_name_is_an_error(tmp_path, suffix):
    path = tmp_path / f"lines{suffix}"
    path.write_text("Good morning.\nWelcome back.\n")
    with pytest.raises(InputError) as error:
        script.read(path)
    assert suffix in error.value.message and ".txt" in error.value.hint


@pytest.mark.parametrize("suffix", [".srt", ".txt", ".sub"])
@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("{0}{25}Good morning.\n{26}{50}Welcome back.\n", "MicroDVD"),
        ("{1}{1}25.000\n{0}{25}Good morning.\n", "MicroDVD"),
        ("[0][25]Good morning.\n[26][50]Welcome back.\n", "MPL2"),
        ("00:00:01:Good morning.\n00:00:03:Welcome back.\n", "TMPlayer"),
        ("<SAMI><BODY>", "SAMI"),
        ("{\\rtf1 Hello}", "RTF"),
        ("<!DOCTYPE html><html></html>", "a web page"),
        ("Scenarist_SCC V1.0\n\n00:00:01:00\t9420\n", "Scenarist"),
    ],
)
def test_formats_that_are_not_read_are_named(tmp_path, content, name, suffix):
    path = tmp_path / f"lines{suffix}"
    path.write_text(content)
    with pytest.raises(InputError, match=f"looks like {name}") as error:
        script.read(path)
    assert "SRT" in error.value.hint


def test_prose_stays_prose(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("We leave at 10:30.\nParis -> London, 2 of us.\nText, start and end.\n42\n")
    found = script.read(path)
    assert found.format == "text" and len(found.lines) == 4 and not found.warnings


def test_an_empty_script_says_what_it_left_out():
    with pytest.raises(InputError) as error:
        script.read("+\n# a comment\n[door slams]\n♪ la ♪")
    assert "line 1, '+': nothing to speak" in error.value.message
    assert "and 1 more" in error.value.message
