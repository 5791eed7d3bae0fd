"""Corpora become manifests: layouts by hand, real lists when the media are there, settings of the paper."""

from pathlib import Path

import pytest

from benchmarks import sets
from deepaudio.data.corpora.grid import grid_held_out, grid_items, read_align, speech_span
from deepaudio.data.corpora.librispeech import cross_sentence_items, librispeech_items
from deepaudio.data.corpora.speechocean import speechocean_items
from deepaudio.data.corpora.talkers import of_talkers, talker_held_out
from deepaudio.data.corpora.v2c import PARTS, layout_items, lst_items, with_setting
from deepaudio.data.corpora.vctk import vctk_items
from deepaudio.data.corpora.vggsound import vggsound_items
from deepaudio.data.manifest import Item, read_manifest, write_manifest
from deepaudio.errors import InputError

MEDIA = Path(__file__).resolve().parents[3] / "shared/media"
needs_media = pytest.mark.skipif(not MEDIA.is_dir(), reason="no ../shared beside the repository")


def test_the_held_out_tenth_of_grid_never_changes():
    assert [s for s in ("bbaf2n", "bbal8p", "lgbf8n", "swiz3n", "pwij3p") if grid_held_out(s)] == [
        "bbal8p"
    ]


def test_grid_words_and_span(tmp_path):
    path = tmp_path / "a.align"
    path.write_text("0 25000 sil\n25000 37500 bin\n37500 50000 now\n50000 75000 sil\n")
    words = read_align(path)
    assert words == [(1.0, 1.5, "bin"), (1.5, 2.0, "now")] and speech_span(words) == (1.0, 2.0)
    path.write_text("0 x sil\n")
    with pytest.raises(InputError, match="start end word"):
        read_align(path)


@needs_media
def test_grid_media_split_without_overlap():
    train = {item.id for item in grid_items(MEDIA / "grid_s1", held_out=False)}
    held = list(grid_items(MEDIA / "grid_s1", held_out=True))
    assert len(train) + len(held) == 903 and not train & {item.id for item in held}
    assert len(held) == 99 and all(0 < item.extra["start"] < item.extra["end"] < 3 for item in held)


def test_manifest_round_trip_and_paths_from_its_own_folder(tmp_path):
    items = [
        Item(id="a", text="é", audio="x/a.wav", extra={"k": [1, 2]}),
        Item(id="b", label="tts"),
    ]
    assert write_manifest(tmp_path / "m/list.jsonl", items) == 2
    back = read_manifest(tmp_path / "m/list.jsonl")
    assert back[0].audio == str((tmp_path / "m/x/a.wav").resolve()) and back[0].extra == {
        "k": [1, 2]
    }
    assert back[1] == items[1]


def test_the_papers_list_is_read_as_it_is_with_a_path_map(tmp_path):
    row = "/far/v2c/A/A_speeches/r.wav\t/far/v2c/A/r.mp4\tHello.\t/far/v2c/A/A_speeches/t.wav\tNone\tBye."
    path = tmp_path / "test.lst"
    path.write_text(row + "\r\n")
    (item,) = lst_items(path, {"/far/v2c": "/near"})
    assert item.reference == "/near/A/A_speeches/r.wav" and item.audio == "/near/A/A_speeches/t.wav"
    assert item.video is None and item.text == "Bye." and item.id == "00000000"
    path.write_text("a\tb\n")
    with pytest.raises(InputError, match="2 columns, not 6"):
        lst_items(path)


def test_settings_choose_the_reference():
    items = [
        Item(id=i, text=f"text {i}", audio=f"/{i}.wav", video=f"/{i}.mp4", speaker=s)
        for i, s in (("a", "x"), ("b", "x"), ("c", "y"))
    ]
    voices = [Item(id="v", audio="/v.wav", text="voice")]
    one = list(with_setting(items, "dub1"))
    assert all(item.reference == item.audio and item.reference_text == item.text for item in one)
    two = list(with_setting(items, "dub2"))
    assert [item.reference for item in two] == ["/b.wav", "/a.wav", None]
    assert two[0].reference_text == "text b" and two[0].reference_video == "/b.mp4"
    three = list(with_setting(items, "dub3", voices))
    assert {item.reference for item in three} == {"/v.wav"} and three[0].extra == {"voice": "v"}
    with pytest.raises(InputError, match="dub4"):
        list(with_setting(items, "dub4"))


