"""Captions that roll, grow and repeat: each phrase once, at the time it appears; what is dropped is listed."""

import pytest

from deepaudio import script

YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.080 --> 00:00:00.990 align:start position:0%
 
hello<00:00:00.300><c> my</c><00:00:00.500><c> friends</c>

00:00:00.990 --> 00:00:01.000 align:start position:0%
hello my friends
 

00:00:01.000 --> 00:00:01.990 align:start position:0%
hello my friends
welcome<00:00:01.300><c> to</c><00:00:01.500><c> the</c><00:00:01.700><c> show</c>

00:00:01.990 --> 00:00:02.000 align:start position:0%
welcome to the show
 

00:00:02.000 --> 00:00:02.900 align:start position:0%
welcome to the show
tonight<00:00:02.300><c> we</c><00:00:02.500><c> begin</c>
"""
PHRASES = [(0.08, "hello my friends"), (1.0, "welcome to the show"), (2.0, "tonight we begin")]


def spoken(text):
    return [(x.start, x.text) for x in script.read(text).lines]


def srt(*cues):
    def clock(t):
        return f"00:00:{int(t):02d},{round(t % 1 * 1000):03d}"

    return "\n".join(
        f"{n}\n{clock(a)} --> {clock(b)}\n{text}\n" for n, (a, b, text) in enumerate(cues, 1)
    )


def test_rolling_captions_of_the_web():
    found = script.read(YOUTUBE)
    assert [(x.start, x.text) for x in found.lines] == PHRASES
    assert [x.text for x in found.skipped] == [
        "hello my friends", "hello my friends", "welcome to the show", "welcome to the show",
    ]  # fmt: skip
    assert "shown already (4)" in found.warnings[0]


def test_the_same_without_the_cues_that_hold():
    blocks = YOUTUBE.split("\n\n")
    assert spoken("\n\n".join([blocks[0], blocks[1], blocks[3], blocks[5]])) == PHRASES


def test_the_same_with_overlapping_cues():
    text = YOUTUBE.replace("00:00:00.990 align", "00:00:01.990 align")
    text = text.replace("00:00:01.990 align", "00:00:02.900 align", 2)
    assert spoken(text) == PHRASES


def test_the_same_as_srt():
    rolled = srt(
        (0.1, 1.0, "hello my friends"),
        (1.0, 2.0, "hello my friends\nwelcome to the show"),
        (2.0, 3.0, "welcome to the show\ntonight we begin"),
    )
    assert [text for _, text in spoken(rolled)] == [text for _, text in PHRASES]
    three = srt(
        (0.1, 1.0, "one of these"),
        (1.0, 2.0, "one of these\ntwo of those"),
        (2.0, 3.0, "one of these\ntwo of those\nthree of them"),
        (3.0, 4.0, "two of those\nthree of them\nfour of us"),
    )
    assert spoken(three) == [(0.1, "one of these"), (1.0, "two of those"), (2.0, "three of them"), (3.0, "four of us")]  # fmt: skip


def test_captions_that_grow_word_by_word():
    grown = srt(
        (0.1, 0.5, "hello"),
        (0.5, 1.0, "hello my"),
        (1.0, 2.0, "hello my friends"),
        (2.0, 3.0, "hello my friends\nwelcome"),
        (3.0, 4.0, "hello my friends\nwelcome to the show"),
    )
    found = script.read(grown)
    assert [(x.start, x.end, x.text) for x in found.lines] == [
        (0.1, 2.0, "hello my friends"), (2.0, 4.0, "welcome to the show"),
    ]  # fmt: skip
    assert len(found.skipped) >= 3


def test_a_cue_that_repeats_is_said_once_and_listed():
    found = script.read(srt((0, 1, "Come in, please."), (1, 2, "Come in, please."), (2, 3, "Sit.")))
    assert [(x.start, x.end, x.text) for x in found.lines] == [(0, 2, "Come in, please."), (2, 3, "Sit.")]  # fmt: skip
    assert [(x.row, x.reason) for x in found.skipped] == [(6, "shown already")]


@pytest.mark.parametrize(
    "cues",
    [
        [(0, 1, "No."), (1.5, 2, "No.")],
        [(0, 1, "Come in, please."), (4, 5, "Come in, please.")],
        [(0, 1, "Wait."), (1.1, 2, "Wait here.")],
        [(0, 1, "MARA: Yes, I do."), (1, 2, "JON: Yes, I do.")],
        [(0, 1, "I know."), (1.1, 2, "You know.\nI know.")],
    ],
)
def test_what_people_say_twice_is_said_twice(cues):
    assert len(script.read(srt(*cues)).lines) == len(cues)
