"""The ys-24k preset in miniature: its V2A module on tiny pretrained folders and imported random weights."""

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    EncodecConfig,
    EncodecModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from deepaudio.errors import InputError
from deepaudio.pipelines import full_size
from deepaudio.pipelines.options import SampleOptions
from deepaudio.presets import importing, official
from deepaudio.upstream import kinds

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
        words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "a": 3, "bell": 4}
        plain = Tokenizer(models.WordLevel(words, "<unk>"))
        plain.pre_tokenizer = pre_tokenizers.Whitespace()
        plain.post_processor = processors.TemplateProcessing("$A </s>", None, [("</s>", 1)])
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>")
        tokenizer.save_pretrained(folder)
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
    importing.import_part(official.part("ys-24k"), source, config=NETWORK)
    for name in ("f5-v1-base", "f5-vocabulary", "vocos-24k"):  # not looked at here
        (home / name).mkdir()
        (home / name / "part.json").write_text("{}")
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
