"""Files and folders of voices: what is read, and errors that name the entry and the line."""

import pytest

from deepaudio.errors import InputError
from deepaudio.script.voices_file import MAX_FILES, read_voices_file, text_of


@pytest.fixture
def read(tmp_path):
    def call(text):
        path = tmp_path / "voices.toml"
        path.write_text(text)
        return read_voices_file(path)

    return call


def test_every_key_is_read_and_a_mood_takes_the_rest_from_its_voice(read, tmp_path):
    (tmp_path / "said.txt").write_text("Two words.\n")
    found = read(
        'ANN = "ann.wav"\n["Dr. Stone"]\nfile = ["a.wav", "b.wav"]\ntext = ["One.", "said.txt"]\n'
        'speed = 0.9\ngain = -3\nconsent = "signed, 2026-03-01"\n'
        '["Dr. Stone".Angry]\nfile = "c.wav"\ngain = 2.5\n["Dr. Stone".slow]\nspeed = 0.7\n'
    )
    assert list(found) == ["ANN", "Dr. Stone", "Dr. Stone.angry", "Dr. Stone.slow"]
    stone, angry, slow = (found[f"Dr. Stone{mood}"] for mood in ("", ".angry", ".slow"))
    assert found["ANN"].files == (tmp_path / "ann.wav",) and found["ANN"].texts == (None,)
    assert stone.texts == ("One.", "Two words.") and (stone.speed, stone.gain) == (0.9, -3.0)
    assert angry.files == (tmp_path / "c.wav",) and angry.texts == (None,)
    assert (angry.speed, angry.gain, angry.consent) == (0.9, 2.5, "signed, 2026-03-01")
    assert slow.files == stone.files and slow.texts == stone.texts and slow.speed == 0.7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no voices in"),
        ("MARA = ", "voices.toml: "),
        ("A = 'a.wav'\nMARA = 3", "line 2, voice 'MARA': file is 3"),
        ("[MARA]\nsped = 1\nfile = 'm.wav'", "line 1, voice 'MARA': no key 'sped'"),
        ("[MARA]\nspeed = 1.0", "voice 'MARA': no file"),
        ("[MARA]\nfile = []", "0 files; 1 to 8"),
        (f"[MARA]\nfile = {['a.wav'] * (MAX_FILES + 1)}", "9 files; 1 to 8"),
        ("[MARA]\nfile = ['a.wav', 2]", "file is ['a.wav', 2]"),
        ("[MARA]\nfile = ['a.wav', 'b.wav']\ntext = 'One.'", "1 texts for 2 files"),
        ("[MARA]\nfile = 'm.wav'\nspeed = 3", "speed is 3; 0.5 to 2 is possible"),
        ("[MARA]\nfile = 'm.wav'\nspeed = nan", "speed is nan"),
        ("[MARA]\nfile = 'm.wav'\ngain = 'loud'", "gain is 'loud'; -24 to 24 is possible"),
        ("[MARA]\nfile = 'm.wav'\ngain = true", "gain is True"),
        ("[MARA]\nfile = 'm.wav'\nconsent = true", "consent is True"),
        ("[MARA]\nfile = 'm.wav'\n\n[MARA.angry]\ngain = 99", "line 4, voice 'MARA.angry': gain"),
        ("[MARA]\nfile = 'm.wav'\n[MARA.calm]\ntext = 'Hi.'", "'MARA.calm': a text without a file"),
        ("[MARA]\nfile = 'm.wav'\n[MARA.Speed]\ngain = 1", "'Speed' is no name for a mood"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(read, text, words):
    with pytest.raises(InputError) as caught:
        read(text)
    assert words in caught.value.message, caught.value.message


def test_a_slip_is_told_the_nearest_key(read):
    with pytest.raises(InputError) as caught:
        read("[MARA]\nfile = 'm.wav'\nconsnt = 'yes'")
    assert caught.value.hint == "did you mean 'consent'?"


def test_a_folder_of_recordings(tmp_path):
    for name in ("MARA.wav", "MARA.Angry.flac", "notes.md", ".hidden.wav"):
        (tmp_path / name).touch()
    (tmp_path / "MARA.txt").write_text("What she says.")
    (tmp_path / "JON").mkdir()
    for name in ("1.wav", "2.wav", "2.txt"):
        (tmp_path / "JON" / name).touch()
    (tmp_path / "JON/2.txt").write_text("Second.")
    found = read_voices_file(tmp_path)
    assert sorted(found) == ["JON", "MARA", "MARA.angry"]
    assert found["MARA"].texts == ("What she says.",)
    assert [p.name for p in found["JON"].files] == ["1.wav", "2.wav"]
    assert found["JON"].texts == (None, "Second.")


def test_a_folder_with_a_voices_file_is_that_file(tmp_path):
    (tmp_path / "other.wav").touch()
    (tmp_path / "voices.toml").write_text('MARA = "other.wav"')
    assert list(read_voices_file(tmp_path)) == ["MARA"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no recordings in the folder"),
        (["MARA.wav", "MARA.flac"], "two recordings for the voice 'MARA'"),
        (["MARA.angry.wav"], "'MARA.angry' is a mood of the voice 'MARA'"),
    ],
)
def test_a_folder_that_says_nothing_clear(tmp_path, names, words):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=words):
        read_voices_file(tmp_path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_voices_file(tmp_path / "none.toml")


def test_a_text_file_that_is_not_there_is_no_transcript(tmp_path):
    (tmp_path / "said.txt").write_text("\ufeffA quiet day.\n", encoding="utf-8")
    assert text_of("said.txt", tmp_path) == "A quiet day."
    assert text_of("Open the file said.txt", tmp_path) == "Open the file said.txt"
    with pytest.raises(InputError, match=r"no such file: sayd\.txt"):
        text_of("sayd.txt", tmp_path)


def test_a_transcript_is_read_as_a_script_is_and_a_folder_is_none(tmp_path):
    (tmp_path / "wide.txt").write_text("A quiet day.\r\n", encoding="utf-16")
    assert text_of("wide.txt", tmp_path) == "A quiet day."
    (tmp_path / "bytes.txt").write_bytes(b"a\xc3\x00\xff\xfe\x81")
    with pytest.raises(InputError, match=r"bytes\.txt .*byte"):
        text_of("bytes.txt", tmp_path)
    (tmp_path / "voices").mkdir()
    with pytest.raises(InputError, match="voices is a folder"):
        text_of("voices", tmp_path)
    assert text_of("voices of the night", tmp_path) == "voices of the night"
