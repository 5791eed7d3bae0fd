"""Reading script files: encodings, invisible characters, limits, and where a path ends and text begins."""

import os
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepaudio import script
from deepaudio.errors import InputError
from deepaudio.script import clean

TEXT = "MARA: Héllo, wörld.\nTOM: Grüße 🎬.\n"


def refused(source, code, **options):
    with pytest.raises(InputError) as error:
        script.read(source, **options)
    assert error.value.code == code, error.value.message
    return error.value


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
     ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32")],
)  # fmt: skip
def test_encodings(tmp_path, encoding, named):
    path = tmp_path / "x.txt"
    path.write_bytes(TEXT.encode(encoding))
    found = script.read(path)
    assert [(x.speaker, x.text) for x in found.lines] == [
        ("MARA", "Héllo, wörld."),
        ("TOM", "Grüße 🎬."),
    ]
    assert found.encoding == named


def test_latin_1_and_line_ends(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes("Grüße aus Köln.\rJa – “klar”.\r\nOk.".encode("cp1252"))
    found = script.read(path)
    assert [x.text for x in found.lines] == ["Grüße aus Köln.", "Ja – “klar”.", "Ok."]
    assert found.encoding == "cp1252"


def test_undecodable_names_the_byte(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"good text \x81\x8d here")
    error = refused(path, "script.encoding")
    assert error.where["offset"] == 10 and "byte 10" in error.message
    path.write_bytes("Größe".encode("latin-1"))
    assert script.read(path, encoding="latin-1").lines[0].text == "Größe"
    refused(path, "script.encoding", encoding="utf-8")
    refused(path, "script.encoding", encoding="no-such-thing")
    path.write_bytes(b"\xff\xfea\0b")
    refused(path, "script.encoding")


def test_invisible_characters_go_and_are_named():
    found = script.read("He\u200bllo\u202e there\x07\n\ud800Fine\x00", format="text")
    assert [x.text for x in found.lines] == ["Hello there", "Fine"]
    assert "U+202E" in found.warnings[0] and "line 1, 2" in found.warnings[0]
    kept = script.read("می\u200cخواهم 👨\u200d👩", format="text").lines[0].text
    assert "\u200c" in kept and "\u200d" in kept


def test_binary_is_refused(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(InputError):
        script.read(path)


def test_paths_and_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(tmp_path / "no.txt", "script.missing")
    refused("no.srt", "script.missing")
    refused(tmp_path, "script.missing")
    (tmp_path / "lines").write_text("From the file.")
    assert script.read("lines").lines[0].text == "From the file."
    assert script.read("Just say this.").lines[0].text == "Just say this."
    assert script.read("I like file.txt best").lines[0].text == "I like file.txt best"
    os.mkfifo(tmp_path / "fifo.txt")
    refused(tmp_path / "fifo.txt", "script.missing")


def test_content_decides_where_it_is_unmistakable(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n")
    assert script.read(path).format == "vtt"
    assert script.read("1\n00:00:01,000 --> 00:00:02,000\nHi\n").format == "srt"
    refused("x", "script.format", format="docx")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a " * 1_500_000, "text"),
        ("a\n" * 300_000, "text"),
        ("[" * 1_000_000, "text"),
        ("♪" * 1_000_000, "text"),
        (("A" * 31 + " ") * 60_000, "text"),
        ("1\n00:00:01,000 --> 00:00:02,000\nx\n\n" * 1_000_000, "srt"),
        ("1\n00:00:01,000 --> 00:00:02,000\n" + "<a " * 600_000, "srt"),
        ("WEBVTT\n\n" + "NOTE x\n\n" * 100_000, "vtt"),
        ("[" * 10_000, "json"),
        ('{"schema":1,"lines":' + "[" * 10_000, "json"),
        ("<tt>" + "<div>" * 100_000, "ttml"),
        ("text\n" + "x\n" * 500_000, "csv"),
        ('text\n"' + "a" * 1_000_000, "csv"),
        ("\t".join("abcdef") + "\n", "json"),
    ],
)
def test_bombs_end_quickly(text, kind):
    begin = time.process_time()
    with pytest.raises(InputError):
        script.read(text, format=kind)
    assert time.process_time() - begin < 2


def test_twenty_thousand_lines_are_fine_and_fast():
    text = "".join(f"A{i % 700}: line {i}\n" for i in range(19_000))
    begin = time.process_time()
    assert len(script.read(text, format="text").lines) == 19_000
    assert time.process_time() - begin < 4


@settings(max_examples=150, deadline=1000)
@given(
    st.binary(max_size=400),
    st.sampled_from(["text", "srt", "vtt", "ass", "ttml", "csv", "json", "lst"]),
)
def test_any_bytes_give_lines_or_one_clear_error(content, kind):
    try:
        decoded = clean.decode(content)
        found = script.read(decoded.text + "\n", format=kind)
    except InputError as error:
        assert error.message
    else:
        hidden = {unicodedata.category(c) for x in found.lines for c in x.text} & {"Cc", "Cs", "Zl"}
        assert not hidden


@settings(max_examples=150, deadline=1000)
@given(
    st.text(alphabet="19:,.->\n <>{}[]\\aN♪WEBVT", max_size=120),
    st.sampled_from(["srt", "vtt", "ass", "text"]),
)
def test_near_misses_of_the_formats(text, kind):
    head = {
        "vtt": "WEBVTT\n\n",
        "ass": "[Script Info]\n\n[Events]\nFormat: Start, End, Text\nDialogue: ",
    }
    try:
        script.read(head.get(kind, "") + text, format=kind)
    except InputError as error:
        assert error.message


@pytest.mark.parametrize("text", ["{0}{25}Hello\n{30}{50}Bye", "<SAMI><BODY>", "{\\rtf1 Hello}"])
def test_formats_that_are_not_read_are_named_and_never_spoken(tmp_path, text):
    path = tmp_path / "script.sub"
    path.write_text(text)
    with pytest.raises(InputError, match="which is not read") as error:
        script.read(path)
    assert error.value.code == "script.format"
