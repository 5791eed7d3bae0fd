"""One's own recordings: what a folder holds, and the whole way from it to a dub in that voice."""

import json

import pytest
import torch

from deepaudio import checkpoint
from deepaudio.data.corpora.folder import folder_items
from deepaudio.data.manifest import Item, read_manifest, write_manifest
from deepaudio.errors import InputError
from deepaudio.inference.mini_tts import Reference, TextToSpeech
from deepaudio.media.audio import read_audio, write_wav
from deepaudio.options import SampleOptions
from deepaudio.presets.trained import preset_folder


def tone(place):
    place.parent.mkdir(parents=True, exist_ok=True)
    write_wav(place, torch.full((2400,), 0.1), 24_000)


def found(root, index=None):
    return [(i.id, i.speaker, i.text) for i in folder_items(root, index)]


def test_text_lies_beside_the_recordings_and_folders_are_speakers(tmp_path):
    root = tmp_path / "voice"
    for name in ("a.wav", "b.WAV", "mara/a.flac", ".hidden/c.wav", "notes.wav.bak"):
        tone(root / "x.wav")
        (root / name).parent.mkdir(exist_ok=True)
        (root / "x.wav").rename(root / name)
    (root / "a.txt").write_text("\ufeffGood  morning.\n", encoding="utf-8")
    (root / "b.txt").write_text(" \n")
    assert found(root) == [
        ("a", "voice", "Good morning."),
        ("b", "voice", None),
        ("mara-a", "mara", None),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "a|Good morning.|good morning\nwavs/b|It's |-free.\n",
        'file,text,speaker\na.wav,Good morning.,Mara\nwavs/b.wav,"One, two.",\n',
        "audio\ttranscript\na\tGood morning.\nb.wav\tOne.\n",
    ],
)
def test_one_list_names_texts_and_perhaps_speakers(tmp_path, content, caplog):
    tone(tmp_path / "a.wav"), tone(tmp_path / "wavs" / "b.wav"), tone(tmp_path / "c.wav")
    (tmp_path / "metadata.csv").write_text(content)
    items = {i.id: i for i in folder_items(tmp_path)}
    assert items["a"].text == "Good morning." and items["wavs-b"].text and items["c"].text is None
    assert items["a"].speaker == ("Mara" if "Mara" in content else tmp_path.name)
    assert not caplog.records


def test_a_list_with_rows_too_many_is_named_and_one_of_other_recordings_is_refused(
    tmp_path, caplog
):
    tone(tmp_path / "a.wav")
    index = tmp_path / "list.csv"
    index.write_text("file,text\na.wav,One.\ngone.wav,Two.\n")
    assert found(tmp_path, index)[0][2] == "One."
    assert "no recordings of 1 rows, such as gone" in caplog.text
    for content, message in (
        ("file,text\ngone.wav,Two.\n", "none of its recordings"),
        ("name,words\na.wav,One.\n", "no columns of files and texts"),
        ("file,text\na.wav\n", "list.csv:2: 1 columns"),
    ):
        index.write_text(content)
        with pytest.raises(InputError, match=message):
            found(tmp_path, index)
    index.write_bytes("file,text\na.wav,Caf\xe9\n".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8 at byte"):
        found(tmp_path, index)
    with pytest.raises(InputError, match="no recordings in"):
        found(tmp_path / "empty")
    with pytest.raises(InputError, match="no such list"):
        found(tmp_path, tmp_path / "none.csv")


@pytest.mark.parametrize("names", [("a.aiff", "a.wav"), ("mara-a.wav", "mara/a.flac")])
def test_two_recordings_of_one_name_are_found_before_any_work(tmp_path, names, command, capsys):
    root = tmp_path / "voice"
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert command("prepare", "folder", root, tmp_path / "out") == 3
    said = capsys.readouterr().err
    assert all(str(root / name) in said for name in names) and "whisper" not in said
    assert list(tmp_path.iterdir()) == [root]


def test_a_folder_that_is_not_there_is_said_whatever_was_written(tmp_path, command, capsys):
    for _ in range(2):
        assert command("prepare", "folder", tmp_path / "nosuch", tmp_path / "out") == 3
        assert "no such folder" in capsys.readouterr().err
        write_manifest(tmp_path / "out.jsonl", [Item("a", text="One.", audio="a.wav")])


TEXTS = ("She was there in the morning.", "We see a small red boat.", "Nobody knows the answer.")


@pytest.mark.slow
def test_from_a_folder_of_recordings_to_a_dub_in_that_voice(
    tmp_path, command, silent_clip, voice, capsys
):
    """The commands of docs/own-voice.md, on three short recordings and two updates."""
    recordings, shard, run = tmp_path / "recordings", tmp_path / "data" / "mine", tmp_path / "run"
    tts = TextToSpeech.load(preset_folder("mini"))
    reference = Reference(read_audio(voice, 24_000), 24_000)
    recordings.mkdir()
    clear = SampleOptions(quality="draft")  # the reference is a buzz, and the flow would follow it
    for number, text in enumerate(TEXTS):
        sound = tts.speak(text, reference, options=clear)
        write_wav(recordings / f"{number}.wav", sound, tts.sample_rate)
        (recordings / f"{number}.txt").write_text(text)
    (recordings / "broken.wav").write_bytes(b"RIFF no sound at all")
    (recordings / "broken.txt").write_text("Nothing.")

    assert command("prepare", "folder", recordings, shard) == 0
    assert "left out broken" in capsys.readouterr().err
    assert [item.text for item in read_manifest(shard.with_name("mine.jsonl"))][:3] == list(TEXTS)
    rows = json.loads(shard.with_suffix(".json").read_text())
    assert [row["text"] for row in rows] == list(TEXTS) and rows[0]["speaker"] == "recordings"

    data = (f"data.shards=[{shard}]", "data.batch_items=2", "data.frames=160")
    assert command("train", "v2s/finetune", "steps=2", "optim.warmup=1", "-o", run, *data) == 0
    before = checkpoint.load(preset_folder("mini") / "tts")
    after = checkpoint.load(run / "model")
    assert before[0].items() <= after[0].items() and after[1].keys() == before[1].keys()
    moved = sum(not torch.equal(after[1][name], value) for name, value in before[1].items())
    assert moved > 10

    said = ("--text", "We leave now.", "--ref", recordings / "0.wav", "--preset", run)
    assert command("dub", silent_clip, *said, "-o", tmp_path / "out.mp4") == 0
    assert (tmp_path / "out.mp4").is_file()
