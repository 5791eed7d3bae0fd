"""The full-size presets in miniature: what V2A and TTS promise holds on random weights; nothing here is quality."""

import itertools
import math

import pytest
import torch

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.errors import InputError, WeightsError
from deepaudio.flow.time import EPSS_32NDS
from deepaudio.inference import f5_tts as f5_text_to_speech
from deepaudio.inference import full_size
from deepaudio.inference.mini_tts import Reference
from deepaudio.inference.mmaudio_features import PER_SEGMENT, FullFeatures, _Stream
from deepaudio.inference.mmaudio_v2a import plan_windows
from deepaudio.inference.parts import load_parts
from deepaudio.models.mof.knowledge import Knowledge
from deepaudio.options import F5_TTS, SampleOptions
from deepaudio.presets import official, store
from deepaudio.presets.trained import preset_folder

pytestmark = pytest.mark.slow

FEW = SampleOptions(steps=2, seed=3)


@pytest.fixture(scope="session")
def voice():
    t = torch.arange(48_000) / 24_000
    loud = 0.2 * torch.sin(2 * math.pi * 200 * t) * (1 + torch.sin(2 * math.pi * 3 * t))
    return Reference(torch.cat([torch.zeros(6000), loud, torch.zeros(6000)]), 24_000, "A quiet day")


@pytest.mark.parametrize(("name", "rate"), [("mm-s16k", 16_000), ("mm-s44k", 44_100)])
def test_sound_and_contour_last_as_long_as_the_clip(full_home, clips, name, rate):
    model = full_size.load(name)
    features = model.v2a.features(clips(1.5))
    assert features.clip.shape == (12, 16) and features.sync.shape == (24, 24)
    sound = model.v2a.sound(features, "a ball", "music", FEW)
    assert model.v2a.sample_rate == rate
    assert sound.shape == (round(1.5 * rate),) and torch.isfinite(sound).all()
    again = model.v2a.sound(features, "a ball", "music", FEW)
    assert torch.equal(sound, again)
    other = model.v2a.sound(features, "a bell", "music", FEW)
    assert not torch.equal(sound, other)
    energy = model.v2a.energy(features, FEW)
    assert abs(len(energy) - 1.5 * FRAME_RATE) < 1
    assert energy.min() >= 0 and energy.max() <= 1


def test_clips_below_one_segment_work(full_home, clips):
    model = full_size.load("mm-s16k")
    features = model.v2a.features(clips(0.5))
    assert features.sync.shape == (8, 24)
    assert model.v2a.sound(features, "", "", FEW).shape == (8000,)


def test_long_clips_are_covered_by_windows_of_eight_seconds():
    n_segments = (25 * 20 - 16) // 8 + 1
    features = FullFeatures(torch.zeros(160, 4), torch.zeros(n_segments * 8, 4), 20.0, 20.0)
    windows = plan_windows(features, 31.25)
    assert windows[0].latent == slice(0, 250) and windows[-1].latent.stop == 625
    assert all(w.latent.stop - w.latent.start == 250 for w in windows)
    assert all(w.clip.stop - w.clip.start == 64 for w in windows)
    assert all(w.sync.stop - w.sync.start == 192 for w in windows)
    assert windows[-1].clip.stop <= 160 and windows[-1].sync.stop == n_segments * 8
    for before, after in itertools.pairwise(windows):
        assert after.latent.start < before.latent.stop  # they overlap
        assert (
            abs(after.latent.start / 31.25 - after.clip.start / 8) < 0.2
        )  # and look at the same time


def test_eight_seconds_are_one_window_as_upstream_counts():
    features = FullFeatures(torch.zeros(64, 4), torch.zeros(192, 4), 8.0, 8.0)
    (window,) = plan_windows(features, 44_100 / 512 / 2)
    assert (window.latent.stop, window.clip.stop, window.sync.stop) == (345, 64, 192)


def test_long_clips_give_their_full_length(full_home):
    model = full_size.load("mm-s16k")
    seconds = 9.0
    n_segments = (round(25 * seconds) - 16) // 8 + 1
    random = torch.Generator().manual_seed(0)
    features = FullFeatures(
        torch.randn(72, 16, generator=random),
        torch.randn(n_segments * 8, 24, generator=random),
        seconds,
        seconds,
    )
    sound = model.v2a.sound(features, "", "", FEW)
    assert sound.shape == (144_000,) and sound[-8000:].any()


