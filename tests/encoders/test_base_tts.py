"""The base TTS in its fast form says what it says by itself."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepaudio.encoders import base_tts
from deepaudio.encoders.base_tts import WordTable
from deepaudio.encoders.content import ContentEncoder

TEXT = "Doctor Brown read the quixotic rubric at 9:30, and 1,250 Zorbian crates were live records."


@given(
    st.dictionaries(st.text(), st.one_of(st.text(), st.dictionaries(st.text(), st.floats(-9, 9))))
)
def test_a_table_answers_as_the_dictionary_it_was_written_from(values):
    lines = WordTable.written({"a": values, "b": {"only here": 1}, "": {"x": 2}})
    table = WordTable(lines, "a")
    assert {name: table.get(name) for name in values} == values
    for name in ("only here", "x", "\t", "\n", *(f"{name}x" for name in values)):
        assert table.get(name) == values.get(name)
        assert (name in table) == (name in values)


@pytest.mark.slow
def test_kept_files_change_neither_phonemes_nor_spectra(tmp_path, monkeypatch):
    from hibari import Hibari
    from hibari.g2p import G2P

    monkeypatch.setenv("DEEPAUDIO_CACHE_DIR", str(tmp_path))
    made, kept = ContentEncoder(), ContentEncoder()
    assert len(list((tmp_path / "base-tts").iterdir())) == 2
    g2p = G2P()
    plain = Hibari(g2p=lambda sentence: g2p(sentence, normalize_text=False))
    assert made._base.phonemize(TEXT) == kept._base.phonemize(TEXT) == plain.phonemize(TEXT)
    sentence = plain.phonemize(TEXT)[0]
    ids = {"ids": np.asarray([plain.ids(sentence)]), "speed": np.ones(1, np.float32)}
    own = plain.sess.run(None, ids)
    for encoder in (made, kept):
        spectra, units = encoder.spectra(sentence)
        assert all(np.array_equal(a, b[0]) for a, b in zip(spectra, own, strict=True))
        assert len(units) == len(plain.ids(sentence))


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_made_anew(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPAUDIO_CACHE_DIR", str(tmp_path / "file"))
    assert ContentEncoder().phonemize("Hello.") == ["həlˈO."]


def test_what_is_kept_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPAUDIO_CACHE_DIR", str(tmp_path))
    assert bytes(base_tts._kept("x", lambda: b"made")) == b"made"
    assert bytes(base_tts._kept("x", lambda: json.loads("never"))) == b"made"
