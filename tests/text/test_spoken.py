"""Written text to spoken words: the list that the voice is judged on, the kinds behind it, and what must not change."""
# ruff: noqa: SIM905 - tables of words are read more easily in rows

import csv
import re
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepaudio.text.spoken import numbers, spoken

LIST = Path(__file__).with_name("spoken.tsv")
PAIRS = list(
    csv.reader(LIST.read_text("utf-8").splitlines()[1:], delimiter="\t", quoting=csv.QUOTE_NONE)
)


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z0-9']+", " ", text.lower()).split()


def said(text: str) -> str:
    return " ".join(words(spoken(text).words))


def test_the_list_has_a_hundred_sentences():
    assert len({written for written, _ in PAIRS}) >= 100


@pytest.mark.parametrize(("written", "expected"), PAIRS)
def test_list(written, expected):
    found = spoken(written)
    assert words(found.words) == words(expected)
    assert found.missed == ()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        # fractions never glue to the whole number in front of them, in any spelling
        ("1½", "one and a half"), ("1 1/2", "one and a half"), ("1-1/2 cups", "one and a half cups"),
        ("11/2 of", "eleven two of"), ("½ cup", "half a cup"), ("½ an hour", "one half an hour"), ("⅛ mile", "one eighth of a mile"),
        ("3⅞ inches", "three and seven eighths inches"), ("³⁄₄ of it", "three quarters of it"), ("½", "one half"),
        ("2¼″", "two and a quarter inches"), ("5 3/16\" deep", "five and three sixteenths inches deep"),
        ("x³", "x cubed"), ("10^6", "ten to the sixth"), ("10⁻³", "ten to the minus third"), ("word¹ here", "word here"),
        ("5 m³ and 5 m2", "five cubic meters and five square meters"), ("C₆H₁₂O₆", "c six h twelve o six"),
        # numbers
        ("0.5 or .5", "zero point five or point five"), ("1,000,001", "one million one"), ("-3.5", "minus three point five"),
        ("3-2-1", "three two one"), ("0451", "zero four five one"), ("1234567", "one two three four five six seven"),
        ("1,000th", "one thousandth"), ("12th", "twelfth"), ("the 1800s", "the eighteen hundreds"), ("'90s", "nineties"),
        ("mid-80s", "mid eighties"), ("in 1066", "in ten sixty six"), ("1905", "nineteen oh five"), ("in 2000", "in two thousand"),
        ("9/11", "nine eleven"), ("60/40", "sixty forty"), ("16:9", "sixteen to nine"), ("1.5x", "one point five times"),
        ("between 5-10", "between five and ten"), ("2x4", "two by four"),
        # measures
        ("5kg", "five kilograms"), ("1 lb", "one pound"), ("a 5-km run", "a five kilometer run"), ("5 in the morning", "five in the morning"),
        ("5 in. long", "five inches long"), ("9.8 m/s²", "nine point eight meters per second squared"), ("60 Hz", "sixty hertz"),
        ("5 °C", "five degrees celsius"), ("-5°C", "minus five degrees celsius"), ("45° N", "forty five degrees north"), ("10µm", "ten micrometers"),
        ("6 ft 2 in", "six foot two"), ("6' 2\"", "six foot two"), ("5'11", "five foot eleven"), ("12'", "twelve feet"),
        ("\"I am 27\" he said", "i am twenty seven he said"), ("2-3 hrs", "two to three hours"), ("2h30", "two thirty"), ("5 A students", "five a students"),
        # money
        ("$1,000.50", "one thousand dollars and fifty cents"), ("€0.99", "ninety nine cents"), ("£1.01", "one pound and one penny"),
        ("20€", "twenty euros"), ("30 USD", "thirty dollars"), ("-$5", "minus five dollars"), ("$5-10", "five to ten dollars"),
        ("$3k", "three thousand dollars"), ("50p", "fifty pence"), ("¥500", "five hundred yen"), ("US$20", "twenty u s dollars"),
        # dates and times
        ("31/12/1999", "december thirty first nineteen ninety nine"), ("31.12.1999", "december thirty first nineteen ninety nine"),
        ("Mar. 3", "march third"), ("July 4th, 1776", "july fourth seventeen seventy six"), ("May 2024", "may twenty twenty four"),
        ("on 3/4", "on march fourth"), ("12:30-13:45", "twelve thirty to thirteen forty five"), ("9am-5pm", "nine a m to five p m"),
        ("at 10.30am", "at ten thirty a m"), ("1:30:05", "one hour thirty minutes five seconds"), ("12:00", "twelve o'clock"), ("7:00 o'clock", "seven o'clock"),
        # phones and addresses
        ("1-800-555-0199", "one eight hundred five five five zero one nine nine"), ("+44 20 7946 0958", "plus four four two zero seven nine four six zero nine five eight"),
        ("07700 900123", "zero seven seven zero zero nine zero zero one two three"), ("Dial 112", "dial one one two"), ("Call 3 people", "call three people"),
        ("http://localhost:8080/", "localhost colon eight zero eight zero"), ("192.168.0.1", "one nine two dot one six eight dot zero dot one"),
        ("example.co.uk/a-b_c", "example dot co dot u k slash a dash b underscore c"), ("ann.smith@example.com.", "ann dot smith at example dot com"),
        ("#MeToo", "hashtag me too"), ("song.mp3", "song dot m p three"),
        # codes
        ("MI5", "m i five"), ("A320", "a three twenty"), ("COVID-19", "covid nineteen"), ("R2-D2", "r two d two"), ("1080p", "ten eighty p"),
        ("room 101", "room one oh one"), ("Room 1408", "room fourteen oh eight"), ("Flight 93", "flight ninety three"), ("iOS 17.2", "ios seventeen point two"),
        ("Rocky IV", "rocky four"), ("XIX century", "nineteenth century"), ("an IV now", "an i v now"),
        # signs
        ("-> go", "go"), ("A => B", "a to b"), ("5 - 3 = 2", "five minus three equals two"), ("6 / 2 = 3", "six divided by two equals three"),
        ("C++ and C#", "c plus plus and c sharp"), ("**bold** and *soft*", "bold and soft"), ("18+", "eighteen plus"), ("&amp; so", "and so"),
        ("№5", "number five"), ("±2", "plus or minus two"), ("πr²", "pi r squared"), ("Brand® new", "brand new"), ("a\\b", "a backslash b"),
        # abbreviations and acronyms
        ("in N.Y. He left", "in n y he left"), ("12 Elm Dr.", "twelve elm drive"), ("No. I said no.", "no i said no"), ("J. R. R. Tolkien", "j r r tolkien"),
        ("STOP IT NOW", "stop it now"), ("He works in IT.", "he works in i t"), ("I said NO. STOP IT NOW!", "i said no stop it now"),
        ("w/o milk, w/ sugar", "without milk with sugar"), ("A/C", "a c"), ("24-7", "twenty four seven"), ("50-50", "fifty fifty"), ("R&B, M&Ms", "r and b m and m's"), ("Ph.D.", "p h d"), ("thx, pls", "thanks please"),
        # sounds
        ("SHHH!", "shush"), ("Ssh", "shush"), ("Grrrr", "gurr"), ("Mhm", "mm hmm"), ("Hahaha", "ha ha ha"), ("Noooo", "no"), ("Gooood", "good"),
        ("Ahhh", "ah"), ("Ewww", "eew"), ("W-w-wait", "wait"), ("Hmph", "humph"), ("No-no", "no no"),
    ],
)  # fmt: skip
def test_kinds(written, expected):
    assert said(written) == expected


