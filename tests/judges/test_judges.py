"""Judges: the weights inside packages, refusal of undefined input, clear reasons where one is missing."""

import math
from pathlib import Path

import pytest
import torch

from deepaudio.errors import InputError, WeightsError
from deepaudio.judges import OFFLINE, judge_names, open_judge
from deepaudio.metrics.similarity import cosine
from deepaudio.metrics.wer import wer

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
def test_a_transcriber_reads_real_speech_and_hears_nothing_in_silence():
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
