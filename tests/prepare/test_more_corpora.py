"""Readers of captioned recordings and of Emilia, each on a miniature of its published layout."""

import csv
import json

import pytest

from deepaudio.data.corpora import corpora
from deepaudio.data.manifest import read_manifest
from deepaudio.errors import InputError
from deepaudio.prepare.manifest import write_corpus


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def written(path, rows):
    """A CSV with a header."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def prompts(tmp_path, name, index):
    out = tmp_path / "out.jsonl"
    write_corpus(name, tmp_path / "audio", out, index)
    return {item.id: item.prompt for item in read_manifest(out)}


def test_every_set_of_the_paper_has_a_reader():
    wanted = {"vggsound", "audiocaps", "wavcaps", "tango-promptbank", "musiccaps", "af-audioset"}
    wanted |= {"emilia", "v2c", "librispeech", "librispeech-pc", "grid", "folder"}
    assert wanted <= set(corpora())


def test_audiocaps(tmp_path, caplog):
    """Five captions of one clip in the test list, a clip by each of the usual names, one that is gone."""
    rows = [
        {"audiocap_id": 1, "youtube_id": "a-_b", "start_time": 30, "caption": "A dog barks, twice"},
        {"audiocap_id": 2, "youtube_id": "a-_b", "start_time": 30, "caption": "Barking"},
        {"audiocap_id": 3, "youtube_id": "cc", "start_time": 0, "caption": "Rain"},
        {"audiocap_id": 4, "youtube_id": "gone", "start_time": 0, "caption": "Wind"},
        {"audiocap_id": 5, "youtube_id": "dd", "start_time": 5, "caption": "Bells"},
    ]
    touched(tmp_path / "audio", "train/a-_b_30.wav", "Ycc.flac", "5.wav", "notes.txt")
    found = prompts(tmp_path, "audiocaps", written(tmp_path / "train.csv", rows))
    assert found == {
        "a-_b_30": "A dog barks, twice", "a-_b_30-2": "Barking", "Ycc": "Rain", "5": "Bells",
    }  # fmt: skip
    assert "train.csv: 1 recordings are not in" in caplog.text


def test_wavcaps(tmp_path):
    """The JSON files of its parts: FreeSound by number, AudioSet by file name."""
    data = [
        {"id": "180913", "caption": "Someone is typing.", "duration": 3.5, "download_link": "x"},
        {"id": "Yb0RFKhbpFJA.wav", "caption": "Wind and a man speaking.", "duration": 10},
    ]
    index = tmp_path / "as_final.json"
    index.write_text(json.dumps({"num_captions_per_audio": 1, "data": data}, indent=1))
    touched(tmp_path / "audio", "FreeSound_flac/180913.flac", "AudioSet_SL_flac/Yb0RFKhbpFJA.flac")
    found = prompts(tmp_path, "wavcaps", index)
    assert found == {
        "180913": "Someone is typing.", "Yb0RFKhbpFJA": "Wind and a man speaking.",
    }  # fmt: skip


def test_musiccaps(tmp_path):
    row = {"ytid": "-0Gj8-vB1q4", "start_s": 30, "end_s": 40, "caption": "A low quality recording"}
    row |= {"aspect_list": "['low quality', 'ballad']", "is_audioset_eval": True}
    index = written(tmp_path / "musiccaps-public.csv", [row])
    touched(tmp_path / "audio", "[-0Gj8-vB1q4]-[30-40].wav")
    assert list(prompts(tmp_path, "musiccaps", index).values()) == ["A low quality recording"]


def test_tango_promptbank(tmp_path):
    index = tmp_path / "tpb.json"
    rows = [{"location": f"wavs/{i}.wav", "captions": f"sound {i}"} for i in range(2)]
    index.write_text("\n".join(map(json.dumps, rows)))
    touched(tmp_path / "audio", "0.wav", "1.wav")
    assert prompts(tmp_path, "tango-promptbank", index) == {"0": "sound 0", "1": "sound 1"}


@pytest.mark.parametrize("kind", ["lines", "mapping", "csv"])
def test_af_audioset(tmp_path, kind):
    """Whatever form the list of captions has."""
    rows = [{"id": "abc", "caption": "A horn"}, {"id": "def.wav", "caption": "Steps"}]
    index = tmp_path / ("af.csv" if kind == "csv" else "af.json")
    if kind == "csv":
        written(index, rows)
    elif kind == "lines":
        index.write_text("\n".join(map(json.dumps, rows)) + "\n")
    else:
        index.write_text(json.dumps({row["id"]: row["caption"] for row in rows}))
    touched(tmp_path / "audio", "Yabc.wav", "def.wav")
    assert prompts(tmp_path, "af-audioset", index) == {"Yabc": "A horn", "def": "Steps"}


def test_what_is_wrong_with_a_list_is_said(tmp_path):
    (tmp_path / "audio").mkdir()
    index = written(tmp_path / "a.csv", [{"youtube_id": "a", "caption": "b"}])
    for name, fault in (("audiocaps", "entry 1 lacks 'start_time'"), ("af-audioset", "none of")):
        with pytest.raises(InputError, match=fault):
            prompts(tmp_path, name, index)
    for name, content in (("b.json", b"{"), ("b.json", 9999 * b"["), ("b.csv", b"caption\n\xe9\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="cannot be read"):
            prompts(tmp_path, "wavcaps", tmp_path / name)
    with pytest.raises(InputError, match="no such list"):
        prompts(tmp_path, "wavcaps", tmp_path / "c.json")


ENTRY = {
    "id": "EN_B00000_S00000_W000000", "wav": "EN_B00000/EN_B00000_S00000/mp3/EN_B00000_S00000_W000000.mp3", "text": " You can  help.",
    "duration": 6.264, "speaker": "EN_B00000_S00000", "language": "en", "dnsmos": 3.2927,
}  # fmt: skip


@pytest.mark.parametrize("layout", ["tar", "list"])
def test_emilia(tmp_path, layout):
    chinese = ENTRY | {"id": "ZH_1", "wav": "ZH/mp3/ZH_1.mp3", "text": "你好。", "language": "zh"}
    for row in (ENTRY, chinese):
        if layout == "tar":
            folder = tmp_path / row["language"].upper()
            folder.mkdir()
            (folder / f"{row['id']}.json").write_text(json.dumps(row))
            audio = folder / f"{row['id']}.mp3"
        else:
            index = tmp_path / f"{row['language']}.jsonl"
            index.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
            audio = tmp_path / row["wav"]
        touched(audio.parent, audio.name)
    out = tmp_path / "out.jsonl"
    assert write_corpus("emilia", tmp_path, out) == 2
    english, other = read_manifest(out)
    assert (english.id, english.text, english.speaker) == (
        ENTRY["id"], "You can help.", "EN_B00000_S00000",
    )  # fmt: skip
    assert english.audio.endswith("W000000.mp3") and other.text == "你好。"
    assert english.extra == {"language": "en", "duration": 6.264, "dnsmos": 3.2927}


def test_a_folder_that_is_not_emilia_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no NAME\.json and no NAME\.jsonl"):
        write_corpus("emilia", tmp_path, tmp_path / "out.jsonl")
    for content in (b"[]", b'{"wav": "\xe9.mp3", "text": ""}', b'{"wav": "a.mp3", "text": null}'):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(InputError, match=r"x\.json: not an entry"):
            write_corpus("emilia", tmp_path, tmp_path / "out.jsonl")
