"""The duration rule and chunking of F5-TTS, by hand and as properties."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepaudio.text.f5_duration import chunk_bytes, chunks, closed, n_bytes, speech_frames


def test_reference_text_is_closed():
    assert closed("Hello there") == "Hello there. "
    assert closed(" Hello. ") == "Hello. "
    assert closed("你好。") == "你好。"
    assert closed("Really?") == "Really?. "


def test_frames_in_proportion_to_bytes():
    assert speech_frames(500, "a" * 50, "b" * 25) == 250
    assert speech_frames(500, "a" * 50, "b" * 25, speed=2.0) == 125
    assert speech_frames(300, "你好。", "你好你好") == 400
    assert speech_frames(500, "a" * 50, "b" * 9) == 300  # short: at 0.3 of the pace
    assert speech_frames(500, "a" * 50, "b" * 9, roomy=False) == 90


def test_impossible_paces_are_refused():
    with pytest.raises(ValueError, match="without text"):
        speech_frames(100, "", "text")
    with pytest.raises(ValueError, match="got 0"):
        speech_frames(100, "text", "text", speed=0)


def test_chunk_size_leaves_room_for_the_reference():
    assert chunk_bytes("a" * 100, 10.0) == 120
    assert chunk_bytes("a" * 100, 10.0, speed=0.5) == 60
    assert chunk_bytes("a", 40.0) >= 1  # a reference beyond the window still lets text through


def test_chunks_end_at_phrases():
    text = "One two, three. Four five six! Seven"
    assert chunks(text, 17) == ["One two, three.", "Four five six!", "Seven"]
    assert chunks(text, 100) == [text]
    assert chunks("你好。再见。", 9) == ["你好。", "再见。"]
    assert chunks("  ", 10) == []


def test_a_phrase_without_ends_is_cut_at_words_then_letters():
    assert chunks("alpha beta gamma", 10) == ["alpha beta", "gamma"]
    assert chunks("abcdefghij", 4) == ["abcd", "efgh", "ij"]


@given(st.text(min_size=0, max_size=200), st.integers(4, 60))
def test_chunks_keep_every_letter_and_the_limit(text, limit):
    pieces = chunks(text, limit)
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)
    assert all(0 < n_bytes(piece) <= limit for piece in pieces)
