"""Metrics against known answers: closed forms, literal tables, and numbers of published implementations."""

import json
import logging
import math
from pathlib import Path

import pytest
import torch

from deepaudio.errors import InputError
from deepaudio.metrics import find_metric, metric_names
from deepaudio.metrics.cepstral import length_ratio, mel_cepstra, plain, warp_matrix, warped
from deepaudio.metrics.distributions import (
    frechet_distance,
    inception,
    kl,
    mean_and_deviation,
    tag_recall,
)
from deepaudio.metrics.embeddings import cosine
from deepaudio.metrics.energy import energy_correlation, pearson, signed
from deepaudio.metrics.events import av_align, motion_peaks, onset_error, onset_times
from deepaudio.metrics.intervals import bootstrap_mean
from deepaudio.metrics.scores import desync
from deepaudio.metrics.timing import speaking_rate_error as rate_error
from deepaudio.metrics.timing import speech_span
from deepaudio.metrics.transcripts import count, paper_normalised
from deepaudio.metrics.warping import fast_dtw

SHARED = Path(__file__).resolve().parents[3] / "shared"
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared beside the repository")


@pytest.fixture(scope="module")
def fixture():
    from safetensors.torch import load_file

    return load_file(FIXTURES / "metrics.safetensors")


def voice(seconds: float, rate: int, pitch: float = 120.0, seed: int = 0) -> torch.Tensor:
    """A buzzing, slowly modulated tone complex with a little noise."""
    t = torch.arange(round(seconds * rate)) / rate
    wave = sum(torch.sin(2 * math.pi * pitch * k * t) / k for k in range(1, 12))
    noise = torch.randn(len(t), generator=torch.Generator().manual_seed(seed))
    return 0.05 * wave * (1.2 + torch.sin(2 * math.pi * 3 * t)) + 0.001 * noise


def test_every_metric_says_what_it_needs():
    for name in metric_names():
        metric = find_metric(name)
        assert metric.better in ("lower", "higher") and metric.per in ("item", "set")
        assert metric.needs and set(metric.tasks) <= {"v2s", "v2a", "tts", "mof"}
    assert {"wer", "mcd", "mcd_sl", "speaker_similarity", "energy_correlation"} <= set(
        metric_names("v2s")
    )
    assert metric_names("mof") == ["gate_accuracy"]
    with pytest.raises(InputError, match="no metric 'wre'") as caught:
        find_metric("wre")
    assert "wer" in caught.value.hint


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors", "n_words"),
    [
        ("place red at P four now", "Place red at P4 now.", 0, 6),
        ("lay white by s zero again", "Lay white by S0 again", 0, 6),
        ("Mister Smith won't wait", "mr. smith will not wait", 0, 5),
        ("bin blue at f two now", "bin blew at f two", 2, 6),
        ("yes", "yes yes yes", 2, 1),
        ("the red boat", "", 3, 3),
    ],
)
def test_word_errors_by_hand(reference, hypothesis, errors, n_words):
    found = count(reference, hypothesis)
    assert (found.errors, found.words) == (errors, n_words)


def test_word_errors_of_the_paper_keep_numbers_as_written():
    found = count("I counted forty-two.", "I counted 42", paper_normalised)
    assert (found.errors, found.words) == (1, 3)
    assert paper_normalised("A,  b; C!") == "a b c"
    assert paper_normalised("“It’s — fine”…") == "its fine"
    with pytest.raises(ValueError, match="no words"):
        count("...", "hello")


def test_pooled_wer_weighs_by_length_and_mean_wer_does_not():
    pooled = find_metric("wer_pooled").compute(
        text=["a b c d e f g h", "yes"], output_transcript=["a b c d e f g h", "no"]
    )
    assert pooled == pytest.approx(1 / 9)
    assert find_metric("wer").compute("yes", "no") == 1.0


