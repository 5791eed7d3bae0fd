"""Eq. 1-2: which modules make the sound, and that the soft fusion of eq. 8 agrees where the gate is certain."""

import pytest
import torch

import deepaudio
from deepaudio.audio.grid import FRAME_RATE
from deepaudio.devices import device_of
from deepaudio.errors import InputError, ResourceError, ToolError, UsageError, WeightsError
from deepaudio.inference.mini_tts import TextToSpeech
from deepaudio.inference.model import DeepAudio
from deepaudio.inference.parts import FolderParts

FORBIDDEN = {"v2a": "tts", "tts": "v2a"}


class Untouchable:
    def __getattr__(self, name):
        raise AssertionError(f"{name} of a module that must stay idle")


@pytest.mark.parametrize(
    ("instruction", "direction"),
    [("add the sounds", "v2a"), ("dub the speaker", "v2s"), ("read it", "tts")],
)
def test_each_direction_uses_its_modules_alone(model, silent_clip, voice, instruction, direction):
    if direction in FORBIDDEN:
        model.__dict__[FORBIDDEN[direction]] = Untouchable()
    result = model.generate(instruction, silent_clip, "We should leave.", voice)
    assert (result.direction, result.route.direction) == (direction, direction)
    assert result.waveform.ndim == 1 and torch.isfinite(result.waveform).all()
    if direction != "tts":
        assert len(result.waveform) == 4 * result.sample_rate
    if direction == "v2a":
        assert result.lines == ()
        return
    (text, reference, seconds, knowledge, _) = model.tts.calls[0]
    assert text == "We should leave." and reference.sample_rate == 24_000
    assert (knowledge.energy is None) == (direction == "tts"), "phi is given as no contour"
    if direction == "v2s":
        assert len(knowledge.energy) == round(seconds * FRAME_RATE)
        assert float(knowledge.energy.mean()) > 0.8, "the slice lies under the voiced stretch"


def test_a_direction_names_what_it_lacks(model, silent_clip, voice):
    with pytest.raises(UsageError, match="v2s needs a video"):
        model.generate("dub", transcript="Hello.", reference=voice)
    with pytest.raises(UsageError, match="tts needs a transcript"):
        model.generate("read", reference=voice)
    with pytest.raises(UsageError, match="tts needs a reference"):
        model.generate("read", transcript="Hello.")


def test_same_seed_same_waveform_and_neighbours_do_not_matter(model, silent_clip, voice):
    first = model.generate("dub", silent_clip, "One.\nTwo.", voice)
    again = model.generate("dub", silent_clip, "One.\nTwo.", voice)
    other = model.generate("dub", silent_clip, "One.\nSix.", voice)
    assert torch.equal(first.waveform, again.waveform)
    assert [a.seed == b.seed for a, b in zip(first.lines, other.lines, strict=True)] == [
        True,
        False,
    ]


def test_a_model_that_yields_nan_is_an_error(model, silent_clip, voice):
    model.tts.speak = lambda *a, duration, **k: torch.full((round(duration * 24_000),), torch.nan)
    with pytest.raises(deepaudio.DeepAudioError, match="NaN"):
        model.generate("dub", silent_clip, "Hello.", voice)


def test_what_is_too_long_for_the_memory_is_refused_before_it_is_spoken(model, voice, tmp_path):
    script = "1\n00:00:00,000 --> 00:00:01,000\nHello.\n\n2\n50:00:00,000 --> 50:00:02,000\nBye.\n"
    (tmp_path / "long.srt").write_text(script)
    with pytest.raises(InputError, match=r"line 2 would end 50\.0 h from the start; at most 12 h"):
        model.generate("read", None, tmp_path / "long.srt", voice)
    assert not model.tts.calls


def test_lines_and_voices_are_prepared_while_the_video_is_looked_at(model, silent_clip, voice):
    model.generate("dub", silent_clip, "Hello.", voice)
    texts, references = model.tts.prepared
    assert texts == ["Hello."] and len(references) == 1


def test_load_is_lazy_and_names_presets(tmp_path):
    loaded = deepaudio.load(tmp_path, device="cpu")
    assert isinstance(loaded, DeepAudio) and loaded.preset == tmp_path
    with pytest.raises(WeightsError):
        loaded.route("dub the speaker")
    with pytest.raises(WeightsError, match="no preset ''"):
        deepaudio.load("")
    with pytest.raises(WeightsError, match="no preset 'minni'"):
        deepaudio.load("minni")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_an_error_and_auto_is_the_cpu():
    with pytest.raises(ToolError):
        device_of("cuda")
    assert device_of("auto").type in ("cpu", "mps")


def test_public_names():
    assert set(deepaudio.__all__) <= set(dir(deepaudio))
    for name in deepaudio.__all__:
        assert getattr(deepaudio, name) is not None
    with pytest.raises(AttributeError):
        deepaudio.nothing  # noqa: B018


def test_half_precision_that_fails_is_spoken_again_in_full(model, silent_clip, voice, caplog):
    speak = model.tts.speak

    def overflows(*arguments, **given):
        part = speak(*arguments, **given)
        return part * torch.nan if torch.is_autocast_enabled("cpu") else part

    model.tts.speak, model.dtype = overflows, torch.bfloat16
    result = model.generate("dub", silent_clip, "Hello.", voice)
    assert torch.isfinite(result.waveform).all() and "float32" in caplog.text


def test_silence_is_a_failure(model, silent_clip, voice):
    model.tts.speak = lambda *a, duration, **k: torch.zeros(round(duration * 24_000))
    with pytest.raises(deepaudio.DeepAudioError, match="silence for line 1"):
        model.generate("dub", silent_clip, "Hello.", voice)


@pytest.mark.parametrize("instruction", ["dub the speaker", "add the sounds"])
def test_who_waits_hears_how_much_was_seen(model, silent_clip, voice, instruction):
    heard = []
    model.generate(
        instruction, silent_clip, "Hello.", voice, progress=lambda *state: heard.append(state)
    )
    seen = [(done, total) for what, done, total in heard if what == "seconds of video"]
    assert seen == sorted(seen) and seen[0] == (0, 4) and seen[-1] == (4, 4)


@pytest.mark.parametrize("shortages", [1, 2])
def test_a_full_gpu_is_tried_once_more_with_less_in_it(model, voice, monkeypatch, shortages):
    """The stand-ins, like full sizes, lie in the instance until they are let go."""
    kept, first = model.tts, model.tts.speak
    left = [torch.OutOfMemoryError("CUDA out of memory. 20 MiB")] * shortages

    def speak(*args, **given):
        if left:
            raise left.pop()
        return first(*args, **given)

    monkeypatch.setattr(kept, "speak", speak)
    monkeypatch.setattr(TextToSpeech, "load", lambda *_: kept)
    monkeypatch.setattr(FolderParts, "_vocoder", None)
    if shortages == 1:
        made = model.generate("read it", transcript="Hello.", reference=voice)
        assert made.waveform.any() and model.low_memory
    else:
        with pytest.raises(ResourceError, match="20 MiB") as caught:
            model.generate("read it", transcript="Hello.", reference=voice)
        assert caught.value.retryable and caught.value.exit_code == 6