def test_v2c_layout(tmp_path):
    for name in ("Bob@Hero_00-0001_00", "Bob@Hero_00-0002_00"):
        for kind, suffix, text in (("speeches", "wav", ""), ("texts", "txt", f"{name} says\n")):
            place = tmp_path / "Bob" / f"Bob_{kind}" / f"{name}.{suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    first, second = layout_items(tmp_path)
    assert first.text == "Bob@Hero_00-0001_00 says" and first.video is None
    assert first.speaker == second.speaker and first.reference == second.audio
    with pytest.raises(InputError, match="no MOVIE"):
        layout_items(tmp_path / "none")


def test_v2c_is_divided_60_10_30_and_no_test_clip_is_learned(tmp_path):
    folder = tmp_path / "Bob" / "Bob_speeches"
    folder.mkdir(parents=True)
    names = [f"Bob@Hero_00-{i:04d}_00" for i in range(400)]
    for name in names:
        (folder / f"{name}.wav").touch()
    parts = {part: {i.id for i in layout_items(tmp_path, part)} for part in PARTS}
    assert set.union(*parts.values()) == {f"Bob-{name}" for name in names}
    assert sum(map(len, parts.values())) == 400
    shares = {part: len(ids) / 400 for part, ids in parts.items()}
    assert shares == pytest.approx({"train": 0.6, "validation": 0.1, "test": 0.3}, abs=0.05)
    train = layout_items(tmp_path, "train")
    known = {item.audio for item in train}
    assert all(item.reference in known for item in train), "references are of the same part"
    # the paper's list decides what is tested
    path = tmp_path / "v2c_test.lst"
    far = "/far/Bob/Bob_speeches/"
    path.write_text(
        "".join(f"{far}r.wav\tNone\tHi.\t{far}{name}.wav\tNone\tBye.\n" for name in names[:40])
    )
    listed = {part: {i.id for i in layout_items(tmp_path, part, path)} for part in PARTS}
    assert listed["test"] == {f"Bob-{name}" for name in names[:40]}
    assert not listed["test"] & (listed["train"] | listed["validation"])
    assert len(listed["train"]) / len(listed["validation"]) == pytest.approx(6, rel=0.4)
    with pytest.raises(InputError, match="no part 'tset'"):
        layout_items(tmp_path, "tset")


def test_the_official_list_of_vggsound_has_no_header(tmp_path, command):
    path = tmp_path / "vggsound.csv"
    path.write_text(
        '---g-f_I2yQ,1,people marching,test\n--0PQM4-hqg,30,"waterfall, rapids",train\n'
    )
    first, second = vggsound_items(path, tmp_path)
    assert first.id == "---g-f_I2yQ_000001" and first.label == "people marching"
    assert second.prompt == "waterfall, rapids" and second.video.endswith("--0PQM4-hqg_000030.mp4")
    assert [item.id for item in vggsound_items(path, tmp_path, part="train")] == [second.id]
    out = tmp_path / "vgg.jsonl"
    made = ("prepare", "manifest", "vggsound", tmp_path, out, "--list", path, "--force", "--part")
    assert command(*made, "test") == 0
    assert [item.id for item in read_manifest(out)] == [first.id]
    assert command(*made, "validation") == 2
    wrong = ("prepare", "manifest", "grid", tmp_path, out, "--force", "--part", "test")
    assert command(*wrong) == 2
    path.write_text("a,1,bell,test\nb,x,bell,test\n")
    with pytest.raises(InputError, match=r"vggsound\.csv:2"):
        vggsound_items(path, tmp_path)
    path.write_text("name,label\na,bell\n")
    with pytest.raises(InputError, match="no column id"):
        vggsound_items(path, tmp_path)


def test_librispeech_layout_and_list(tmp_path):
    chapter = tmp_path / "61/70968"
    chapter.mkdir(parents=True)
    (chapter / "61-70968.trans.txt").write_text("61-70968-0000 HE BEGAN\n61-70968-0001 GONE\n")
    (chapter / "61-70968-0000.flac").touch()
    (item,) = librispeech_items(tmp_path)
    assert item.text == "HE BEGAN" and item.speaker == "61"
    path = tmp_path / "cross.lst"
    path.write_text("61-70968-0000\t1.5\tHe began\t61-70968-0001\t2.0\tGone\r\n")
    (row,) = cross_sentence_items(path, tmp_path)
    assert row.reference == item.audio and row.text == "Gone" and row.extra["seconds"] == 2.0
    assert row.audio.endswith("61/70968/61-70968-0001.flac")


def test_librispeech_without_transcripts(tmp_path):
    (tmp_path / "103-1240-0000.ogg").touch()
    (item,) = librispeech_items(tmp_path)
    assert item.text is None and item.speaker == "103" and item.id == "103-1240-0000"