def test_frechet_inception_and_divergence_of_the_published_code(fixture):
    assert frechet_distance(fixture["A"], fixture["B"]) == pytest.approx(3.1052842805, abs=1e-3)
    mean, deviation = mean_and_deviation(fixture["La"])
    assert mean == pytest.approx(3.0072653217, abs=1e-6)
    assert deviation == pytest.approx(0.1460290025, abs=1e-6)
    # The fixture's number is the divergence of Lb (as target) from La (as output).
    pairs = zip(fixture["La"], fixture["Lb"], strict=True)
    values = [kl(a, b) for a, b in pairs]
    assert sum(values) / len(values) == pytest.approx(2.971804142, abs=1e-5)


def test_too_few_embeddings_for_a_covariance_are_said(caplog):
    a, b = torch.randn(2, 40, 8).unbind()
    with caplog.at_level(logging.WARNING, logger="deepaudio"):
        frechet_distance(a, b)
        frechet_distance(a[:9], b)
        assert not caplog.records
        frechet_distance(a, b[:8])
    assert "of 8 embeddings in 8 dimensions" in caplog.text


def test_frechet_in_closed_form():
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(4000, 3, generator=rng, dtype=torch.float64)
    scale, offset = torch.tensor([2.0, 0.5, 1.0], dtype=torch.float64), torch.tensor([1.0, 0, -2])
    # b is an exact linear image of a, so that the closed form needs no statistics.
    b = a * scale + offset
    spread = (a - a.mean(0)) / 1.0
    covariance = spread.T @ spread / (len(a) - 1)
    s = torch.diag(scale)
    cov_b = s @ covariance @ s
    values = torch.linalg.eigvals(covariance @ cov_b).real.clamp(min=0).sqrt().sum()
    expected = (
        ((a.mean(0) - b.mean(0)) ** 2).sum() + covariance.trace() + cov_b.trace() - 2 * values
    )
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="two rows"):
        frechet_distance(a[:1], b)


def test_inception_of_certain_and_even_classes():
    certain = torch.eye(4).repeat(10, 1) * 1e3
    assert mean_and_deviation(certain, splits=1)[0] == pytest.approx(4, rel=1e-6)
    assert inception([torch.zeros(5)] * 20) == pytest.approx(1)
    assert kl(torch.zeros(5), torch.zeros(5)) == 0


def test_warp_matrix_keeps_a_cepstrum_at_alpha_zero_and_inverts():
    there, back = warp_matrix(60, 59, 0.4), warp_matrix(60, 59, -0.4)
    assert abs(warp_matrix(8, 4, 0.0) - torch.eye(8).numpy()[:5]).max() < 1e-12
    cepstrum = torch.zeros(60).double().numpy()
    cepstrum[:4] = (1.0, 0.5, -0.3, 0.2)
    assert abs(back @ there @ cepstrum - cepstrum)[:20].max() < 1e-6


def test_fast_dtw_follows_a_repeated_frame_exactly():
    a = torch.randn(40, 3, generator=torch.Generator().manual_seed(1)).numpy()
    index = sorted([*range(40), *range(0, 40, 4)])
    path = fast_dtw(a, a[index])
    assert path[0] == (0, 0) and path[-1] == (39, len(index) - 1)
    assert all(index[j] == i for i, j in path)
    with pytest.raises(ValueError, match="0 and 40"):
        fast_dtw(a[:0], a)


def test_distortion_of_a_signal_with_itself_is_zero_and_grows_with_change():
    same, other = mel_cepstra(voice(0.6, 22050)), mel_cepstra(voice(0.6, 22050, 190.0, seed=3))
    assert warped(same, same) == 0 and plain(*[voice(0.6, 22050)] * 2) == 0
    assert plain(voice(0.6, 22050), voice(0.5, 22050)) > 1
    assert warped(other, same) > 1
    silence = mel_cepstra(torch.zeros(22050))
    assert warped(silence, same) > warped(other, same)
    longer = mel_cepstra(voice(0.9, 22050))
    assert length_ratio(longer, same) == pytest.approx(181 / 121)
    sl, dtw = (find_metric(n).compute(longer, same) for n in ("mcd_sl", "mcd"))
    assert sl == pytest.approx(dtw * 181 / 121)


