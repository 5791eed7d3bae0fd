"""Plain text scripts: what is speech, what is a name, what is a time."""

import pytest

from deepaudio import script
from deepaudio.errors import InputError


def rows(text, **options):
    return [(x.speaker, x.text) for x in script.read(text, format="text", **options).lines]


def test_one_utterance_a_line():
    found = script.read("We should leave.\n\n  Before it rains.  \r\nNow.")
    assert [x.text for x in found.lines] == ["We should leave.", "Before it rains.", "Now."]
    assert [x.id for x in found.lines] == ["1", "2", "3"]
    assert [x.row for x in found.lines] == [1, 3, 4]
    assert not found.timed and found.format == "text"


@pytest.mark.parametrize(
    ("text", "speaker", "spoken"),
    [
        ("MARA: Hello there.", "MARA", "Hello there."),
        ("[MARA] Hello there.", "MARA", "Hello there."),
        ("[MARA]: Hello there.", "MARA", "Hello there."),
        ("OLD MAN: Hello.", "OLD MAN", "Hello."),
        ("DR. O'NEIL: Hello.", "DR. O'NEIL", "Hello."),
        ("ÉMILE: Bonjour.", "ÉMILE", "Bonjour."),
        ("It is 10:30 now.", None, "It is 10:30 now."),
        ("See http://example.org/ now.", None, "See http://example.org/ now."),
        ("he said: go", None, "he said: go"),
        ("Note: bring a coat.", None, "Note: bring a coat."),
        ("This is what she told me on Monday: go", None, "This is what she told me on Monday: go"),
    ],
)
def test_names(text, speaker, spoken):
    assert rows(text) == [(speaker, spoken)]


def test_a_name_used_twice_or_known_is_a_speaker():
    assert rows("Mara: Hi.\nMara: You.") == [("Mara", "Hi."), ("Mara", "You.")]
    assert rows("Mara: Hi.", speakers=["mara"]) == [("Mara", "Hi.")]
    assert rows("Marra: Hi.", speakers=["Mara"]) == [("Marra", "Hi.")], "an error later, not spoken"
    assert rows("Note: Hi.\nNote: You.", speakers=["Mara"])[0][0] is None
    assert "write 'NOTE'" in script.read("Note: Hi.", format="text").warnings[0]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("[00:01.2-00:03.0] Go", 1.2, 3.0),
        ("[1.5 - 3] Go", 1.5, 3.0),
        ("[00:00:01,200 --> 00:00:03,000] Go", 1.2, 3.0),
        ("[01:02:03–01:02:04.5] Go", 3723.0, 3724.5),
        ("[0:07.25] Go", 7.25, None),
    ],
)
def test_times_in_front(text, start, end):
    (line,) = script.read(text, format="text").lines
    assert (line.start, line.end, line.text) == (start, end, "Go")


def test_times_and_names_together():
    (line,) = script.read("[00:01.2-00:03.0] MARA: Go", format="text").lines
    assert (line.start, line.speaker, line.text) == (1.2, "MARA", "Go")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\n[3-2] Go", "line 2, cue 2: ends at 2.000 s, before it starts"),
        ("[2-2] Go", "as soon as it starts"),
        ("[00:99-01:59] Go", "99 seconds in a minute"),
        ("[01:99:00-02:00:00] Go", "99 minutes in an hour"),
        ("[100:00:00-100:00:01] Go", "beyond 99 hours"),
        ("[-1-2] Go", "line 1: '-1' is negative"),
    ],
)
def test_impossible_times_name_the_line(text, words):
    with pytest.raises(InputError, match="line") as error:
        script.read(text, format="text")
    assert words in error.value.message
    assert error.value.code == "script.time" and error.value.where["line"] >= 1


def test_what_is_never_spoken():
    found = script.read(
        "# a comment\n[door slams]\n♪ la la la ♪\nWait. [sighs] Go <i>now</i>.\n...\n",
        format="text",
    )
    assert [x.text for x in found.lines] == ["Wait. Go now ."]
    reasons = [x.reason for x in found.skipped]
    assert reasons == [
        "comment",
        "sound in brackets",
        "lyrics",
        "sound in brackets",
        "nothing to speak",
    ]
    loud = script.read("[door slams]\nWait. [sighs]", format="text", speak_sdh=True)
    assert [x.text for x in loud.lines] == ["[door slams]", "Wait. [sighs]"]


def test_text_that_looks_like_code_stays_text():
    for text in (
        "{0.__class__}",
        "%(x)s",
        "${oc.env:HOME}",
        "<script>alert(1)</script>",
        "$(rm -rf x); touch y",
    ):
        (line,) = script.read(text, format="text").lines
        assert line.text == text


@pytest.mark.parametrize("text", ["", "\n \n", "# only\n# comments", "[door slams]", "..."])
def test_nothing_to_speak(text):
    with pytest.raises(InputError) as error:
        script.read(text, format="text")
    assert error.value.code == "script.empty"
    assert script.read(text, format="text", allow_empty=True).lines == ()


@pytest.mark.parametrize(
    "text",
    [
        "0:05\nGood morning.\n0:10\nWelcome back.\n",
        "00:00:05\nGood morning.\n\n00:00:10\nWelcome back.\n",
        "0:05 Good morning.\n0:10 Welcome back.\n",
        "(0:05) Good morning.\n(0:10) Welcome back.\n",
        "00:05 - Good morning.\n00:10 - Welcome back.\n",
        "[00:05] Good morning.\n[00:10] Welcome back.\n",
    ],
)
def test_times_of_a_transcript_are_not_spoken(text):
    found = script.read(text, format="text")
    assert [(x.start, x.text) for x in found.lines] == [(5, "Good morning."), (10, "Welcome back.")]


@pytest.mark.parametrize(
    "text", ["When?\n10:30\nGood.", "10:30 is too late.\nWhy?", "10:30", "10:30\n11:00"]
)
def test_times_that_are_said_stay(text):
    assert [x.text for x in script.read(text, format="text").lines] == text.split("\n")


def test_starts_and_ends_in_brackets_in_every_row_are_both_read():
    lines = script.read("[0:00.5-0:01.2] One goes.\n[0:01.5-0:02.2] MARA: Two goes.\n").lines
    found = [(line.start, line.end, line.speaker, line.text) for line in lines]
    assert found == [(0.5, 1.2, None, "One goes."), (1.5, 2.2, "MARA", "Two goes.")]


def test_brackets_in_brackets_go_as_one():
    found = script.read("[music [loud] stops] Hello.\n[[a] b [c [d]]]\n")
    assert [line.text for line in found.lines] == ["Hello."]
    assert found.skipped[0].text == "[loud]" and all("[" in s.text for s in found.skipped)


@pytest.mark.parametrize("hours", ["", "00:"])
def test_rows_as_whisper_prints_them(hours):
    text = f"[{hours}00:01.000 --> {hours}00:02.500]  Good morning.\n[{hours}00:03.000 --> {hours}00:04.000]  Yes.\n"
    lines = script.read(text).lines
    assert [(x.start, x.end, x.text) for x in lines] == [
        (1.0, 2.5, "Good morning."),
        (3.0, 4.0, "Yes."),
    ]