def test_speechocean_as_published_and_as_a_list(tmp_path):
    for split, key, speaker in (("train", "000010011", "0001"), ("test", "000030012", "0003")):
        folder = tmp_path / "corpus" / split
        folder.mkdir(parents=True)
        (folder / "wav.scp").write_text(f"{key}\tWAVE/SPEAKER{speaker}/{key}.WAV\n")
        (folder / "text").write_text(f"{key}\tWE CALL IT BEAR\n")
        (folder / "utt2spk").write_text(f"{key} {speaker}\n")
    first, second = speechocean_items(tmp_path / "corpus")
    assert (first.id, first.text, first.speaker) == ("000010011", "We call it bear.", "0001")
    assert second.audio == str(tmp_path / "corpus/WAVE/SPEAKER0003/000030012.WAV")
    (tmp_path / "corpus/test/text").write_text("")
    with pytest.raises(InputError, match="no transcript of 000030012"):
        list(speechocean_items(tmp_path / "corpus"))
    (tmp_path / "MANIFEST.tsv").write_text(
        'file\tspeaker\tgender\tage\tseconds\ttranscript\n0001_7.ogg\t0001\tm\t6\t3.4\tSO "MARY" WENT\n'
    )
    (item,) = speechocean_items(tmp_path)
    assert item.audio == str(tmp_path / "0001_7.ogg") and item.text == 'So "mary" went.'
    with pytest.raises(InputError, match="neither"):
        list(speechocean_items(tmp_path / "nowhere"))


def test_held_out_talkers_never_change(tmp_path, command):
    kept = [s for s in map("{:04d}".format, range(1, 60)) if talker_held_out(s)]
    assert kept == ["0005", "0017", "0019", "0037", "0041", "0045", "0055"]
    items = [Item(id=s, speaker=s) for s in ("0001", *kept)]
    assert [i.id for i in of_talkers(items, held_out=True)] == kept
    assert [i.id for i in of_talkers(items, held_out=False)] == ["0001"]
    folder = tmp_path / "libri"
    folder.mkdir()
    for speaker in ("0001", *kept):
        (folder / f"{speaker}-1-1.ogg").touch()
    out = tmp_path / "out.jsonl"
    assert command("prepare", "manifest", "librispeech", folder, out, "--talkers", "held-out") == 0
    assert [item.speaker for item in read_manifest(out)] == kept


@needs_media
def test_sixty_talkers_of_the_real_corpora_are_kept_for_validation():
    ocean = {item.speaker for item in speechocean_items(MEDIA / "speechocean")}
    libri = {item.speaker for item in librispeech_items(MEDIA / "libri_trainclean")}
    assert sum(map(talker_held_out, ocean)) == 32 and sum(map(talker_held_out, libri)) == 28


def test_vctk_takes_one_microphone(tmp_path):
    folder = tmp_path / "wav48/p225"
    folder.mkdir(parents=True)
    for name in ("p225_001_mic1.flac", "p225_001_mic2.flac", "p225_002_mic1.flac"):
        (folder / name).touch()
    (tmp_path / "txt/p225").mkdir(parents=True)
    (tmp_path / "txt/p225/p225_001.txt").write_text("Please call Stella.\n")
    items = list(vctk_items(tmp_path))
    assert [item.id for item in items] == ["p225_001", "p225_002"]
    assert items[0].text == "Please call Stella." and items[1].text is None


@needs_media
def test_the_public_lists_are_read_whole():
    lists = MEDIA / "meta_lists"
    rows = cross_sentence_items(
        lists / "SWivid__F5-TTS__librispeech_pc_test_clean_cross_sentence.lst", MEDIA
    )
    assert len(rows) == 1127 and len({row.id for row in rows}) == 1127
    clips = vggsound_items(lists / "hkchengrex__MMAudio__vgg-val.tsv", MEDIA)
    assert len(clips) == 2048 and clips[0].label == "alarm clock ringing"
    assert (
        vggsound_items(lists / "hkchengrex__MMAudio__vgg-val.tsv", MEDIA, present_only=True) == []
    )


def test_the_sentences_are_fifty_and_say_different_things():
    assert len(set(sets.SENTENCES)) == 50
    assert sum("?" in s for s in sets.SENTENCES) >= 5
    assert all(5 <= len(s.split()) <= 16 for s in sets.SENTENCES)
    assert all(c.isascii() for s in sets.SENTENCES for c in s)


