"""Unknown speakers are errors that name the nearest known one."""

import pytest

from deepaudio import script
from deepaudio.errors import InputError
from deepaudio.script.speakers import check_speakers, nearest, speakers_of, voice_name


def test_known_speakers_whatever_their_case():
    found = script.read("MARA: Hi.\nTom: Ho.\nTom: Again.", speakers=["mara", "TOM"])
    assert check_speakers(found, ["mara", "TOM"]) == {"MARA": "mara", "Tom": "TOM"}


def test_unknown_speaker_names_the_nearest_and_all_known():
    found = script.read("MARRA: Hi.")
    with pytest.raises(InputError) as error:
        check_speakers(found, ["mara", "tom"])
    assert error.value.code == "script.unknown_speaker"
    assert "did you mean 'mara'?" in error.value.hint and "mara, tom" in error.value.hint
    assert error.value.where["line"] == 1


def test_voices_that_differ_only_in_case_are_refused():
    with pytest.raises(InputError, match="differ only in case"):
        check_speakers(script.read("Hi."), ["Mara", "MARA"])


def test_nearest():
    assert nearest("marra", ["Mara", "Tom"]) == "Mara"
    assert nearest("zzz", ["Mara", "Tom"]) is None


def test_the_voice_of_a_line_whatever_the_case_of_its_speaker():
    cast = ["", "Mara", "Mara.angry", "TOM"]
    assert speakers_of(cast) == ["Mara", "TOM"]
    asked = (("MARA", None), ("mara", "angry"), ("tom", "angry"), (None, "angry"), (None, None))
    assert [voice_name(*who, cast) for who in asked] == ["Mara", "Mara.angry", "TOM", "", ""]
    assert voice_name(None, None, cast[1:]) == "Mara" and voice_name("Mara", None, [""]) == ""
