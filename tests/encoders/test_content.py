"""What the voice of `mini` is given: the phonemes of the spoken words and of nothing else."""

import pytest

from deepaudio.encoders.content import ContentEncoder


@pytest.fixture(scope="module")
def content():
    return ContentEncoder()


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Add 1½ cups.", "Add one and a half cups."),
        ("Ten squared, 10².", "Ten squared, ten squared."),
        ("Use ¾ of it.", "Use three quarters of it."),
        ("Shh! Come.", "Shush! Come."),
        ("Paris -> London", "Paris to London"),
        ("It's 5'11\".", "It's five foot eleven."),
    ],
)
def test_writing_is_read_as_its_words(content, written, spoken):
    assert content.phonemize(written) == content.phonemize(spoken)


def test_letters_are_read_by_their_names(content):
    """`A` beside another letter or a number is no article."""
    assert content.phonemize("10:30 a.m. sharp")[0].split()[2] == "ˌAˈɛm"
    assert content.phonemize("Gate A12")[0].split()[1] == "ˈA"
    assert content.phonemize("A hat")[0].split()[0] == "ɐ"


def test_no_at_the_end_of_a_sentence_is_no_number(content):
    assert content.phonemize("I said no.")[0].endswith("nˈO.")


def test_words_of_other_scripts_are_left_out_and_named(content):
    assert content.phonemize("Hello 世界 да.") == content.phonemize("Hello.")
    assert content.unspoken("Hello 世界 да 😀.") == ["世界", "да", "😀"]
    assert content.unspoken("Hello, naïve café: €5, 25°C & 10 %!") == []