def test_distortion_in_closed_form():
    step = torch.zeros(50, 14, dtype=torch.float64)
    step[:, 0] = 1.0
    # A constant difference of 1 in c0 is 10/ln 10 * sqrt 2 dB in every frame.
    assert warped(step, torch.zeros_like(step)) == pytest.approx(6.1418515)


@needs_shared
def test_distortion_and_alignment_of_the_published_code():
    from deepaudio.evaluation.features import _resampled
    from deepaudio.media.audio import read_audio, read_native

    known = json.loads((SHARED / "parity/mcd_avalign.json").read_text())
    folder = SHARED / "media/video_talk_movie"
    names = [folder / f"acappemin__DeepAudio-V1__Gobber-00-{n}.wav" for n in ("0235", "0778")]
    if not all(name.is_file() for name in names):
        pytest.skip("the two wavs are not among the media here")
    first, second = (_resampled(read_audio(name, 24000), 24000, 22050) for name in names)
    a, b = mel_cepstra(first), mel_cepstra(second)
    assert warped(b, a) == pytest.approx(known["mcd_dtw_0235_vs_0778"], abs=1e-3)
    assert find_metric("mcd_sl").compute(b, a) == pytest.approx(
        known["mcd_dtw_sl_0235_vs_0778"], abs=1e-3
    )
    assert plain(second, first) == pytest.approx(known["mcd_plain_0235_vs_0778"], abs=1e-3)
    # The flow of the clip's 77 frames was measured once by `flow_magnitudes`: it takes half a minute.
    channels, rate = read_native(folder / "acappemin__DeepAudio-V1__0235.mp4")
    onsets = onset_times(_resampled(channels.mean(0), rate, 22050))
    expected = known["avalign_0235.mp4"]
    seen = json.loads((FIXTURES / "flow_0235.json").read_text())
    assert len(onsets) == expected["n_audio"] and len(seen["flow"]) == expected["frames"]
    assert len(motion_peaks(seen["flow"], seen["frame_rate"])) == expected["n_video"]
    score = av_align(onsets, (seen["flow"], seen["frame_rate"]))
    assert score == pytest.approx(expected["score"], abs=1e-3)


def test_distortion_and_onsets_of_the_published_libraries():
    """pymcd 0.2.1 and librosa 0.11.0 on both halves of the example voice at 22.05 kHz, measured once."""
    from deepaudio.evaluation.features import _resampled
    from deepaudio.media.audio import read_audio

    voice = _resampled(read_audio(EXAMPLES / "voice.wav", 24_000), 24_000, 22_050)
    middle = len(voice) // 2
    first, second = voice[:middle], voice[middle : middle + 50_000]
    a, b = mel_cepstra(first), mel_cepstra(second)
    assert plain(second, first) == pytest.approx(25.551789, abs=1e-3)
    assert warped(b, a) == pytest.approx(11.489426, abs=1e-3)
    assert find_metric("mcd_sl").compute(b, a) == pytest.approx(14.096058, abs=1e-3)
    # librosa: onset_detect of onset_strength, in seconds
    known = [0.1161, 0.25542, 0.3483, 0.41796, 0.53406, 0.6966, 0.76626, 1.09134, 1.23066]
    known += [1.34676, 1.46286, 1.64862, 1.76472, 1.95048, 2.0898, 2.41488, 2.73995]
    assert onset_times(first) == pytest.approx(known, abs=1e-4)


def test_av_align_by_hand():
    # 10 frames a second: peaks of motion at 0.3 and 0.6 s; onsets at 0.35 (near) and 1.0 s (not).
    flow = [0.0, 0.0, 0.1, 0.5, 0.1, 0.2, 0.9, 0.2, 0.0, 0.0]
    assert av_align([0.35, 1.0], (flow, 10.0)) == pytest.approx(1 / 3)
    assert av_align([0.3, 0.6], (flow, 10.0)) == 1
    assert av_align([], ([0.0] * 5, 10.0)) == 0