@pytest.mark.parametrize(
    ("written", "kept", "missed"),
    [
        ("Great 😀 news 👍🏽!", "Great news!", ("😀", "👍")),
        ("We met Mr. Xkcd.", "We met Mister Xkcd.", ("Xkcd",)),
        ("What the f*** is that?", "What the is that?", ("f***",)),
        ("A star ★ here ☃.", "A star here.", ("★", "☃")),
        ("世界 hello", "世界 hello", ()),
    ],
)
def test_what_has_no_words_is_named(written, kept, missed):
    assert spoken(written) == (kept, missed)


@pytest.mark.parametrize("text", ["+", "-", "...", "", "   ", "♪", "©", "#", "*", "/", "->", "\\"])
def test_lone_signs_do_not_fail(text):
    assert "  " not in spoken(text).words


def test_a_sentence_that_begins_with_a_number_begins_with_a_capital():
    """Voices find the end of a sentence by the capital behind the point."""
    assert spoken("I have 2. 3 more come.").words == "I have two. Three more come."
    assert spoken("We close at 9 p.m. We go.").words == "We close at nine P-M. We go."
    assert spoken("At 9 p.m. sharp").words == "At nine P-M sharp"


PLAIN = (
    "we should leave before it rains the old man and sea didn't mother's well-known nobody was there okay "
    "really never coffee yellow summer happen happy"
).split()


@given(
    st.lists(st.sampled_from(PLAIN), min_size=1, max_size=12),
    st.sampled_from([".", "!", "?", "...", ";", ""]),
)
def test_plain_words_pass_unchanged(chosen, end):
    text = (" ".join(chosen) + end).capitalize()
    assert spoken(text) == (text, ())


@settings(max_examples=300, deadline=1000)
@given(
    st.text(
        alphabet=st.sampled_from("0123456789.,:/-–'\"$€%#&@ +=<>°½²₂aAbBkKmMgpPsSxXvVIX*_~()"),
        max_size=60,
    )
)
@example("0,0½")  # digits that are no number, in front of a fraction
def test_no_digit_and_no_sign_is_left(text):
    found = spoken(text).words
    assert not re.search(r"[\d$€%#&@+=<>°½²₂*_~]", found), found
    assert spoken(found).words == spoken(spoken(found).words).words


@settings(max_examples=100, deadline=1000)
@given(st.text(max_size=80))
def test_any_text_gives_words(text):
    assert isinstance(spoken(text).words, str)


@pytest.mark.parametrize(
    "text", ["1/" * 900, "1-" * 900, "a." * 900, "-" * 1900, "1 " * 900, "$1" * 900, "http://" + "a." * 900, "*a" * 900,
             "I-" * 900, "5' " * 600, "#a" * 900, "a@" * 900, "é½" * 900, "and " * 450, "A&" * 900, "1:2" * 600],
)  # fmt: skip
def test_long_lines_are_read_in_a_moment(text):
    begin = time.process_time()
    spoken(text)
    assert time.process_time() - begin < 1


def test_number_words():
    assert numbers.cardinal(1_000_001) == "one million one"
    assert numbers.cardinal("9" * 16) == " ".join(["nine"] * 16)
    assert [numbers.ordinal(n) for n in (1, 12, 20, 33, 100, 1000)] == [
        "first", "twelfth", "twentieth", "thirty-third", "one hundredth", "one thousandth",
    ]  # fmt: skip
    assert [numbers.year(n) for n in (1066, 1900, 1905, 2000, 2009, 2024)] == [
        "ten sixty-six", "nineteen hundred", "nineteen oh five", "two thousand", "two thousand nine", "twenty twenty-four",
    ]  # fmt: skip
    assert [numbers.roman(n) for n in ("XIV", "IIII", "MCMLXXXIV", "", "IC")] == [
        14,
        None,
        1984,
        None,
        None,
    ]
