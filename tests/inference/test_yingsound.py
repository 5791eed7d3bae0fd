"""The ys-24k preset in miniature: its V2A module on tiny pretrained folders and imported random weights, its features."""

import json
import shutil
from types import SimpleNamespace

import av
import pytest
import soundfile
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    EncodecConfig,
    EncodecModel,
    T5Config,
    T5EncoderModel,
)

from deepaudio.data.manifest import Item
from deepaudio.data.stored import Condition, StoredData, StoredShards
from deepaudio.errors import InputError, WeightsError
from deepaudio.inference import full_size
from deepaudio.inference.gate import DIRECTIONS, Gate, Route
from deepaudio.inference.yingsound_v2a import FrameFeatures
from deepaudio.options import SampleOptions
from deepaudio.prepare import v2a_latents as extract
from deepaudio.presets import importing, official
from deepaudio.upstream import kinds
from deepaudio_cli.main import _outcome
from tests.full_size_files import words_tokenizer

pytestmark = pytest.mark.slow

NETWORK = {
    "latent_dim": 8,
    "dim": 32,
    "dim_text": 24,
    "depth": 2,
    "heads": 2,
    "dim_head": 16,
    "max_seq_len": 256,
    "num_registers": 4,
}
FEW = SampleOptions(steps=2)


def pretrained(folder, name):
    """A tiny random folder of the part, as transformers writes it."""
    torch.manual_seed(0)
    if name == "encodec-24k":
        model = EncodecModel(
            EncodecConfig(hidden_size=8, num_filters=2, codebook_size=4, codebook_dim=8)
        )
    elif name == "clip-bigg-image":
        model = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=16,
                intermediate_size=16,
                projection_dim=24,
                num_hidden_layers=1,
                num_attention_heads=2,
                image_size=28,
                patch_size=14,
            )
        )
    else:
        model = T5EncoderModel(
            T5Config(vocab_size=5, d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
        )
        words_tokenizer(("a", "bell")).save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def model(full_home, home, tmp_path, monkeypatch):
    for name in ("encodec-24k", "clip-bigg-image", "flan-t5-large"):
        folder = tmp_path / name
        folder.mkdir()
        importing.import_part(official.part(name), pretrained(folder, name))
    entry = kinds.find("ys-24k")
    torch.manual_seed(0)
    state = entry.build(entry.config(NETWORK)).state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "ys.safetensors")
    source = tmp_path / "ys.safetensors"
    importing.import_part(official.part("yingsound-24k"), source, config=NETWORK)
    for name in ("f5-v1-base", "f5-vocabulary", "vocos-24k"):  # not looked at here
        (home / name).mkdir()
        entry = {"size": 0, "sha256": "0" * 64, "mtime_ns": 0}
        record = {"part": name, "files": {"model.safetensors": entry}}
        (home / name / "part.json").write_text(json.dumps(record))
    return full_size.load("ys-24k")


def test_sound_lasts_as_long_as_the_clip(model, clips):
    features = model.v2a.features(clips(0.5))
    assert features.visual.shape == (6, 24)
    sound = model.v2a.sound(features, "a bell", "", FEW)
    assert sound.shape == (12_000,) and torch.isfinite(sound).all() and sound.any()
    assert not torch.equal(sound, model.v2a.sound(features, "bell", "", FEW))
    assert len(model.v2a.energy(features, FEW)) == 46
    with pytest.raises(InputError, match="no negative prompt"):
        model.v2a.sound(features, "", "a bell", FEW)


def sound(path, seconds):
    soundfile.write(path, 0.3 * torch.randn(round(seconds * 24_000)).clamp(-1, 1).numpy(), 24_000)
    return str(path)


def test_features_are_ten_seconds_as_training_reads_them(model, clips, tmp_path, monkeypatch):
    seen = torch.arange(240.0)[:, None].expand(-1, 24)
    monkeypatch.setattr(type(model.v2a), "features", lambda *a: FrameFeatures(seen, 10.0))
    items = [
        Item("whole", audio=sound(tmp_path / "a.wav", 12), video="a.mp4", prompt="a bell"),
        Item("nearly", audio=sound(tmp_path / "b.wav", 9.95), prompt="bell"),
        Item("short", audio=sound(tmp_path / "c.wav", 9.5)),
    ]
    shards = extract.write_v2a_shards(tmp_path / "ys", items, model.v2a)
    with safe_open(f"{shards[0]}.safetensors", "pt") as file:
        names = set(file.keys())
        visual, latent = file.get_tensor("whole.visual"), file.get_tensor("nearly.latent")
        assert len(file.get_tensor("whole.text")) == 3  # a, bell, end
    assert names == {f"whole.{n}" for n in ("latent", "visual", "text")} | {
        "nearly.latent",
        "nearly.text",
    }
    assert latent.shape == (750, 8)
    # the frame nearest to the middle of a latent: 239 steps between 240 frames over ten seconds
    assert visual[:, 0].tolist() == [round((i + 0.5) * 320 / 24_000 * 23.9) for i in range(750)]
    stored = StoredShards(StoredData(tuple(map(str, shards)), batch_items=4))
    wanted = {"visual": Condition(24, None), "text": Condition(32, 1)}
    batch = next(stored.batches(torch.Generator().manual_seed(0), wanted))
    assert batch["latent"].shape == (4, 750, 8) and batch["visual"].shape == (4, 750, 24)


def test_features_need_no_network_of_their_own(model, home, tmp_path, command, capsys):
    """Without published V2A weights they are the way to some."""
    shutil.rmtree(home / "yingsound-24k")
    shutil.rmtree(home / "f5-v1-base")
    manifest = tmp_path / "items.jsonl"
    audio = sound(tmp_path / "a.wav", 10)
    manifest.write_text(f'{{"id": "a", "audio": "{audio}"}}\n')
    arguments = ("prepare", "v2a", manifest, tmp_path / "out", "--preset", "ys-24k")
    assert command(*arguments, "--device", "cpu") == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out-000")]
    assert (tmp_path / "out-000.safetensors").is_file()
    with pytest.raises(WeightsError, match="yingsound-24k"):
        full_size.load("ys-24k")
    shutil.rmtree(home / "encodec-24k")
    assert command(*arguments) == WeightsError.exit_code
    assert "deepaudio models pull encodec-24k" in capsys.readouterr().err


def test_foley_through_the_command_line(model, clips, tmp_path, monkeypatch, capsys):
    route = Route("v2a", {d: float(d == "v2a") for d in DIRECTIONS})
    gate = SimpleNamespace(route=lambda instruction: route)
    monkeypatch.setattr(Gate, "load", classmethod(lambda *a: gate))
    clip, out = clips(0.5), tmp_path / "f.mp4"
    arguments = ("foley", clip, "--preset", "ys-24k", "--steps", 2, "--prompt", "a bell", "-o", out)
    assert _outcome([*map(str, arguments), "-q"]) == 0, capsys.readouterr().err
    with av.open(str(out)) as container:
        assert container.streams.audio and container.streams.video
        assert container.duration / av.time_base == pytest.approx(0.5, abs=0.1)


def test_half_precision_on_the_cpu(model, clips):
    half = full_size.load("ys-24k", dtype=torch.bfloat16)
    features = half.v2a.features(clips(0.5))
    sound = half.v2a.sound(features, "a bell", "", FEW)
    assert sound.dtype == torch.float32 and torch.isfinite(sound).all() and sound.any()
    assert {p.dtype for p in half.networks.get("clip")[0].parameters()} == {torch.bfloat16}
