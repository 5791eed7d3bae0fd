"""Adapters of pretrained encoders and codecs, on tiny random models made here."""

import json

import open_clip
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import EncodecConfig, EncodecModel, T5Config, T5EncoderModel

from deepaudio.codecs.encodec import EncodecLatents
from deepaudio.encoders import clip
from deepaudio.encoders.flan_t5 import FlanT5, TextStates
from deepaudio.errors import WeightsError


@pytest.fixture(scope="module")
def towers():
    torch.manual_seed(0)
    return clip.Clip(clip.Config.tiny()).eval()


@torch.no_grad()
def test_clip_text_keeps_every_token(towers):
    config = towers.config
    ids = clip.tokenize(["a dog barks", ""], config)
    assert ids.shape == (2, 77)
    features = towers.texts(ids)
    assert features.shape == (2, 77, config.text_width)
    assert torch.allclose(features.norm(dim=-1), torch.ones(2, 77), atol=1e-5)
    # pooled and projected, the sequence is what open_clip itself returns
    x = towers.towers.token_embedding(ids) + towers.towers.positional_embedding
    x = towers.towers.ln_final(towers.towers.transformer(x, attn_mask=towers.towers.attn_mask))
    last = x[torch.arange(2), ids.argmax(dim=-1)] @ towers.towers.text_projection
    assert torch.allclose(last, towers.towers.encode_text(ids), atol=1e-5)
    assert torch.allclose(F.normalize(x, dim=-1), features, atol=1e-6)
    # the mask is causal: a later token does not change an earlier feature
    ids[0, 5] = 7
    assert torch.allclose(towers.texts(ids)[0, :5], features[0, :5], atol=1e-6)


@torch.no_grad()
def test_clip_images_are_squeezed_and_normalised(towers):
    frames = torch.randint(0, 256, (3, 20, 50, 3), dtype=torch.uint8)
    prepared = clip.frames_to_input(frames, towers.config)
    assert prepared.shape == (3, 3, 32, 32) and prepared.min() >= 0 and prepared.max() <= 1
    features = towers.images(prepared)
    assert torch.allclose(features.norm(dim=-1), torch.ones(3), atol=1e-5)
    mean = torch.tensor(open_clip.OPENAI_DATASET_MEAN)[:, None, None]
    std = torch.tensor(open_clip.OPENAI_DATASET_STD)[:, None, None]
    expected = towers.towers.encode_image((prepared - mean) / std, normalize=True)
    assert torch.allclose(features, expected, atol=1e-5)


def test_clip_tables_are_restored(towers):
    before = towers.towers.attn_mask.clone()
    towers.towers.attn_mask = torch.zeros(1)
    towers.restore_tables()
    assert torch.equal(towers.towers.attn_mask, before)


def test_clip_full_size_has_the_published_count():
    with torch.device("meta"):
        model = clip.Clip(clip.Config())
    assert round(sum(p.numel() for p in model.parameters()) / 1e6) == 987
    with pytest.raises(ValueError, match="frame_size 400 and image_size 378"):
        clip.Config(frame_size=400)


@pytest.fixture
def t5_folder(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {w: i for i, w in enumerate(["<pad>", "</s>", "<unk>", "the", "dog", "barks"])}
    plain = Tokenizer(models.WordLevel(words, "<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>", eos_token="</s>")
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = T5Config(vocab_size=6, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5EncoderModel(config).save_pretrained(tmp_path)
    return tmp_path


def test_flan_t5_ignores_padding(t5_folder, capsys):
    capsys.readouterr()
    model = FlanT5.load(t5_folder)
    assert capsys.readouterr() == ("", "")  # no bars, no reports
    assert model.dim == 16
    batch = model(["the dog", "the dog barks the dog"])
    assert batch.mask.sum(dim=1).tolist() == [2, 5]
    alone = model(["the dog"])
    assert torch.allclose(batch.states[0, :2], alone.states[0], atol=1e-5)
    assert torch.allclose(batch.mean()[0], alone.mean()[0], atol=1e-5)


def test_mean_of_nothing_is_zero():
    empty = TextStates(torch.ones(1, 3, 4), torch.zeros(1, 3, dtype=torch.bool))
    assert not empty.mean().any()


def test_flan_t5_refuses_damage(t5_folder, tmp_path):
    with pytest.raises(WeightsError, match=r"no config\.json"):
        FlanT5.load(tmp_path / "absent")
    weights = t5_folder / "model.safetensors"
    tensors = load_file(weights)
    name = next(n for n in tensors if n.endswith("wi.weight"))
    save_file({k: v for k, v in tensors.items() if k != name}, weights, {"format": "pt"})
    with pytest.raises(WeightsError, match="missing tensors"):
        FlanT5.load(t5_folder)
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(WeightsError):
        FlanT5.load(t5_folder)


@torch.no_grad()
def test_encodec_latents_skip_the_quantiser():
    config = EncodecConfig(hidden_size=8, num_filters=2, codebook_size=4, codebook_dim=8)
    torch.manual_seed(0)
    codec = EncodecLatents(EncodecModel(config))
    assert (codec.sample_rate, codec.frame_rate, codec.dim) == (24000, 75.0, 8)
    waveform = torch.randn(2, 3200)
    latent = codec.encode(waveform)
    assert latent.shape == (2, 10, 8)
    assert codec.decode(latent).shape == (2, 3200)
    with pytest.raises(ValueError, match="normalize=True"):
        EncodecLatents(
            EncodecModel(
                EncodecConfig(**(json.loads(config.to_json_string()) | {"normalize": True}))
            )
        )