def test_speech_has_the_length_asked_for(full_home, voice):
    model = full_size.load("mm-s16k")
    speech = model.tts.speak("a word or two", voice, duration=1.234, options=FEW)
    assert speech.shape == (round(1.234 * 24_000),) and torch.isfinite(speech).all()
    free = model.tts.speak("a word or two", voice, options=FEW)
    assert len(free) % 256 == 0 and len(free) > 24_000
    assert 0.5 < model.tts.natural_duration("a word or two") < 3


def test_the_contour_changes_the_speech_and_zeros_are_the_empty_feature(full_home, voice):
    model = full_size.load("mm-s16k")
    energy = torch.linspace(0, 1, 94)
    plain = model.tts.speak("a word", voice, duration=1.0, options=FEW)
    shaped = model.tts.speak(
        "a word", voice, duration=1.0, knowledge=Knowledge(energy), options=FEW
    )
    assert not torch.equal(plain, shaped)


def test_a_long_text_is_spoken_in_chunks_with_its_own_part_of_the_contour(
    full_home, voice, monkeypatch
):
    seen = []
    original = f5_text_to_speech.sample

    def spying(network, reference, ids, energy, noise, options):
        seen.append((len(noise), energy))
        return original(network, reference, ids, energy, noise, options)

    monkeypatch.setattr(f5_text_to_speech, "sample", spying)
    model = full_size.load("mm-s16k")
    text = " ".join(["It was a long day, and it went on."] * 12)
    energy = torch.linspace(0, 1, round(20 * FRAME_RATE))
    speech = model.tts.speak(text, voice, duration=20.0, knowledge=Knowledge(energy), options=FEW)
    assert speech.shape == (480_000,)
    assert len(seen) > 1
    reference_frames = len(model.tts._voice(voice).energy)
    parts = [contour[reference_frames:] for _, contour in seen]
    assert all(part.any() for part in parts)
    assert parts[0].max() < parts[-1].max()  # a rising contour rises from chunk to chunk
    without = model.tts.speak(text, voice, duration=20.0, options=FEW)
    assert without.shape == speech.shape


def test_the_reference_energy_is_that_of_the_trimmed_reference(full_home, voice):
    model = full_size.load("mm-s16k")
    prepared = model.tts._voice(voice)
    # a quarter of a second of silence in front is gone, 50 ms at the end are added
    assert prepared.n_frames == round((48_000 + 1200) / 256)
    assert prepared.energy[:8].max() > 0.1
    assert len(prepared.mel) == prepared.n_frames + 1


def test_the_pace_is_that_of_the_references(full_home, voice):
    model = full_size.load("mm-s16k")
    text = "a word or two in the evening"
    slow = Reference(torch.cat([voice.waveform] * 2), 24_000, voice.text)
    pace = model.tts.natural_duration
    frames = model.tts._voice(voice).n_frames
    assert (
        pace(text, [voice]) == int(frames / 13 * 28) * 256 / 24_000 + 0.2
    )  # "A quiet day. " has 13 bytes
    assert pace(text, [voice]) < pace(text, [voice, slow]) < pace(text, [slow])


def test_an_unknown_reference_text_is_heard_or_asked_for(full_home, voice, monkeypatch):
    model = full_size.load("mm-s16k")
    silent_text = Reference(voice.waveform, 24_000, " ")
    monkeypatch.setattr(f5_text_to_speech, "open_judge", lambda name: lambda *a: " A day ")
    assert model.tts._voice(silent_text).text == "A day. "
    monkeypatch.setattr(f5_text_to_speech, "open_judge", lambda name: lambda *a: "")
    with pytest.raises(InputError, match="no words"):
        model.tts.speak("a word", Reference(voice.waveform, 24_000))


def test_references_that_cannot_serve(full_home, voice, monkeypatch):
    model = full_size.load("mm-s16k")

    def absent(name):
        raise WeightsError("judge.missing", "no Whisper here")

    monkeypatch.setattr(f5_text_to_speech, "open_judge", absent)
    with pytest.raises(InputError, match="needs to know what the reference says"):
        model.tts.speak("a word", Reference(voice.waveform, 24_000, None))
    with pytest.raises(InputError, match="silent"):
        model.tts.speak("a word", Reference(torch.zeros(24_000), 24_000, "A day"))
    with pytest.raises(InputError, match="no text"):
        model.tts.speak("  ", voice)


