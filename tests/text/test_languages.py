"""Languages by code, tag and name."""

import pytest

from deepaudio.errors import UsageError
from deepaudio.text.languages import find_language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("eng", "eng"),
        ("en", "eng"),
        ("English", "eng"),
        ("de", "deu"),
        ("ger", "deu"),
        ("GERMAN", "deu"),
        ("pt-BR", "por"),
        ("zh_Hans", "zho"),
        ("Mandarin", "zho"),
        ("farsi", "fas"),
        ("gsw", "gsw"),
        ("und", "und"),
    ],
)
def test_codes_tags_and_names(text, code):
    assert find_language(text).code == code


def test_the_bibliographic_code_is_that_of_matroska():
    assert find_language("de").bibliographic == "ger"
    assert find_language("en").bibliographic == "eng"


@pytest.mark.parametrize("text", ["xx", "xyz", "", "klingonian", "english please", "../eng"])
def test_what_is_no_language(text):
    with pytest.raises(UsageError, match="no language"):
        find_language(text)


def test_a_slip_is_told_the_nearest():
    with pytest.raises(UsageError) as caught:
        find_language("Germann")
    assert "german" in caught.value.hint


def test_two_codes_of_one_language():
    assert find_language("ger") == find_language("deu") != find_language("dut")
