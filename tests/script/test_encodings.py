"""A code page is guessed by the letters of its language; what cannot be spoken is refused with the guess."""

import pytest

from deepaudio import script
from deepaudio.errors import InputError

HEAD = "1\n00:00:00,100 --> 00:00:01,400\n"


def write(tmp_path, text, encoding, head=HEAD):
    path = tmp_path / "lines.srt"
    path.write_bytes((head + text + "\n").encode(encoding))
    return path


@pytest.mark.parametrize(
    ("encoding", "codec", "name", "text"),
    [
        ("cp1251", "cp1251", "Windows-1251", "Привет, друзья?"),
        ("cp1251", "cp1251", "Windows-1251", "Не сейчас! Уходи."),
        ("koi8_r", "koi8_r", "KOI8-R", "Привет, друзья?"),
        ("cp866", "cp866", "DOS 866", "Привет, друзья?"),
        ("iso8859_5", "iso8859_5", "ISO 8859-5", "Добрый вечер, как дела?"),
        ("cp1250", "cp1250", "Windows-1250", "Dzień dobry, co słychać?"),
        ("cp1250", "cp1250", "Windows-1250", "Dobrý den, jak se máte? Řekni mi to."),
        ("cp1250", "cp1250", "Windows-1250", "Jó napot, hogy van? Nő és fű."),
        ("cp1250", "cp1250", "Windows-1250", "Želim ći čekati, đak."),
        ("iso8859_2", "iso8859_2", "ISO 8859-2", "Dobrý večer, žluťoučký kůň."),
        ("cp1253", "cp1253", "Windows-1253", "Καλημέρα, φίλοι μου."),
        ("cp1254", "cp1254", "Windows-1254", "Günaydın, nasılsın? Şimdi değil."),
        ("cp1257", "cp1257", "Windows-1257", "Labas rytas, kaip sekasi? Ačiū, gražu."),
        ("cp1256", "cp1256", "Windows-1256", "مرحبا يا أصدقاء"),
        ("cp874", "cp874", "Windows-874", "สวัสดีเพื่อน"),
        ("shift_jis", "cp932", "Shift-JIS", "こんにちは、元気ですか。"),
        ("euc_jp", "euc_jp", "EUC-JP", "こんにちは、元気ですか。"),
        ("gbk", "gb18030", "GBK", "你好，我的朋友。今天怎么样？"),
        ("big5", "big5", "Big5", "你好，我的朋友。今天怎麼樣？"),
        ("euc_kr", "cp949", "EUC-KR", "안녕하세요 친구들"),
    ],
)
def test_other_code_pages_are_refused_with_the_guess(tmp_path, encoding, codec, name, text):
    path = write(tmp_path, text, encoding)
    with pytest.raises(InputError) as error:
        script.read(path)
    assert error.value.code == "script.encoding"
    assert name in error.value.message and f"--encoding {codec}" in error.value.hint
    read = script.read(path, encoding=codec)
    assert [line.text for line in read.lines] == [text]


@pytest.mark.parametrize("text", ["Да.", "שלום חברים"])
def test_a_word_is_enough_to_refuse(tmp_path, text):
    encoding = "cp1251" if text == "Да." else "cp1255"
    with pytest.raises(InputError, match="it reads like"):
        script.read(write(tmp_path, text, encoding))


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text",
    ["The naïve café.", "José!", "It costs £5, or 5½.", "Grüße aus Köln.", "Déjà vu, où es-tu?", "¿Qué tal, señor Núñez?",
     "Ångström is here.", "Smørrebrød på bordet.", "100 °C is hot.", "Ça va?", "São Paulo, amanhã.", "Città e perché."],
)  # fmt: skip
def test_western_code_pages_are_read_as_before(tmp_path, text, encoding):
    found = script.read(write(tmp_path, text, encoding))
    assert [line.text for line in found.lines] == [text]
    assert found.encoding == "cp1252" and not found.warnings


def test_typographic_marks_of_windows(tmp_path):
    found = script.read(write(tmp_path, "It’s – “really”… yes.", "cp1252"))
    assert found.lines[0].text == "It’s – “really”… yes."


@pytest.mark.parametrize(("encoding", "name"), [("mac_roman", "Mac Roman"), ("cp850", "DOS 850")])
def test_other_western_pages_are_read_with_a_word(tmp_path, encoding, name):
    found = script.read(write(tmp_path, "Grüße aus Köln, où es-tu, naïve café.", encoding))
    assert found.lines[0].text == "Grüße aus Köln, où es-tu, naïve café."
    assert name in found.warnings[0] and "--encoding" in found.warnings[0]


def test_plain_text_is_checked_as_well(tmp_path):
    path = write(tmp_path, "Привет, друзья?", "cp1251", head="").rename(tmp_path / "lines.txt")
    with pytest.raises(InputError, match="Windows-1251"):
        script.read(path)
