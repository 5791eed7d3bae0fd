"""Structure of subtitles: numbers, times and arrows in any spelling are structure or an error with its line, never words."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepaudio import script
from deepaudio.errors import InputError

WORDS = ["Hello my friends.", "Welcome to my channel.", "Let us begin."]


def lines(text, **options):
    return [(x.start, x.end, x.text) for x in script.read(text, **options).lines]


def three(times, number="{}\n", gap="\n", end="\n", first=1):
    """Three cues with the given spelling of the times: `{a}` and `{b}` are their seconds."""
    spans = [("0", "1"), ("2", "3"), ("4", "5")]
    cues = [
        number.format(n) + times.format(a=a, b=b) + "\n" + word + "\n"
        for n, ((a, b), word) in enumerate(zip(spans, WORDS, strict=True), first)
    ]
    return gap.join(cues).replace("\n", end)


EXPECTED = [(0.5, 1.5, WORDS[0]), (2.5, 3.5, WORDS[1]), (4.5, 5.5, WORDS[2])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("gap", ["\n", "", "\n\n\n", " \t\n"])
@pytest.mark.parametrize(
    "times",
    [
        "00:00:0{a},500 --> 00:00:0{b},500",
        "00:00:0{a}.500 --> 00:00:0{b}.500",
        "00:00:0{a}:500 --> 00:00:0{b}:500",
        "00:00:0{a};500 --> 00:00:0{b};500",
        "0:00:0{a}.5 --> 0:00:0{b}.5",
        "00:0{a},500 --> 00:0{b},500",
        "00.00.0{a},500 --> 00.00.0{b},500",
        "00 : 00 : 0{a} , 500 --> 00 : 00 : 0{b} , 500",
        "００：００：０{a}，５００　－－＞　００：００：０{b}，５００",
        "00:00:0{a},500-->00:00:0{b},500",
        "00:00:0{a},500 -> 00:00:0{b},500",
        "00:00:0{a},500 —> 00:00:0{b},500",
        "00:00:0{a},500 –> 00:00:0{b},500",
        "00:00:0{a},500 -- > 00:00:0{b},500",
        "00:00:0{a},500 - -> 00:00:0{b},500",
        "00:00:0{a},500 ---> 00:00:0{b},500",
        "00:00:0{a},500 ==> 00:00:0{b},500",
        "00:00:0{a},500 → 00:00:0{b},500",
        "00:00:0{a},500 00:00:0{b},500",
        "00:00:0{a},500 - 00:00:0{b},500",
        "00:00:0{a}.500,00:00:0{b}.500",
        "[00:00:0{a},500] --> [00:00:0{b},500]",
        "  00:00:0{a},500   -->   00:00:0{b},500  X1:100 X2:200 Y1:1 Y2:2",
        "00:00:0{a},500 --> 00:00:0{b},500 align:start position:0%",
        "<i>00:00:0{a},500 --> 00:00:0{b},500</i>",
    ],
)
def test_every_spelling_of_times_is_structure(times, gap, end):
    assert lines(three(times, gap=gap, end=end)) == EXPECTED


@pytest.mark.parametrize("number", ["{}\n", "{}.\n", " {} \n", "#{}\n", "[{}]\n", "0{}\n", "{}\n\n", "{}\n \n", "{} ", "", "{0}\n{0}\n", "\ufeff{}\n"])  # fmt: skip
def test_every_spelling_of_numbers_is_structure(number):
    text = three("00:00:0{a},500 --> 00:00:0{b},500", number=number)
    assert lines(text) == EXPECTED


def test_numbers_and_times_without_any_blank_row():
    assert lines(three("0:00:0{a}.500 --> 0:00:0{b}.500", gap="")) == EXPECTED
    blank = three("00:00:0{a},500 --> 00:00:0{b},500").replace("\n", "\n\n")
    assert lines(blank) == EXPECTED


def test_numbers_that_are_said_stay():
    text = "00:00:01,000 --> 00:00:02,000\nHow many?\n42\n\n00:00:03,000 --> 00:00:04,000\n7\n"
    assert [x[2] for x in lines(text)] == ["How many? 42", "7"]
    numbered = three("00:00:0{a},500 --> 00:00:0{b},500").replace(WORDS[1], "How many?\n42\n1984")
    assert lines(numbered)[1][2] == "How many? 42 1984"
    said = three("00:00:0{a},500 --> 00:00:0{b},500").replace(WORDS[0], "10:30")
    assert lines(said)[0][2] == "10:30"
    arrow = three("00:00:0{a},500 --> 00:00:0{b},500").replace(WORDS[0], "Paris -> London 2")
    assert lines(arrow)[0][2] == "Paris -> London 2"


def test_numbers_without_a_cue_are_left_out_and_listed():
    text = three("00:00:0{a},500 --> 00:00:0{b},500") + "\n4\n"
    found = script.read(text)
    assert [x.text for x in found.lines] == WORDS
    assert (found.skipped[-1].text, found.skipped[-1].row) == ("4", 13)
    orphan = text.replace("\n2\n", "\n2\n\n3\n").replace("\n\n3\n00:00:04", "\n\n4\n00:00:04")
    assert [x.text for x in script.read(orphan).lines] == WORDS


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ("00:00:02,500 --> 00:00:0x,500", "line 6, cue 2"),
        ("00:00:02,500 -->", "line 6, cue 2"),
        ("00:00:02,500", "line 6, cue 2"),
        ("00:00:02,500 -> soon", "line 6, cue 2"),
        ("00:00:02:12 --> 00:00:03:12", "counts frames"),
        ("00:00:2,5OO --> 00:00:03,500", "line 6, cue 2"),
        ("0O:00:02,500 -> 00:00:03,500", "line 6, cue 2"),
        ("00:00:02", "line 6, cue 2"),
    ],
)
def test_damaged_times_are_an_error_with_the_line(row, where):
    text = three("00:00:0{a},500 --> 00:00:0{b},500")
    text = text.replace("00:00:02,500 --> 00:00:03,500", row)
    with pytest.raises(InputError) as error:
        script.read(text)
    assert where in error.value.message and error.value.where["line"] == 6
    assert error.value.hint


def test_a_cue_that_lost_its_times_is_an_error():
    text = three("00:00:0{a},500 --> 00:00:0{b},500").replace("00:00:02,500 --> 00:00:03,500\n", "")
    with pytest.raises(InputError, match="line 5, cue 2: no row of times"):
        script.read(text)


def test_what_stands_before_the_first_cue_is_listed():
    found = script.read("My film\n\n" + three("00:00:0{a},500 --> 00:00:0{b},500"))
    assert [x.text for x in found.lines] == WORDS
    assert found.skipped[0].text == "My film" and "before the first cue" in found.warnings[0]


def test_vtt_text_outside_a_cue_is_listed():
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello.\n\nLost words.\n\n00:03.000 --> 00:04.000\nBye.\n"
    found = script.read(text)
    assert [x.text for x in found.lines] == ["Hello.", "Bye."]
    assert [(x.row, x.text) for x in found.skipped] == [(6, "Lost words.")]


DAMAGES = (
    ("arrow", st.sampled_from([" --> ", "-->", " -> ", " —> ", " -- > ", " → ", " ==> ", "  -->  ", " - ", " ", " > "])),
    ("point", st.sampled_from([",", ".", ":", ";", " , "])),
    ("hours", st.sampled_from(["00:", "0:", "", "000:", "00 : "])),
    ("number", st.sampled_from(["{}\n", "{}.\n", "#{}\n", "{}\n\n", " {}\n", "{} ", "{0}\n{0}\n", "０{}\n"])),
    ("gap", st.sampled_from(["\n", "", "\n\n", " \n", "\t\n\n"])),
)  # fmt: skip
SPEECH = st.lists(
    st.sampled_from(["we", "should", "leave", "before", "it", "rains", "now", "yes"]), min_size=1
).map(" ".join)


@st.composite
def damaged(draw):
    """A valid file whose structure rows are written in a way of their own each, and perhaps cut, doubled or soiled."""
    text, said = "", []
    for n in range(draw(st.integers(1, 6))):
        part = {name: draw(choice) for name, choice in DAMAGES}
        begin, end = f"{2 * n:02d}", f"{2 * n + 1:02d}"
        said.append(draw(SPEECH).capitalize() + ".")
        times = "{hours}00:{begin}{point}100{arrow}{hours}00:{end}{point}900".format(
            begin=begin, end=end, **part
        )
        text += part["number"].format(n + 1) + times + "\n" + said[-1] + "\n" + part["gap"]
    rows = text.split("\n")
    structure = [n for n, row in enumerate(rows) if re.search(r"\d", row)]
    for n in draw(st.lists(st.sampled_from(structure), max_size=2, unique=True)):
        harm = draw(st.sampled_from(["none", "cut", "double", "soil", "drop", "space", "full"]))
        row = rows[n]
        if harm == "cut":
            row = row[: draw(st.integers(min(9, len(row)), len(row)))]
        elif harm == "double":
            row = row + "\n" + row
        elif harm == "soil":
            at = draw(st.integers(0, len(row)))
            row = row[:at] + draw(st.sampled_from("xOl?_|*")) + row[at:]
        elif harm == "drop" and row:
            at = draw(st.integers(0, len(row) - 1))
            row = row[:at] + row[at + 1 :]
        elif harm == "space":
            at = draw(st.integers(0, len(row)))
            row = row[:at] + " " + row[at:]
        elif harm == "full":
            row = row.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789:,.->"})
        rows[n] = row
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return "\n".join(rows).replace("\n", end), said


@pytest.mark.slow
@settings(max_examples=600, deadline=None, derandomize=True)
@given(damaged())
def test_fuzz_no_number_and_no_time_is_ever_spoken(case):
    """The words hold no digit, so whatever is spoken must not hold one either: read right, or an error with its line."""
    text, said = case
    try:
        found = script.read(text, format="srt")
    except InputError as error:
        assert re.search(r"line \d+|no lines|no row of times", error.message)
        return
    spoken = " ".join(line.text for line in found.lines)
    assert not re.search(r"\d|-->|→", spoken), spoken
    kept = [" ".join(s.text.split()) for s in found.skipped]
    for words in said:
        assert words in spoken or any(words in text for text in kept) or words[:-1] in spoken


@settings(max_examples=200, deadline=None, derandomize=True)
@given(damaged())
def test_fuzz_the_same_in_a_file_that_is_told_by_its_content(case):
    text, _ = case
    try:
        found = script.read("\n" + text)
    except InputError:
        return
    if found.format == "srt":
        assert not re.search(r"\d|-->", " ".join(line.text for line in found.lines))