@needs_media
def test_the_sets_behind_the_figures():
    voices = sets.voice_items(MEDIA)
    assert len(voices) == 10 and all(Path(voice.audio).is_file() for voice in voices)
    rows = sets.cross_voice_items(MEDIA)
    assert len(rows) == 50 and {row.text for row in rows} == set(sets.SENTENCES)
    clips = sets.grid_clips(MEDIA)
    assert len(clips) == len({c.id for c in clips}) == 30 and all(
        grid_held_out(c.id) for c in clips
    )


def test_one_command_makes_a_manifest_of_a_corpus(tmp_path, command, capsys):
    folder = tmp_path / "Movie/Movie_speeches"
    folder.mkdir(parents=True)
    for name in ("Movie@Ann_00", "Movie@Ann_01"):
        (folder / f"{name}.wav").touch()
    out = tmp_path / "v2c.jsonl"
    assert command("prepare", "manifest", "v2c", tmp_path, out) == 0
    first, second = read_manifest(out)
    assert first.reference == second.audio and second.reference == first.audio
    cross = tmp_path / "cross.lst"
    cross.write_text("1-2-3\t4.5\tHello.\t1-2-4\t5\tBye.\n")
    assert (
        command("prepare", "manifest", "librispeech-pc", tmp_path, out, "--list", cross, "--force")
        == 0
    )
    assert read_manifest(out)[0].id == "0000-1-2-4"
    # The other list with six columns is not taken for the paper's.
    with pytest.raises(InputError, match="LibriSpeech-PC") as caught:
        lst_items(cross)
    assert "librispeech-pc" in caught.value.hint
    assert command("prepare", "manifest", "librispeech-pc", tmp_path, out, "--force") == 2
    assert command("prepare", "manifest", "grid", tmp_path, out, "--force") == 3
    assert "no MANIFEST.tsv" in capsys.readouterr().err
    before = out.read_bytes()
    assert command("prepare", "manifest", "v2c", tmp_path, out) == 2 and out.read_bytes() == before
    assert "--force" in capsys.readouterr().err
    assert command("prepare", "manifest", "vctc", tmp_path, tmp_path / "new") == 2
    assert "did you mean 'vctk'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("corpus", "name", "content", "fault"),
    [
        ("grid", "MANIFEST.tsv", b"file\ttranscript\na\tcaf\xe9\n", "not UTF-8 at byte 21"),
        ("grid", "MANIFEST.tsv", b"name\ttranscript\na\tb\n", "has no column file"),
        ("grid", "MANIFEST.tsv", b"file\ttranscript\na.mp4\n", "row 2 has 1 columns, not 2"),
        ("grid", "MANIFEST.tsv", b"file\ttranscript\na\t" + b"b" * 200_000, "field larger than"),
        ("grid", "MANIFEST.tsv", b"file\ttranscript\n", "no items"),
        ("speechocean", "MANIFEST.tsv", b"file\ttranscript\na\tb\n", "has no column speaker"),
        ("librispeech", "1/2/1-2.trans.txt", b"1-2-3 caf\xe9\n", "not UTF-8 at byte 9"),
        ("vctk", "txt/p225/p225_001.txt", b"caf\xe9", "not UTF-8 at byte 3"),
        ("vggsound", "list.csv", b"id,label\na,caf\xe9\n", "not UTF-8 at byte 14"),
        ("vggsound", "list.csv", b"label,id\nbarking\n", "has a row without id"),
        ("librispeech-pc", "list.csv", b"a\t4 s\tb\tc\t5\td\n", "list.csv:1: could not"),
    ],
)
def test_a_text_or_list_that_cannot_be_read_is_named(
    tmp_path, command, capsys, corpus, name, content, fault
):
    (tmp_path / "p225_001.wav").touch()
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)
    index = ["--list", tmp_path / name] if name == "list.csv" else []
    assert command("prepare", "manifest", corpus, tmp_path, tmp_path / "out.jsonl", *index) == 3
    assert fault in capsys.readouterr().err and not list(tmp_path.glob("out.jsonl*"))


def test_a_list_of_grid_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "MANIFEST.tsv").write_bytes(b"\xef\xbb\xbffile\ttranscript\nclips/a.mp4\tbin\n")
    (tmp_path / "align").mkdir()
    (tmp_path / "align" / "a.align").write_text("0 25000 sil\n")  # no words: no times
    (item,) = grid_items(tmp_path)
    assert item.text == "bin" and not item.extra


@needs_media
def test_real_utterances_and_their_synthesised_counterparts_are_pairs():
    pairs = sets.pair_items(MEDIA)
    assert len(pairs) == 6
    for item in pairs:
        assert item.text and item.id.endswith("_synthesized")
        assert (MEDIA / sets.PAIRS / f"{item.id}.wav").is_file() and Path(item.audio).is_file()
