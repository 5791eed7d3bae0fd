"""Who says what in one cue: names, dashes and chevrons begin a turn and are not spoken; the time is shared."""

import pytest

from deepaudio import script
from deepaudio.errors import InputError
from deepaudio.script.speakers import check_speakers


def said(body, **options):
    text = f"1\n00:00:00,000 --> 00:00:02,000\n{body}\n"
    return [(x.speaker, x.text) for x in script.read(text, **options).lines]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("MARA: Pressure?\nJON: Yeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("Mara: Pressure?\nJon: Yeah.", [("Mara", "Pressure?"), ("Jon", "Yeah.")]),
        ("MARA:Pressure?\nJON:Yeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("MARA： Pressure?\nJON： Yeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("MARA: Pressure? JON: Yeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("MARA:\nPressure?\nJON:\nYeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("MARA (quietly): Pressure?\nJON [sighs]: Yeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("[MARA] Pressure?\n[JON] Yeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("<i>MARA: Pressure?</i>\n{\\an8}JON: Yeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("MARA: We should leave\nbefore it rains.\nJON: Yeah.", [("MARA", "We should leave before it rains."), ("JON", "Yeah.")]),
        ("- Pressure?\n- Yeah.", [(None, "Pressure?"), (None, "Yeah.")]),
        ("-Pressure?\n-Yeah.", [(None, "Pressure?"), (None, "Yeah.")]),
        ("–Pressure?\n–Yeah.", [(None, "Pressure?"), (None, "Yeah.")]),
        ("— Pressure?\n— Yeah.", [(None, "Pressure?"), (None, "Yeah.")]),
        ("‐Pressure?\n‐Yeah.", [(None, "Pressure?"), (None, "Yeah.")]),
        ("Pressure?\n-Yeah.", [(None, "Pressure?"), (None, "Yeah.")]),
        ("- Pressure? - Yeah.", [(None, "Pressure?"), (None, "Yeah.")]),
        ("-Pressure? -Yeah.", [(None, "Pressure?"), (None, "Yeah.")]),
        ("- We should leave\nbefore it rains.\n- Yeah.", [(None, "We should leave before it rains."), (None, "Yeah.")]),
        ("- MARA: Pressure?\n- JON: Yeah.", [("MARA", "Pressure?"), ("JON", "Yeah.")]),
        ("-MARA: Pressure?\n-Yeah.", [("MARA", "Pressure?"), (None, "Yeah.")]),
        ("MARA: Pressure?\n- Yeah.", [("MARA", "Pressure?"), (None, "Yeah.")]),
        (">> Good evening.\n>> Good night.", [(None, "Good evening."), (None, "Good night.")]),
        (">>Good evening. >>Good night.", [(None, "Good evening."), (None, "Good night.")]),
        ("&gt;&gt; Good evening.\n&gt;&gt;&gt; In other news, rain.", [(None, "Good evening."), (None, "In other news, rain.")]),
        (">> MARA: Good evening.\n>> JON: Hello.", [("MARA", "Good evening."), ("JON", "Hello.")]),
        ("> > Good evening.", [(None, "Good evening.")]),
        ("» Good evening.", [(None, "Good evening.")]),
        (">>> Good\nevening.", [(None, "Good evening.")]),
        ("... and so on.\n>> Yes.", [(None, "... and so on."), (None, "Yes.")]),
        # one speaker
        ("- Pressure?", [(None, "Pressure?")]),
        ("-Pressure?", [(None, "Pressure?")]),
        ("I thought\n—he left.", [(None, "I thought —he left.")]),
        ("It is -5 degrees\n-5, I said.", [(None, "It is -5 degrees -5, I said.")]),
        ("Note: the well-known\nten-year-old boy.", [(None, "Note: the well-known ten-year-old boy.")]),
        ("See http://example.org/ now", [(None, "See http://example.org/ now")]),
        ("At 10:30.\nIt is 5 > 3.", [(None, "At 10:30. It is 5 > 3.")]),
        ("- [thunder]\n- Yeah.", [(None, "Yeah.")]),
    ],
)  # fmt: skip
def test_each_says_own_words(body, expected):
    assert said(body) == expected


def test_the_time_is_shared_by_length():
    text = "2\n00:00:01,000 --> 00:00:03,000\nMARA: Pressure?\nJON: Yeah.\n"
    first, second = script.read(text).lines
    assert (first.id, second.id) == ("2.1", "2.2")
    assert first.start == 1.0 and second.end == 3.0 and first.end == second.start
    assert first.end == pytest.approx(1 + 2 * 9 / 14)


def test_known_voices_decide_and_a_stranger_is_an_error():
    found = script.read(
        "1\n00:00 --> 00:02\nMara: Hi.\nJon: Yes.\n".replace("00:00 ", "00:00:00,0 ").replace(
            "00:02", "00:00:02,0"
        ),
        speakers=["MARA", "JON"],
    )
    assert check_speakers(found, ["MARA", "JON"]) == {"Mara": "MARA", "Jon": "JON"}
    with pytest.raises(InputError, match="no voice for speaker 'Jon'"):
        check_speakers(found, ["MARA"])


def test_speakers_of_every_format():
    vtt = "WEBVTT\n\n00:00.000 --> 00:02.000\n- Pressure?\n- Yeah.\n"
    assert [x.text for x in script.read(vtt).lines] == ["Pressure?", "Yeah."]
    ttml = '<tt><body><p begin="0s" end="2s">-Pressure?<br/>-Yeah.</p></body></tt>'
    assert [x.text for x in script.read(ttml).lines] == ["Pressure?", "Yeah."]
    ass = "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: 0,0:00:00.00,0:00:02.00,Default,MARA,0,0,0,,- Pressure?\\N- Yeah.\n"
    assert [(x.speaker, x.text) for x in script.read(ass).lines] == [("MARA", "Pressure?"), (None, "Yeah.")]  # fmt: skip
