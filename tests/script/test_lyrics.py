"""Songs are not spoken: notes around several rows or cues, at one end only, number signs, tags around them."""

import pytest

from deepaudio import script
from deepaudio.script.formats import lyrics


def read(*bodies, **options):
    text = "\n".join(
        f"{n}\n00:00:{2 * n:02d},000 --> 00:00:{2 * n + 1:02d},900\n{body}\n"
        for n, body in enumerate(bodies, 1)
    )
    found = script.read(text, allow_empty=True, **options)
    songs = [x.text for x in found.skipped if x.reason == "lyrics"]
    return [x.text for x in found.lines], songs


@pytest.mark.parametrize(
    ("body", "spoken", "songs"),
    [
        ("♪ La la ♪", [], ["♪ La la ♪"]),
        ("<i>♪ There was an old grey road\nand it ran to the sea ♪</i>", [], ["♪ There was an old grey road and it ran to the sea ♪"]),
        ("♪ There was a road\nand it ran", [], ["♪ There was a road and it ran ♪"]),
        ("and nobody came ♪", [], ["♪ and nobody came ♪"]),
        ("There was a road\nand nobody came ♪", [], ["♪ There was a road and nobody came ♪"]),
        ("♪ One row ♪\n♪ Another row ♪", [], ["♪ One row ♪", "♪ Another row ♪"]),
        ("♫ La la ♫", [], ["♪ La la ♪"]),
        ("🎵 La la 🎶", [], ["♪ La la ♪"]),
        ("♪♪ La la ♪♪", [], ["♪ La la ♪"]),
        ("# La la la #", [], ["♪ La la la ♪"]),
        ("#La la la#", [], ["♪ La la la ♪"]),
        ("# La la la\nla la la #", [], ["♪ La la la la la la ♪"]),
        ("# La la la", [], ["♪ La la la ♪"]),
        ("{\\an8}{\\i1}♪ La la ♪{\\i0}", [], ["♪ La la ♪"]),
        ("♪", [], ["♪ ♪"]),
        ("- ♪ La la ♪\n- Stop it!", ["Stop it!"], ["♪ La la ♪"]),
        ("- ♪ La la\n- Stop it!", ["Stop it!"], ["♪ La la ♪"]),
        ("MARA: ♪ La la ♪\nJON: Stop it!", ["Stop it!"], ["♪ La la ♪"]),
        ("He sang ♪ la la ♪ and left.", ["He sang and left."], ["♪ la la ♪"]),
        ("You are #1 here.", ["You are #1 here."], []),
        ("#MeToo is everywhere.", ["#MeToo is everywhere."], []),
        ("Press # now.", ["Press # now."], []),
    ],
)  # fmt: skip
def test_songs(body, spoken, songs):
    assert read(body) == (spoken, songs)


def test_a_song_that_runs_over_cues():
    spoken, songs = read("♪ There was a road", "that ran to the sea", "and nobody came ♪", "Come in, please.")  # fmt: skip
    assert spoken == ["Come in, please."] and len(songs) == 3
    spoken, _ = read("♪ There was a road", "Come in, please.", "Sit down.", "Thank you.")
    assert spoken == ["Come in, please.", "Sit down.", "Thank you."]


def test_songs_are_spoken_when_asked_for():
    assert read("♪ La la ♪", speak_sdh=True)[0] == ["♪ La la ♪"]


def test_songs_in_plain_text():
    found = script.read("♪ La la\nand nobody came ♪\nCome in.", format="text")
    assert [x.text for x in found.lines] == ["Come in."]
    assert [x.reason for x in found.skipped] == ["lyrics", "lyrics"]


def test_songs_across_cues_do_not_reach_far():
    texts = ["♪ a"] + ["b"] * 9 + ["c ♪"]
    assert not any(lyrics.running(texts, [(2.0 * n, 2.0 * n + 1.9) for n in range(11)]))
    assert not any(lyrics.running(["♪ a", "b", "c ♪"], [(0, 1), (20, 21), (22, 23)]))
