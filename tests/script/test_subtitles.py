"""Subtitles: by hand, against pysubs2 and webvtt-py, and everything that must not be spoken."""

import pysubs2
import pytest
import webvtt

from deepaudio import script
from deepaudio.errors import InputError

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>We should</i>
leave &amp; run.

2
00:00:03,000 --> 00:00:04,000
- MARA: Now?
- [thunder] Yes.

3
00:00:05,000 --> 00:00:06,000
(SIGHS)

4
00:00:07,000 --> 00:00:08,000
♪ La la ♪

5
00:00:09,000 --> 00:00:10,000
42
"""

VTT = """WEBVTT - a title

STYLE
::cue { color: red }

NOTE
this --> is not a cue

REGION
id:fred

intro
00:01.000 --> 00:02.500 align:start position:10%
<v Mara>We <c.loud>should</c> <00:01.800>leave.

00:00:03.000 --> 00:00:05.000
<v Tom Smith>Now?</v>
<v Mara>Yes, now.</v>
"""

ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.50,Default,MARA,0,0,0,,{\\an8\\b1}We should\\Nleave{\\b0}, now.
Comment: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,not this
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}
Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,TOM: Fine.
"""

TTML = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"
    xmlns:ttm="http://www.w3.org/ns/ttml#metadata" ttp:frameRate="25" ttp:tickRate="1000" xml:lang="en">
 <head><metadata><ttm:agent xml:id="m" type="character"><ttm:name>Mara</ttm:name></ttm:agent></metadata>
 <styling><style xml:id="s">spoken?</style></styling></head>
 <body><div begin="10s"><p begin="00:00:01:05" end="00:00:02" ttm:agent="m">We <span>should</span><br/>leave.</p></div>
 <div><div><p begin="2000t" dur="500ms">Now.</p></div></div></body>
