"""Reference voices: what is refused, what is only noted, and how a long one is cut."""

import numpy as np
import pytest
import soundfile
import torch

from deepaudio.errors import InputError
from deepaudio.media.reference import MAX_SECONDS, MAX_SEEN, load_reference

RATE = 16_000


def burst(seconds, rate=RATE, seed=0):
    """A voiced sound with the swing of syllables."""
    time = torch.arange(round(seconds * rate)) / rate
    buzz = sum(torch.sin(2 * torch.pi * 120 * k * time) / k for k in range(1, 20))
    return 0.15 * buzz * (0.35 + 0.65 * torch.sin(2 * torch.pi * 4 * time).abs())


def speech(*seconds, pause=0.4, rate=RATE):
    """Bursts with pauses between them."""
    quiet = 1e-4 * torch.randn(round(pause * rate), generator=torch.Generator().manual_seed(0))
    parts = []
    for length in seconds:
        parts += [burst(length, rate), quiet]
    return torch.cat(parts[:-1])


def saved(tmp_path, waveform, rate=RATE, subtype="PCM_16"):
    path = tmp_path / "ref.wav"
    soundfile.write(path, waveform.numpy().T, rate, subtype=subtype)
    return path


def refused(path, code):
    with pytest.raises(InputError) as error:
        load_reference(path)
    assert error.value.code == code, error.value.message
    return error.value.message


def test_good_reference_is_untouched(tmp_path):
    given = speech(2, 2)
    waveform, rate, facts, notices = load_reference(
        saved(tmp_path, given), "Some words that were spoken here."
    )
    assert rate == RATE and waveform.numel() == given.numel()
    assert notices.warnings == [] and facts.text == "Some words that were spoken here."


def test_silence_and_shortness_are_refused_with_numbers(tmp_path):
    assert "-100 dBFS" in refused(saved(tmp_path, torch.zeros(3 * RATE)), "reference.silent")
    assert "0.60 s" in refused(saved(tmp_path, speech(0.6)), "reference.too_short")
    mostly = torch.cat([torch.zeros(2 * RATE), burst(0.2), torch.zeros(2 * RATE)])
    assert "0.2" in refused(saved(tmp_path, mostly), "reference.too_short")


def test_other_files(tmp_path, corpus):
    refused(tmp_path / "no.wav", "reference.missing")
    (tmp_path / "t.wav").write_text("just words\n")
    refused(tmp_path / "t.wav", "reference.not_media")
    refused(corpus("silent.mp4"), "reference.no_audio")
    found = load_reference(corpus("plain.mp4"))
    assert "video" in found.notices.notes[0] and found.sample_rate == 48_000


def test_long_reference_is_cut_at_a_pause(tmp_path):
    given = speech(3, 4, 3, 5)
    waveform, _, facts, notices = load_reference(saved(tmp_path, given))
    assert 4 <= facts.end - facts.start <= MAX_SECONDS + 0.01
    assert facts.duration == pytest.approx(16.2, abs=0.01)
    pauses = [3.2, 7.6, 11.0]
    assert min(abs(facts.end - p) for p in pauses) < 0.21, facts
    assert waveform.numel() == pytest.approx((facts.end - facts.start) * RATE, abs=2)
    assert "cut at a pause" in notices.notes[-1]


def test_text_is_cut_with_the_sound(tmp_path):
    words = {
        3: "one two three four five six seven.",
        4: "eight nine ten eleven twelve thirteen four.",
        5: "a b c d e f g h i j k l m n o p q r s t.",
    }
    text = f"{words[3]} {words[4]} {words[3]} {words[5]}"
    _, _, facts, notices = load_reference(saved(tmp_path, speech(3, 4, 3, 5)), text)
    assert text.startswith(facts.text) and facts.text.endswith(".")
    assert "cut with the reference" in notices.warnings[0]
    share = len(facts.text) / len(text)
    assert share == pytest.approx((facts.end - 0.4) / 16, abs=0.12)


def test_no_pause_is_cut_all_the_same(tmp_path):
    waveform, rate, _, notices = load_reference(saved(tmp_path, speech(20)))
    assert waveform.numel() <= MAX_SECONDS * rate + 2 and "no pause" in notices.notes[-1]


def test_clipped_and_noisy_are_warned_with_numbers(tmp_path):
    clipped = (8 * speech(2, 2)).clamp(-1, 1)
    assert "clipped" in load_reference(saved(tmp_path, clipped)).notices.warnings[0]
    rng = torch.Generator().manual_seed(0)
    noisy = speech(2, 2) + 0.1 * torch.randn(speech(2, 2).numel(), generator=rng)
    (warning,) = load_reference(saved(tmp_path, noisy)).notices.warnings
    assert "noisy" in warning and "dB" in warning


def test_offset_range_and_channels(tmp_path):
    mono = speech(2, 2)
    shifted = load_reference(saved(tmp_path, 0.5 * mono + 0.2))
    assert abs(float(shifted.waveform.mean())) < 1e-3 and "offset" in shifted.notices.notes[0]
    loud = load_reference(saved(tmp_path, 20 * mono, subtype="FLOAT"))
    assert float(loud.waveform.abs().max()) == pytest.approx(1.0)
    eight = load_reference(saved(tmp_path, mono[None].repeat(8, 1)))
    assert eight.waveform.shape == mono.shape and "8 channels" in eight.notices.notes[0]
    opposed = load_reference(saved(tmp_path, torch.stack([mono, -mono])))
    assert float(opposed.waveform.std()) > 0.01, "opposed channels would cancel"


@pytest.mark.parametrize("rate", [8_000, 192_000])
def test_rates(tmp_path, rate):
    found = load_reference(saved(tmp_path, speech(2, rate=rate), rate))
    assert found.sample_rate == rate


def test_not_finite_is_refused(tmp_path):
    samples = speech(2)
    samples[5] = float("nan")
    refused(saved(tmp_path, samples, subtype="FLOAT"), "reference.not_finite")


def test_text_of_something_else_is_warned(tmp_path):
    path = saved(tmp_path, speech(2, 2))
    assert "characters per second" in load_reference(path, "Hi.").notices.warnings[0]
    assert "characters per second" in load_reference(path, "word " * 100).notices.warnings[0]
    assert load_reference(path, "   ").facts.text is None


def test_deterministic(tmp_path):
    path = saved(tmp_path, speech(3, 4, 3, 5))
    assert np.array_equal(load_reference(path).waveform, load_reference(path).waveform)


def test_a_reference_that_was_cut_off_is_used_with_a_warning(tmp_path, caplog):
    path = saved(tmp_path, speech(2, 2))
    path.write_bytes(path.read_bytes()[:-32_000])
    assert load_reference(path).waveform.numel() == pytest.approx(3.4 * RATE, abs=10)
    assert "ref.wav ends 32000 bytes early" in caplog.text


def test_of_a_film_only_the_beginning_is_read(tmp_path):
    path = tmp_path / "film.flac"
    film = speech(2, 2, rate=4000).repeat(150)
    soundfile.write(path, film.numpy(), 4000)
    found = load_reference(path)
    assert found.facts.duration == MAX_SEEN < len(film) / 4000
    assert "only its first 10 minutes were listened to" in found.notices.notes
    with pytest.raises(InputError) as error:
        load_reference(path, "Words from somewhere in it.")
    assert error.value.code == "reference.too_long"
