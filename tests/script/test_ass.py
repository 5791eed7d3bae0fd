"""ASS: dialogue with karaoke tags is speech; signs, songs and drawings are not, and a sign is listed once."""

import pytest

from deepaudio import script

HEAD = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def read(*events, **options):
    """Events as (start, end, style, text)."""
    rows = [
        f"Dialogue: {n},0:00:{a:05.2f},0:00:{b:05.2f},{style},,0,0,0,,{text}\n"
        for n, (a, b, style, text) in enumerate(events)
    ]
    found = script.read(HEAD + "".join(rows), allow_empty=True, **options)
    return [(x.start, x.end, x.text) for x in found.lines], [(x.text, x.reason) for x in found.skipped]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("{\\k20}Good {\\kf30}mor{\\k30}ning,\\Nmy\\hfriend.", "Good morning, my friend."),
        ("{\\an8}Come in.", "Come in."),
        ("{\\pos(100,200)}Come in.", "Come in."),
        ("{\\fad(200,200)\\i1}Come in.{\\i0}", "Come in."),
        ("Come {this is a note}in.", "Come in."),
    ],
)
def test_dialogue_is_its_words(text, spoken):
    assert read((1, 2, "Default", text))[0] == [(1.0, 2.0, spoken)]


def test_a_sign_drawn_frame_by_frame_is_listed_once():
    frames = [(1 + 0.04 * n, 1.04 + 0.04 * n, "Default", f"{{\\pos({900 + n},600)}}CITY HALL") for n in range(20)]  # fmt: skip
    spoken, skipped = read((0, 0.9, "Default", "Good morning."), *frames)
    assert spoken == [(0.0, 0.9, "Good morning.")]
    assert skipped == [("CITY HALL", "on-screen sign, drawn 20 times")]


@pytest.mark.parametrize(
    "style", ["Signs", "Sign", "sign_2", "Main Title", "TS", "Credits", "Typesetting"]
)
def test_styles_of_signs(style):
    spoken, skipped = read((1, 2, style, "{\\pos(1,1)}CITY HALL"), (2, 3, "Default", "Come in."))
    assert [x[2] for x in spoken] == ["Come in."] and skipped == [("CITY HALL", "on-screen sign")]  # fmt: skip


@pytest.mark.parametrize(
    "style", ["OP", "ED", "OP-Romaji", "Song", "Karaoke", "Lyrics_1", "Insert Song"]
)
def test_styles_of_songs(style):
    spoken, skipped = read((1, 2, style, "{\\k20}La {\\k30}la"), (2, 3, "Default", "Come in."))
    assert [x[2] for x in spoken] == ["Come in."] and skipped == [("La la", "lyrics")]


@pytest.mark.parametrize(
    "style", ["Default", "Designer", "Opal", "Edgar", "Main", "Italics - Top", "Mission"]
)
def test_styles_of_people(style):
    assert len(read((1, 2, style, "Come in."))[0]) == 1


def test_layers_of_one_text_are_spoken_once():
    spoken, skipped = read((1, 2, "Default", "{\\blur5}Come in."), (1, 2, "Default", "Come in."))
    assert spoken == [(1.0, 2.0, "Come in.")] and skipped == [("Come in.", "shown already")]


def test_a_sign_that_is_asked_for_is_one_line():
    frames = [(1 + 0.04 * n, 1.04 + 0.04 * n, "Signs", "{\\pos(9,6)}CITY HALL") for n in range(20)]
    spoken, _ = read(*frames, speak_sdh=True)
    assert [(a, round(b, 2), text) for a, b, text in spoken] == [(1.0, 1.8, "CITY HALL")]
