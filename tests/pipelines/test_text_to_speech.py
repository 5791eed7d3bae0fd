"""The speech module of `mini` as users meet it: exact length, determinism, bad input, the contour is followed."""

import pytest
import soundfile
import torch

from deepaudio.errors import InputError
from deepaudio.pipelines.deepaudio import preset_folder
from deepaudio.pipelines.options import SampleOptions
from deepaudio.pipelines.text_to_speech import Reference, TextToSpeech

OPTIONS = SampleOptions(steps=2, guidance_scale=1.0, seed=3)
LINE = "We should leave before it rains."


@pytest.fixture(scope="module")
def tts():
    return TextToSpeech.load(preset_folder("mini"))


@pytest.fixture(scope="module")
def voice(request):
    samples, rate = soundfile.read(
        request.config.rootpath / "examples" / "voice.wav", dtype="float32"
    )
    return Reference(torch.from_numpy(samples), rate)


@pytest.mark.parametrize("duration", [1.234, 2.0, 3.77])
def test_length_is_exact(tts, voice, duration):
    speech = tts.speak(LINE, voice, duration=duration, options=OPTIONS)
    assert len(speech) == round(duration * 24000)
    assert torch.isfinite(speech).all() and float(speech.abs().max()) > 0.05


def test_natural_duration_grows_with_the_text(tts):
    assert (
        0.2
        < tts.natural_duration("Yes.")
        < tts.natural_duration(LINE)
        < tts.natural_duration(f"{LINE} {LINE}")
        < 8
    )


def test_same_seed_same_bits_and_another_seed_another_sound(tts, voice):
    first = tts.speak(LINE, voice, options=OPTIONS)
    assert torch.equal(first, tts.speak(LINE, voice, options=OPTIONS))
    other = tts.speak(LINE, voice, options=SampleOptions(steps=2, guidance_scale=1.0, seed=4))
    assert not torch.equal(first, other)


def test_steps_quality_and_guidance_act(tts, voice):
    spoken = {
        name: tts.speak(LINE, voice, options=SampleOptions(seed=3, **given))
        for name, given in {
            "draft": {"quality": "draft"},
            "normal": {},
            "one step": {"steps": 1},
            "high": {"quality": "high"},
            "guided": {"guidance_scale": 2.0},
        }.items()
    }
    assert torch.equal(spoken["normal"], spoken["one step"])
    del spoken["one step"]
    names = list(spoken)
    for i, name in enumerate(names):
        for other in names[i + 1 :]:
            assert not torch.equal(spoken[name], spoken[other]), f"{name} is {other}"


def test_several_sentences_in_one_breath_keep_their_length(tts, voice):
    text = " ".join(f"{LINE} Could you tell me where the nearest station is?" for _ in range(3))
    speech = tts.speak(text, voice, options=OPTIONS)
    assert abs(len(speech) / 24000 - tts.natural_duration(text) - 2 * tts.margin) < 0.01


@pytest.mark.parametrize("text", ["", "   ", "...", "♪"])
def test_text_without_a_sound_is_refused(tts, voice, text):
    with pytest.raises(InputError):
        tts.speak(text, voice, options=OPTIONS)


def test_characters_without_a_sound_are_found(tts):
    assert tts.unspoken("Hello, naïve café: €5, 25°C & 10 %!") == []
    assert tts.unspoken("Hello 世界 ₿ да 😀") == ["世", "界", "₿", "д", "а", "😀"]