</tt>
"""


def read(text, **options):
    return script.read(text, **options)


def test_srt_by_hand():
    found = read(SRT)
    assert [(x.id, x.start, x.end, x.speaker, x.text, x.row) for x in found.lines] == [
        ("1", 1.0, 2.5, None, "We should leave & run.", 2),
        ("2.1", 3.0, 3.5, "MARA", "Now?", 7),
        ("2.2", 3.5, 4.0, None, "Yes.", 7),
        ("5", 9.0, 10.0, None, "42", 20),
    ]
    assert {x.text for x in found.skipped} >= {"[thunder]", "(SIGHS)", "♪ La la ♪"}


def test_vtt_by_hand():
    found = read(VTT)
    assert [(x.id, x.start, x.speaker, x.text) for x in found.lines] == [
        ("intro", 1.0, "Mara", "We should leave."),
        ("2.1", 3.0, "Tom Smith", "Now?"),
        ("2.2", pytest.approx(3.667, abs=0.4), "Mara", "Yes, now."),
    ]
    assert found.lines[1].end == found.lines[2].start and found.lines[2].end == 5.0
    assert [x.reason for x in found.skipped] == ["STYLE", "NOTE", "REGION"]


def test_ass_by_hand():
    found = read(ASS)
    assert [(x.start, x.end, x.speaker, x.text, x.row) for x in found.lines] == [
        (1.0, 2.5, "MARA", "We should leave, now.", 10),
        (5.0, 6.0, "TOM", "Fine.", 13),
    ]
    assert [x.reason for x in found.skipped] == ["comment", "drawing"]


def test_ttml_by_hand():
    found = read(TTML)
    assert [(x.start, x.end, x.speaker, x.text) for x in found.lines] == [
        (2.0, 2.5, None, "Now."),
        (pytest.approx(11.2), 12.0, "Mara", "We should leave."),
    ]


def test_srt_agrees_with_pysubs2():
    ours = read(SRT.replace("- ", ""), speak_sdh=True)
    theirs = pysubs2.SSAFile.from_string(SRT)
    assert [(round(x.start * 1000), round(x.end * 1000)) for x in ours.lines][:2] == [
        (e.start, e.end) for e in theirs.events
    ][:2]
    assert len(theirs.events) == 5


def test_vtt_agrees_with_webvtt(tmp_path):
    path = tmp_path / "x.vtt"
    path.write_text(VTT)
    theirs = webvtt.read(str(path))
    assert [c.start_in_seconds for c in theirs] == [1.0, 3.0]
    assert theirs[0].voice == read(VTT).lines[0].speaker


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("00:00:05,000 --> 00:00:04,000", "before it starts"),
        ("00:00:05,000 --> 00:00:05,000", "as soon as it starts"),
        ("-00:00:05,000 --> 00:00:06,000", "negative"),
        ("00:99:00,000 --> 01:40:00,000", "99 minutes"),
        ("00:00:75,000 --> 00:01:20,000", "75 seconds"),
        ("100:00:00,000 --> 100:00:01,000", "99 h"),
        ("00:00:05,000 --> soon", "not a row of times"),
        ("--> 00:00:05,000", "not a row of times"),
    ],
)
def test_bad_times_name_line_and_cue(row, words):
    text = f"1\n00:00:01,000 --> 00:00:02,000\nHi\n\n2\n{row}\nHo\n"
    with pytest.raises(InputError) as error:
        read(text)
    assert "line 6, cue 2" in error.value.message and words in error.value.message
    with pytest.raises(InputError):
        read("WEBVTT\n\n" + text.replace(",000", ".000"))


def test_vtt_needs_its_header():
    with pytest.raises(InputError, match="WEBVTT"):
        read("00:01.000 --> 00:02.000\nHi\n", format="vtt")


def cues(*spans, speakers=None):
    names = speakers or ["A"] * len(spans)
    return "\n".join(
        f"[{a}-{b}] {n}: words {i}" for i, ((a, b), n) in enumerate(zip(spans, names, strict=True))
    )


def test_overlaps_of_one_speaker_are_resolved_and_named():
    found = read(cues((1, 3), (2, 4)))
    assert [(x.start, x.end) for x in found.lines] == [(1, 2), (2, 4)]
    assert "ends at 2.00 s, where cue 2 begins" in found.warnings[0]
    joined = read(cues((1, 3), (1.1, 4)))
    assert [(x.start, x.end, x.text) for x in joined.lines] == [(1, 4, "words 0 words 1")]


def test_overlaps_of_two_speakers_are_mixed_and_named():
    found = read(cues((1, 3), (2, 4), speakers=["A", "B"]))
    assert [(x.start, x.end) for x in found.lines] == [(1, 3), (2, 4)]
    assert found.warnings == ("cues 1 and 2 overlap and are mixed",)


def test_unsorted_cues_are_sorted_and_duplicate_ids_kept():
    found = read(
        SRT.replace("00:00:01,000", "00:00:06,500").replace("00:00:02,500", "00:00:06,900")
    )
    assert [x.id for x in found.lines] == ["2.1", "2.2", "1", "5"]
    assert "not in order" in found.warnings[0]
    twice = read(SRT.replace("\n5\n", "\n1\n"))
    assert [x.id for x in twice.lines] == ["1", "2.1", "2.2", "1"]
    assert any("ids used more than once: 1" in w for w in twice.warnings)


def test_cues_past_the_end_of_the_clip():
    with pytest.raises(InputError) as error:
        read(SRT, duration=8)
    assert (
        error.value.code == "script.line_outside_clip" and "line 20, cue 5" in error.value.message
    )
    clamped = read(SRT, duration=9.5, clamp=True)
    assert clamped.lines[-1].end == 9.5 and "less time" in clamped.warnings[0]
    left_out = read(SRT, duration=8, clamp=True)
    assert [x.id for x in left_out.lines] == ["1", "2.1", "2.2"]
    assert left_out.skipped[-1].reason == "after the end of the clip"
    assert read(SRT, duration=9.97).lines[-1].end == 9.97, "rounding of subtitles is not an error"


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE tt [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><tt><body><p begin="1s" end="2s">&b;</p></body></tt>',
        '<!DOCTYPE tt SYSTEM "file:///etc/passwd"><tt/>',
        '<!DOCTYPE tt [<!ENTITY x SYSTEM "file:///etc/passwd">]><tt><body><p begin="1s" end="2s">&x;</p></body></tt>',
        "<tt><body><p>unclosed",
        "<html><p>no</p></html>",
        '<tt><body><p begin="1s" end="soon">x</p></body></tt>',
        '<tt><body><p begin="1s">x</p></body></tt>',
        '<tt xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="0"><body/></tt>',
        "not xml at all",
    ],
)
def test_bad_ttml_is_refused_with_a_line(text):
    with pytest.raises(InputError) as error:
        read(text, format="ttml")
    assert "line 1" in error.value.message


def test_words_behind_the_times_are_spoken():
    found = read(
        "1\n00:00:01,000 --> 00:00:02,000 Good morning,\neveryone.\n\n2\n00:00:03,000 --> 00:00:04,000 align:start X1:5\nYes.\n"
    )
    assert [(x.start, x.end, x.text) for x in found.lines] == [
        (1.0, 2.0, "Good morning, everyone."),
        (3.0, 4.0, "Yes."),
    ]


def test_override_tags_are_not_spoken_in_srt_either():
    text = "1\n00:00:00,100 --> 00:00:01,000\n{\\an8}{\\i1}Up here{\\i0}\n"
    assert [line.text for line in script.read(text, format="srt").lines] == ["Up here"]
