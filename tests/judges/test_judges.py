"""Judges: the weights inside packages, refusal of undefined input, clear reasons where one is missing."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from deepaudio.errors import InputError, WeightsError
from deepaudio.judges import OFFLINE, judge_names, open_judge
from deepaudio.metrics.embeddings import cosine
from deepaudio.metrics.transcripts import wer

pytestmark = pytest.mark.slow

MEDIA = Path(__file__).resolve().parents[3] / "shared/media"
needs_media = pytest.mark.skipif(not MEDIA.is_dir(), reason="no ../shared beside the repository")


def opened(name: str):
    try:
        return open_judge(name)
    except WeightsError as error:
        pytest.skip(error.message)


def spoken(name: str) -> tuple[torch.Tensor, int]:
    from deepaudio.media.audio import read_audio

    return read_audio(MEDIA / name, 24000), 24000


def test_every_offline_feature_has_a_judge_that_gives_it():
    gives = judge_names()
    assert all(feature in gives[judge] for feature, judge in OFFLINE.items())


def test_unknown_and_absent_judges_say_so():
    with pytest.raises(InputError, match="no judge 'wisper-base'") as caught:
        open_judge("wisper-base")
    assert "whisper-base" in caught.value.hint
    with pytest.raises(WeightsError, match="whisper-large-v3"):
        open_judge("whisper-large-v3", Path("/nowhere"))


@needs_media
def test_a_transcriber_reads_real_speech():
    judge = opened("whisper-tiny.en")
    heard = judge(*spoken("voice_vctk/auspicious3000__autovc__p226_008.wav"))
    said = (
        "These take the shape of a long round arch, with its path high above, "
        "and its two ends apparently beyond the horizon."
    )
    assert wer(said, heard) <= 0.1


@needs_media
def test_a_speaker_judge_tells_two_speakers_apart():
    judge = opened("resemblyzer")
    folder = "voice_vctk/auspicious3000__autovc__"
    one, same, other = (
        judge(*spoken(f"{folder}{name}.wav")) for name in ("p225_008", "p225_011", "p226_008")
    )
    assert cosine(one, same) > 0.8 > 0.7 > cosine(one, other)
    with pytest.raises(InputError, match="silent"):
        judge(torch.zeros(16000), 16000)


def test_a_quality_judge_prefers_a_clean_tone_to_noise_and_refuses_nan():
    judge = opened("dnsmos")
    t = torch.arange(3 * 16000) / 16000
    noise = 0.3 * torch.randn(len(t), generator=torch.Generator().manual_seed(0))
    clean = 0.3 * torch.sin(2 * math.pi * 220 * t) * (torch.sin(2 * math.pi * 2 * t) > 0)
    assert judge(clean, 16000)["background"] > judge(noise, 16000)["background"]
    with pytest.raises(InputError, match="NaN"):
        judge(torch.full((16000,), float("nan")), 16000)
    with pytest.raises(InputError, match=r"empty|shape"):
        judge(torch.zeros(0), 16000)


@needs_media
def test_a_sound_judge_names_what_it_hears():
    from deepaudio.media.audio import read_audio

    judge = opened("yamnet")
    sound = judge(read_audio(MEDIA / "video_foley/luosiallen__Diff-Foley__drum.mp4", 16000), 16000)
    assert "Percussion" in judge.tags(sound, 3)
    assert sound.soundframes.shape[1:] == sound.sound.shape == (1024,)
    assert sound.classes.shape == (521,)


def test_the_papers_sound_networks_have_the_published_names_and_shapes():
    from deepaudio.judges.panns import Cnn14
    from deepaudio.judges.vggish import Vggish

    small = Cnn14((2, 3, 4, 5, 6, 8), classes=7)
    embedding, logits = small.eval()(torch.randn(1, 200, 64))
    assert embedding.shape == (1, 8) and logits.shape == (1, 7)
    keys = set(small.state_dict())
    assert {
        "bn0.running_mean",
        "conv_block6.conv2.weight",
        "fc1.bias",
        "fc_audioset.weight",
    } <= keys
    vgg = Vggish(((2,), (3,), (4, 4), (5, 5)), hidden=6, dim=8)
    assert vgg(torch.randn(2, 96, 64)).shape == (2, 8)
    names = {k.rsplit(".", 1)[0] for k in vgg.state_dict()}
    convolutions = {f"features.{i}" for i in (0, 3, 6, 8, 11, 13)}
    assert names == convolutions | {f"embeddings.{i}" for i in (0, 2, 4)}


def test_the_papers_judges_are_missing_for_a_reason(tmp_path):
    for name in ("vggish", "panns-cnn14", "synchformer", "imagebind", "wav2clip"):
        with pytest.raises(WeightsError, match=f"'{name}' needs a folder with"):
            open_judge(name, tmp_path)
    for content in (b"garbage", b"", b"<html>sign in</html>", b"PK\x03\x04 not a pickle"):
        (tmp_path / "vggish-10086976.pth").write_bytes(content)
        with pytest.raises(WeightsError, match="judge 'vggish'"):
            open_judge("vggish", tmp_path)
    # A file of another network is refused by name, never half loaded.
    save_file({"features.0.weight": torch.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"judge 'vggish': .*missing tensors: features"):
        open_judge("vggish", tmp_path)
    (tmp_path / "model.bin").write_bytes(b"garbage")
    with pytest.raises(WeightsError, match="whisper-large-v3"):
        open_judge("whisper-large-v3", tmp_path)


def test_weights_that_lack_a_part_are_refused_and_not_drawn_at_random(tmp_path):
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMForXVector, WavLMModel

    sizes = WavLMConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8,) * 7, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
        tdnn_dim=(8, 8), tdnn_kernel=(3, 1), tdnn_dilation=(1, 1), xvector_output_dim=8,
    )  # fmt: skip
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    WavLMModel(sizes).save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="lack"):
        open_judge("wavlm-base-sv", tmp_path)
    WavLMForXVector(sizes).save_pretrained(tmp_path)
    embedding = open_judge("wavlm-base-sv", tmp_path)(torch.rand(8000), 16000)
    assert embedding.shape == (8,) and float(embedding.norm()) == pytest.approx(1, abs=1e-5)


def test_judges_through_transformers_load_from_a_folder_and_name_what_is_missing(tmp_path):
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    with pytest.raises(WeightsError, match="audeering"):
        open_judge("audeering-emotion", tmp_path)
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8,) * 7, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    judge = open_judge("audeering-emotion", tmp_path)
    wave = torch.randn(8000, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    assert judge(wave, 16000).shape == (16,)
    assert torch.equal(judge(wave, 16000), judge(wave, 16000))


def test_patches_of_a_tone_peak_in_its_band():
    from deepaudio.judges._frames import patches

    t = torch.arange(16000) / 16000
    for hz in (200.0, 1000.0, 4000.0):
        found = patches(0.5 * torch.sin(2 * math.pi * hz * t), 96, 0.01)
        assert found.shape == (1, 96, 64)
        mels = torch.linspace(1127 * math.log1p(125 / 700), 1127 * math.log1p(7500 / 700), 66)[1:-1]
        expected = (mels - 1127 * math.log1p(hz / 700)).abs().argmin()
        assert abs(int(found.mean((0, 1)).argmax()) - int(expected)) <= 1
