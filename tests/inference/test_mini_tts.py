"""The speech module of `mini` as users meet it: exact length, determinism, bad input, the contour is followed."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.mel import log_mel
from deepaudio.audio.pitch import median_pitch, octaves, pitch_track
from deepaudio.audio.prior.content import DIM
from deepaudio.audio.prior.draft import VoiceTraits
from deepaudio.errors import InputError, UsageError, WeightsError
from deepaudio.flow.solver import euler
from deepaudio.inference import mini_tts as text_to_speech
from deepaudio.inference.lines import speak_lines
from deepaudio.inference.mini_tts import Reference, TextToSpeech
from deepaudio.inference.voices import Voice
from deepaudio.models.mof.knowledge import Knowledge
from deepaudio.models.tts import dit
from deepaudio.options import MINI_SPEECH, SampleOptions
from deepaudio.presets.trained import preset_folder
from deepaudio.script.fit import PlannedLine

pytestmark = pytest.mark.slow

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
    noisy = replace(OPTIONS, noise_scale=0.3)
    first = tts.speak(LINE, voice, options=noisy)
    assert torch.equal(first, tts.speak(LINE, voice, options=noisy))
    assert not torch.equal(first, tts.speak(LINE, voice, options=replace(noisy, seed=4)))
    still = tts.speak(LINE, voice, options=OPTIONS)
    assert not torch.equal(first, still), "by default it begins without noise"
    assert torch.equal(still, tts.speak(LINE, voice, options=replace(OPTIONS, seed=4)))


def test_lines_at_once_are_the_lines_one_by_one(tts, voice, monkeypatch):
    texts = [LINE, "Could you tell me where the station is?", "Yes.", "It rains."]
    lines = [
        PlannedLine(str(i), text, None, 2.0 * i, 1.8, 2.0 * i, 2.0 * i + 2)
        for i, text in enumerate(texts)
    ]
    options, seen = SampleOptions(seed=3, steps=2, noise_scale=0.3), []
    voices = {(None, None): Voice(voice, Path("voice.wav"), "")}
    threads = torch.get_num_threads()

    def said(at_once):
        monkeypatch.setattr(tts, "at_once", at_once)
        with torch.inference_mode():
            return speak_lines(
                tts, lines, voices, 8.0, Knowledge(), options, progress=lambda *at: seen.append(at)
            )

    one_by_one, at_once = said(1), said(3)
    assert torch.equal(one_by_one.waveform, at_once.waveform)
    assert [line.id for line in at_once.lines] == [line.id for line in lines]
    assert seen == 2 * [("speech", done, 4) for done in range(1, 5)]
    assert torch.get_num_threads() == threads


def test_steps_quality_and_guidance_act(tts, voice):
    spoken = {
        name: tts.speak(LINE, voice, options=SampleOptions(seed=3, **given))
        for name, given in {
            "draft": {"quality": "draft"},
            "normal": {},
            "high": {"quality": "high"},
            "one step": {"steps": 1},
            "unguided": {"guidance_scale": 1.0},
            "the prior": {"steps": 0},
            "four steps": {"steps": 4, "guidance_scale": MINI_SPEECH.guidance_scale},
        }.items()
    }
    assert torch.equal(spoken["draft"], spoken.pop("the prior"))
    assert torch.equal(spoken["normal"], spoken.pop("four steps"))
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
    assert tts.unspoken("Hello 世界 ₿ да 😀") == ["世界", "да", "₿", "😀"]
    assert tts.unspoken("Mr. Xkcd said 1½ cups, shh!") == ["Xkcd"]


@pytest.fixture(scope="module")
def flow(tts):
    """A network whose flow starts at noise and that has learned nothing: it can say no more than its guess, the prior."""
    torch.manual_seed(0)
    config = replace(
        dit.Config.tiny(),
        content_dim=DIM + 100,
        energy=True,
        prior=True,
        zero_init=True,
        prior_spread=0.01,
    )
    return TextToSpeech(dit.Model(config), tts.vocoder, tts.timbre_encoder)


def test_half_precision_that_fails_is_computed_again_in_float32(flow, voice, monkeypatch, caplog):
    options = SampleOptions(steps=2, guidance_scale=1.0)
    whole = flow.speak(LINE, voice, duration=2.0, options=options)
    forward = dit.Model.forward

    def failing(network, x_t, t, cond):
        velocity = forward(network, x_t, t, cond)
        return velocity * float("nan") if torch.is_autocast_enabled("cpu") else velocity

    monkeypatch.setattr(dit.Model, "forward", failing)
    half = TextToSpeech(flow.network, flow.vocoder, flow.timbre_encoder, dtype=torch.bfloat16)
    assert torch.equal(half.speak(LINE, voice, duration=2.0, options=options), whole)
    assert "computed again in float32" in caplog.text


def test_a_flow_that_knows_nothing_ends_at_the_prior(flow, voice):
    said, prior = (
        log_mel(flow.speak(LINE, voice, duration=2.0, options=options)[None])[0]
        for options in (SampleOptions(steps=24, guidance_scale=1.0), SampleOptions(steps=0))
    )
    alike = torch.corrcoef(torch.stack([said.flatten(), prior.flatten()]))[0, 1]
    assert len(said) == len(prior) and alike > 0.9


def test_a_network_without_a_prior_is_refused(tts):
    config = replace(dit.Config.tiny(), content_dim=DIM, energy=True)
    with pytest.raises(WeightsError, match="takes no mel prior"):
        TextToSpeech(dit.Model(config), tts.vocoder, tts.timbre_encoder)


def test_the_flow_begins_at_a_share_of_the_noise(flow, voice, monkeypatch):
    begun = []
    monkeypatch.setattr(
        text_to_speech, "euler", lambda field, x, grid: begun.append(x) or euler(field, x, grid)
    )

    def said(**options):
        return flow.speak(LINE, voice, duration=1.0, options=SampleOptions(steps=2, **options))

    assert torch.equal(said(noise_scale=0.0), said(noise_scale=0.0, seed=1))
    assert not torch.equal(said(noise_scale=1.0), said(noise_scale=1.0, seed=1))
    assert torch.equal(said(), said(noise_scale=MINI_SPEECH.noise_scale))
    whole = torch.randn(begun[2].shape[1:], generator=torch.Generator().manual_seed(0))
    assert not begun[0].any() and torch.equal(begun[2][0], whole)
    assert torch.equal(begun[4][0], MINI_SPEECH.noise_scale * whole)


def test_the_flow_computes_in_the_precision_that_is_asked_for(flow, voice, monkeypatch):
    """Not in bfloat16 of its own accord where the processor is fast at it: the record says float32."""
    monkeypatch.setattr("deepaudio.devices.fast_bfloat16", lambda: True)
    seen = []
    flow.network.proj_out.register_forward_hook(lambda module, given, made: seen.append(made.dtype))
    half = TextToSpeech(flow.network, flow.vocoder, flow.timbre_encoder, dtype=torch.bfloat16)
    for speech, dtype in ((flow, torch.float32), (half, torch.bfloat16)):
        seen.clear()
        speech.speak(LINE, voice, duration=1.0, options=SampleOptions(steps=1))
        assert set(seen) == {dtype}


@pytest.mark.parametrize("slope", [-0.8, 0.8])
def test_the_intonation_is_that_of_the_pitch_contour(tts, voice, slope):
    n = round(2.0 * FRAME_RATE)
    contour = slope * (torch.arange(n) / n - 0.5) + 1e-3
    speech = tts.speak(
        LINE, voice, duration=2.0, knowledge=Knowledge(pitch=contour), options=OPTIONS
    )
    track = pitch_track(speech, 24_000, n)
    heard, wanted = octaves(track)[track > 0], contour[track > 0]
    r = float(torch.corrcoef(torch.stack([heard, wanted]))[0, 1])
    assert r > 0.7
    own = median_pitch(
        pitch_track(tts.speak(LINE, voice, duration=2.0, options=OPTIONS), 24_000, n)
    )
    assert abs(math.log2(median_pitch(track) / own)) < 0.4  # in the range of the voice


def test_an_emotion_is_refused_by_a_network_without(tts, voice):
    with pytest.raises(UsageError, match="knows no emotions"):
        tts.speak("Hello.", voice, options=SampleOptions(emotion="angry"))


def test_a_recording_that_is_read_again_is_heard_once(tts, monkeypatch):
    heard, of = [], VoiceTraits.of
    monkeypatch.setattr(VoiceTraits, "of", lambda *given: heard.append(1) or of(*given))
    sound = torch.sin(torch.arange(24_000) / 20) * torch.linspace(0.1, 0.3, 24_000)
    first = tts.speak("Hello.", Reference(sound, 24_000))
    again = tts.speak("Hello.", Reference(sound.clone(), 24_000))
    assert torch.equal(first, again) and len(heard) == 1
    tts.speak("Hello.", Reference(sound * 0.99, 24_000))
    assert len(heard) == 2
