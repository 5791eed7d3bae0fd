"""Subtitles that are written: read back as they were, whatever the text holds, in order of time."""

import pytest
import webvtt

from deepaudio import script
from deepaudio.errors import UsageError
from deepaudio.script import Line
from deepaudio.script.subtitles import check_suffix, to_subtitles

LINES = [
    Line("b", 3661.5, 3662.25, "Mara", "Second, <later> & last."),
    Line("a", 0.5, 1.999, None, "First --> one\n\nover two rows"),
    Line("c", None, None, None, "Nobody knows when."),
]


def test_subrip():
    assert to_subtitles(LINES, ".srt") == (
        "1\n00:00:00,500 --> 00:00:01,999\nFirst \u2192 one\nover two rows\n\n"
        "2\n01:01:01,500 --> 01:01:02,250\nSecond, <later> & last.\n"
    )


def test_webvtt_is_what_another_reader_reads(tmp_path):
    path = tmp_path / "x.vtt"
    path.write_text(to_subtitles(LINES, ".vtt"), encoding="utf-8")
    first, second = webvtt.read(str(path))
    assert (first.start, first.end) == ("00:00:00.500", "00:00:01.999")
    assert first.text == "First \u2192 one\nover two rows" and first.voice is None
    assert second.voice == "Mara" and second.text == "Second, &lt;later&gt; &amp; last."


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_what_is_written_is_read_back(tmp_path, suffix):
    lines = [
        Line(str(i), i * 2.0, i * 2.0 + 1.5, None, f"Line number {w}.") for i, w in enumerate("abc")
    ]
    path = tmp_path / f"x{suffix}"
    path.write_text(to_subtitles(lines, suffix), encoding="utf-8")
    found = script.read(path).lines
    assert [(x.start, x.end, x.text) for x in found] == [(x.start, x.end, x.text) for x in lines]


def test_a_cue_is_never_empty_in_time_and_other_endings_are_refused():
    assert "00:00:01,000 --> 00:00:01,001" in to_subtitles(
        [Line("a", 1.0, None, None, "x")], ".srt"
    )
    assert check_suffix(".SRT") == ".srt"
    with pytest.raises(UsageError, match="no subtitles end in"):
        check_suffix(".ass")