def test_onsets_of_clicks_are_where_the_clicks_are():
    waveform = 1e-4 * torch.randn(44100, generator=torch.Generator().manual_seed(0))
    events = (0.4, 0.9, 1.5)
    for event in events:
        start = round(event * 22050)
        decay = torch.exp(-torch.arange(2000) / 300.0)
        waveform[start : start + 2000] += decay * torch.randn(
            2000, generator=torch.Generator().manual_seed(start)
        )
    found = onset_times(waveform)
    assert len(found) == 3
    assert onset_error(found, events) < 0.05
    assert onset_error([], events) == 1.0 and onset_times(torch.zeros(22050)) == []
    with pytest.raises(ValueError, match="no onsets"):
        onset_error(found, [])


def test_energy_correlation_sees_shape_and_not_level():
    a = torch.sin(torch.arange(300) / 20.0).abs()
    assert energy_correlation(0.2 * a, a) == pytest.approx(1)
    assert energy_correlation(a.flip(0).roll(37), a) < 0.9
    assert energy_correlation(torch.zeros(300), a) == 0
    assert energy_correlation(a[:250], a) < 1
    assert pearson(torch.zeros(4), torch.zeros(4)) == 1


def test_energy_lag_finds_a_known_shift():
    a = torch.rand(400, generator=torch.Generator().manual_seed(2))
    late = torch.cat([torch.zeros(15), a])[:400]
    assert signed(late, a) == pytest.approx(15 * 256 / 24000)
    assert signed(a, late) == pytest.approx(-15 * 256 / 24000)
    assert signed(a, a) == 0
    assert signed(torch.zeros(400), a) == 0.5


def test_speech_span_of_a_voice_between_silences():
    waveform = torch.zeros(3 * 24000)
    waveform[24000 : 48000 + 12000] = voice(1.5, 24000)
    waveform += 1e-3 * torch.randn(len(waveform), generator=torch.Generator().manual_seed(0))
    waveform[2400:2600] += 0.05  # a click half a second before is no speech
    start, end = speech_span(waveform)
    assert abs(start - 1.0) < 0.04 and abs(end - 2.5) < 0.04
    with pytest.raises(ValueError, match="flat"):
        speech_span(torch.zeros(24000))


def test_cosine_refuses_what_has_no_direction():
    assert cosine(torch.tensor([3.0, 0]), torch.tensor([1.0, 0])) == pytest.approx(1)
    for bad in (torch.zeros(2), torch.tensor([float("nan"), 1.0])):
        with pytest.raises(ValueError, match=r"zero|finite"):
            cosine(bad, torch.ones(2))


def test_small_metrics_by_hand():
    assert desync([0.2, -0.4]) == pytest.approx(0.3)
    assert tag_recall(torch.arange(20.0), torch.arange(20.0)) == 1
    assert tag_recall(torch.arange(20.0), -torch.arange(20.0)) == 0
    # Twice as many words in the same second of speech: 100 % off.
    assert rate_error("a b c d", (0.0, 1.0), "a b", (0.0, 1.0)) == pytest.approx(1.0)
    assert find_metric("gate_accuracy").compute("tts", "v2s") == 0


def test_bootstrap_covers_the_mean_at_its_level():
    rng = torch.Generator().manual_seed(0)
    hits = 0
    for trial in range(120):
        values = torch.randn(40, generator=rng) + 5
        low, high = bootstrap_mean(values, draws=300, seed=trial)
        hits += low <= 5 <= high
    assert 0.85 <= hits / 120 <= 0.995
    assert bootstrap_mean(torch.tensor([2.0])) == (2.0, 2.0)
    assert bootstrap_mean(torch.tensor([1.0, 3.0]), seed=1) == bootstrap_mean(
        torch.tensor([1.0, 3.0]), seed=1
    )