def test_low_memory_never_holds_both(full_home, clips, voice):
    model = full_size.load("mm-s16k", low_memory=True)
    held = []
    get = model.networks.get

    def watching(*roles):
        found = get(*roles)
        held.append(model.networks.held)
        return found

    object.__setattr__(model.networks, "get", watching)
    roomy = full_size.load("mm-s16k")
    features = model.v2a.features(clips(1.0))
    assert torch.equal(model.v2a.energy(features, FEW), roomy.v2a.energy(features, FEW))
    model.tts.speak("a word", voice, duration=1.0, options=FEW)
    assert held and not any({"v2a", "tts"} <= group for group in held)
    assert not any({"v2a", "clip"} <= group for group in held)


def test_missing_weights_are_told_at_once(home):
    with pytest.raises(WeightsError) as caught:
        full_size.load("mm-s44k")
    message, hint = str(caught.value), caught.value.hint
    assert "mmaudio_small_44k.pth, 630.0 MB" in message and "v2c_s44.pt" in message
    assert "GB in all" in message and str(home) in message
    assert hint == "deepaudio models pull mm-s44k"
    assert caught.value.exit_code == 5
    assert not home.exists()


def test_weights_are_named_by_their_sums(full_home):
    sums = store.recorded_sums(official.preset("mm-s16k"))
    assert sums.keys() >= {"v2a", "codec", "vocoder", "clip", "sync", "tts", "tts_vocoder"}
    assert all(len(value) == 64 for value in sums.values())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_on_the_cpu(full_home, clips, voice, dtype):
    model, exact = full_size.load("mm-s16k", dtype=dtype), full_size.load("mm-s16k")
    features = model.v2a.features(clips(1.0))
    sound = model.v2a.sound(features, "a ball", "", FEW)
    assert sound.dtype == torch.float32 and torch.isfinite(sound).all() and sound.any()
    speech = model.tts.speak("a word", voice, duration=1.0, options=FEW)
    assert speech.dtype == torch.float32 and torch.isfinite(speech).all()
    near = exact.tts.speak("a word", voice, duration=1.0, options=FEW)
    assert (speech - near).abs().max() < 0.2 * near.abs().max()


def test_a_silent_sound_gives_an_empty_contour(full_home, clips, monkeypatch):
    model = full_size.load("mm-s16k")
    monkeypatch.setattr(type(model.v2a), "sound", lambda *a: torch.zeros(16_000))
    features = FullFeatures(torch.zeros(8, 16), torch.zeros(8, 24), 1.0, 1.0)
    energy = model.v2a.energy(features, FEW)
    assert energy.shape == (93,) and not energy.any()


def test_segments_in_batches_are_those_one_by_one(full_home):
    (encoder,) = full_size.load("mm-s16k").networks.get("sync")
    frames = torch.randn(43, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    seen = []
    for at_once in (1, 3):
        stream = _Stream(torch.device("cpu"), torch.float32)
        with torch.inference_mode():
            for frame in (*frames, None):
                stream.segments(encoder, frame, at_once)
        seen.append(torch.cat(stream.features))
        assert stream.count == 43 and len(seen[-1]) == 4 * PER_SEGMENT
    assert torch.allclose(*seen, atol=1e-5)


def test_what_samples_is_compiled_and_nothing_else(full_home, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **how: compiled.append(type(self)))
    full_size.load("mm-s16k").networks.get("v2a", "tts", "codec")
    assert compiled == []
    networks = full_size.load("mm-s16k", compile=True).networks
    v2a, tts, _ = networks.get("v2a", "tts", "codec")
    assert compiled == [type(v2a), type(tts)]
    compiled.clear()
    parts = load_parts(preset_folder("mini"), torch.device("cpu"), torch.float32, compile=True)
    assert [type(parts.tts.network), type(parts.v2a.model)] == compiled


def test_an_interval_without_guidance_is_no_guidance(full_home, voice):
    """Guidance that acts at no step, and half of the steps, of speech."""
    speech = full_size.load("mm-s16k").tts

    def said(**options):
        options = SampleOptions(steps=4, seed=1, **options)
        return speech.speak("We should leave.", voice, duration=1.0, options=options)

    never = said(guidance_scale=3.0, guidance_interval=(1.0, 1.0))
    assert torch.equal(never, said(guidance_scale=1.0))
    assert not torch.equal(said(guidance_scale=3.0), said(guidance_interval=(0.0, 0.3)))


def test_draft_is_the_pruned_grid():
    assert F5_TTS.steps["draft"] in EPSS_32NDS and F5_TTS.steps["normal"] in EPSS_32NDS
