"""Pairs for the speech module: what is target, one shape, sources of several shards, another microphone."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from deepaudio.audio.prior.shaping import active_frames
from deepaudio.data import smoke
from deepaudio.data.shards import places_in, read_shard, rows_of
from deepaudio.data.speech import MARGIN, SpeechData, SpeechShards
from deepaudio.data.v2a import read_v2a_shard as read_v2a
from deepaudio.errors import InputError

FULL = SpeechData(("synthetic",), batch_items=4, prompt_min=0.5, prompt_max=1.0, frames=256)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def write(place, keys):
    """The smoke material's entries `keys` as a shard on disk."""
    rows, tensors = smoke.speech_shard()
    rows = [row for row in rows if row["key"] in keys]
    kept = {k: v.contiguous() for k, v in tensors.items() if k.split(".")[0] in keys}
    save_file(kept, f"{place}.safetensors")
    place.with_name(place.name + ".json").write_text(json.dumps(rows))


def test_each_target_is_a_stretch_of_one_of_the_recordings():
    shards = SpeechShards(FULL)
    batch = shards.batch(rng())
    for mel, target in zip(batch.mel, batch.target, strict=True):
        part = mel[target]
        assert any(
            torch.equal(part, entry.mel[i : i + len(part)].float())
            for entry in shards.sources[0]
            for i in range(len(entry.mel) - len(part) + 1)
        )


def test_every_batch_has_the_shape_of_the_recipe():
    shards = SpeechShards(FULL)
    for seed in range(8):
        batch = shards.batch(rng(seed))
        assert batch.mel.shape == (4, 256, 100) and batch.content.shape == (4, 256, 92)
        prompt, target = batch.prompt.sum(1), batch.target.sum(1)
        assert (prompt <= 94).all() and (prompt + target <= 256).all() and (target > 94).all()


def test_silent_ends_are_cut_off():
    rows, tensors = smoke.speech_shard()
    mel = tensors[f"{rows[0]['key']}.mel"]
    entry = SpeechShards(FULL).sources[0][0]
    heard = int(active_frames(mel).sum())
    assert heard < len(entry.mel) <= len(mel) and len(entry.content) == len(entry.mel)
    assert active_frames(entry.mel.float())[: MARGIN + 1].any()


def test_a_prompt_is_not_the_recording_of_its_target():
    shards = SpeechShards(FULL)
    for seed in range(40):
        prompt, target = shards._pair(50, 50, rng(seed))
        same = any(
            torch.equal(prompt.mel[:20], target.mel[i : i + 20])
            for i in range(max(0, len(target.mel) - 19))
        )
        assert prompt.speaker == target.speaker and not same


def test_a_name_with_a_star_is_one_source_of_all_its_shards(tmp_path):
    write(tmp_path / "ocean-0", {"hum0", "hum1"})
    write(tmp_path / "ocean-1", {"hum2"})
    write(tmp_path / "grid", {"hum3"})
    data = replace(FULL, shards=(f"{tmp_path}/ocean*", f"{tmp_path}/grid"), weights=(0.5, 0.5))
    assert [len(source) for source in SpeechShards(data).sources] == [3, 1]
    with pytest.raises(InputError, match=r"no shard at .*libri"):
        SpeechShards(replace(FULL, shards=(f"{tmp_path}/libri*",)))


def test_another_microphone_changes_all_of_a_pair_alike():
    plain = SpeechShards(FULL)._pair(50, 50, rng(3))
    prompt, target = SpeechShards(replace(FULL, colour=0.5))._pair(50, 50, rng(3))
    curve = prompt.mel - plain[0].mel
    assert curve.std(0).max() < 1e-4 and curve[0].abs().max() > 0.05
    torch.testing.assert_close(target.mel - plain[1].mel, curve[:1].expand_as(target.mel))
    torch.testing.assert_close(target.prior - plain[1].prior, curve[:1].expand_as(target.mel))


def test_missing_and_damaged_files_of_energies_and_shards_are_named(tmp_path):
    place = tmp_path / "energies.safetensors"
    with pytest.raises(InputError, match=r"no predicted energies at .*energies") as caught:
        SpeechShards(replace(FULL, energies=str(place)))
    assert "prepare energies" in caught.value.hint
    place.write_bytes(b"half")
    with pytest.raises(InputError, match=r"energies\.safetensors is damaged"):
        SpeechShards(replace(FULL, energies=str(place)))
    for read in (lambda path: read_shard(path, "shard"), places_in, read_v2a):
        (tmp_path / "one.json").write_text("[]")
        (tmp_path / "one.safetensors").write_bytes(b"half")
        with pytest.raises(InputError, match=r"one\.safetensors is damaged"):
            read(tmp_path / "one")


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"{}", b"[1]", b'[{"id": 1}]'])
def test_a_damaged_list_of_a_shard_is_named(tmp_path, content):
    save_file({"a.mel": torch.zeros(1)}, tmp_path / "one.safetensors")
    (tmp_path / "one.json").write_bytes(content)
    for read in (lambda path: read_shard(path, "shard"), rows_of, read_v2a):
        with pytest.raises(InputError, match=r"one\.json is damaged"):
            read(tmp_path / "one")
