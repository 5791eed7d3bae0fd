"""The embedded V2A model on the example clip: speech where the mouth moves, sounds where the ball lands, silence else."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import deepaudio
from deepaudio.codecs.mel_linear import Model
from deepaudio.encoders.motion import SYNC_FIELDS
from deepaudio.inference import mini_v2a
from deepaudio.inference.mini_v2a import ClipFeatures, VideoToAudio, advance_onset, mel_energy
from deepaudio.media.probe import probe
from deepaudio.media.video import frames
from deepaudio.models.v2a import mmdit
from deepaudio.options import SampleOptions

pytestmark = pytest.mark.slow

PRESET = Path(deepaudio.__file__).parent / "presets" / "mini"
EXAMPLES = Path(__file__).parents[2] / "examples"
RATE = 93.75
OPTIONS = SampleOptions(steps=8)


@pytest.fixture(scope="module")
def v2a():
    return VideoToAudio.load(PRESET, torch.device("cpu"))


@pytest.fixture(scope="module")
def truth():
    return json.loads((EXAMPLES / "clip.json").read_text())


@pytest.fixture(scope="module")
def features(v2a):
    return v2a.features(EXAMPLES / "clip.mp4")


def onsets(waveform: np.ndarray, rate: int = 24_000) -> np.ndarray:
    """Seconds at which the level rises fivefold within 20 ms, of what is loud."""
    hop = rate // 200
    level = np.sqrt((waveform[: len(waveform) // hop * hop].reshape(-1, hop) ** 2).mean(1)) + 1e-4
    rise = level[4:] / level[:-4]
    found = [
        i for i in range(len(rise))
        if rise[i] > 5 and rise[i] == rise[max(0, i - 20) : i + 21].max() and level[i : i + 12].max() > 0.03 * level.max()
    ]  # fmt: skip
    return (np.array(found) + 4) / 200


def test_the_contour_is_high_where_the_mouth_speaks_and_zero_where_it_is_gone(v2a, features, truth):
    energy = v2a.energy(features, OPTIONS)
    assert len(energy) == int(features.duration * RATE)
    assert float(energy.max()) == pytest.approx(1) and float(energy.min()) >= 0
    time = (np.arange(len(energy)) + 0.5) / RATE
    spoken = np.any([(a < time) & (time < b) for a, b in truth["lines"]], axis=0)
    near = np.any([(a - 0.15 < time) & (time < b + 0.15) for a, b in truth["lines"]], axis=0)
    assert energy[spoken].mean() > 5 * energy[~near].mean()
    assert not energy[time > 5.8].any()  # the ball does not speak
    assert torch.equal(energy, v2a.energy(features, SampleOptions(seed=9)))


def test_small_images_by_ffmpeg_and_by_pillow_ask_for_the_same_energy(v2a, features):
    """FFmpeg scales before it converts colours: what is seen differs by rounding, the contour by less than 0.01."""
    clip = probe(EXAMPLES / "clip.mp4")
    whole = ((frame.time, frame.pixels.numpy()) for frame in frames(clip))
    seen = v2a.encoder.encode(whole, clip.duration)
    assert (seen.clip - features.clip).abs().mean() < 0.01
    assert (seen.sync - features.sync).abs().mean() < 0.01
    other = ClipFeatures(seen.sync, seen.clip, clip.duration, seen.sync[:, 0])
    a, b = (v2a.energy(what, OPTIONS) for what in (features, other))
    assert (a - b).abs().mean() < 0.01 and np.corrcoef(a, b)[0, 1] > 0.999


def test_frames_that_are_too_large_to_wait_are_drawn_at_once(monkeypatch):
    clip = probe(EXAMPLES / "clip.mp4")
    time, waiting = next(mini_v2a.pictures(clip))
    monkeypatch.setattr(mini_v2a, "WAITING", clip.width * clip.height - 1)
    again, drawn = next(mini_v2a.pictures(clip))
    assert not isinstance(waiting, np.ndarray) and isinstance(drawn, np.ndarray)
    assert time == again and np.array_equal(waiting.whole(), drawn)


def test_foley_meets_the_bounces(v2a, features, truth):
    sound = v2a.sound(features, truth["prompt"], "", OPTIONS)
    assert len(sound) == round(features.duration * v2a.sample_rate)
    assert sound.isfinite().all() and float(sound.abs().max()) <= 1
    found = onsets(sound.numpy())
    for bounce in truth["bounces"][:3]:  # the fourth is at the very end
        assert np.abs(found - bounce).min() < 0.08
    waiting = sound[int(5.6 * 24_000) : int(6.45 * 24_000)]
    landing = sound[int(6.5 * 24_000) : int(6.9 * 24_000)]
    assert waiting.square().mean() < 1e-3 * landing.square().mean()
    assert torch.equal(sound, v2a.sound(features, truth["prompt"], "", OPTIONS))


def test_the_prompt_and_the_seed_are_heard(v2a, features, truth):
    first = v2a.mel(features, truth["prompt"], "", OPTIONS)
    assert not torch.allclose(first, v2a.mel(features, "a metal ball bounces", "", OPTIONS))
    assert not torch.allclose(
        first, v2a.mel(features, truth["prompt"], "", SampleOptions(8, seed=1))
    )


def small(latent_dim: int = 64) -> VideoToAudio:
    """A random network of the right shape that does something."""
    torch.manual_seed(0)
    config = mmdit.Config(
        latent_dim=latent_dim, clip_dim=124, sync_dim=2 * len(SYNC_FIELDS), text_dim=192, text_len=16,
        hidden_dim=32, heads=2, depth=2, fused_depth=1, mlp_ratio=1, mlp_multiple=16, sync_segment=None,
    )  # fmt: skip
    model = mmdit.Model(config)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return VideoToAudio(model, Model(), None, None, torch.device("cpu"))


def seen(seconds: float) -> ClipFeatures:
    count = round(seconds * 46.875)
    sync = torch.randn(count, len(SYNC_FIELDS), generator=torch.Generator().manual_seed(1))
    return ClipFeatures(sync, torch.zeros(max(1, round(seconds * 4)), 124), seconds, sync[:, 0])


@pytest.mark.parametrize("seconds", [0.2, 2.9, 3.1, 11.0])
def test_any_length_gives_its_own_number_of_frames(seconds):
    mel = small().mel(seen(seconds), "rain", "", SampleOptions(steps=2))
    assert mel.shape == (1 + round(seconds * 24_000) // 256, 100) and mel.isfinite().all()


def test_what_is_far_away_does_not_change_a_long_clip():
    owner, clip = small(), seen(12.0)
    other = ClipFeatures(clip.sync.clone(), clip.clip, clip.duration, clip.face)
    other.sync[-46:] += 3.0  # the last second
    options = SampleOptions(steps=1, guidance_scale=1.0)
    a, b = (owner.mel(features, "", "", options) for features in (clip, other))
    assert torch.allclose(a[:600], b[:600], atol=1e-4)
    assert not torch.allclose(a[-90:], b[-90:], atol=1e-4)


def test_the_energy_of_a_quiet_mel_is_zero_and_louder_is_more():
    quiet, loud = torch.full((5, 100), -7.0), torch.full((5, 100), 2.0)
    assert not mel_energy(quiet).any()
    assert (mel_energy(loud) > 0).all() and len(mel_energy(loud)) == 4


def test_speech_begins_a_little_before_it_is_loud_and_ends_where_it_did():
    contour = torch.zeros(100)
    contour[40:60] = 1.0
    sooner = advance_onset(contour)
    assert sooner.nonzero()[:, 0].tolist() == list(range(34, 60))
    assert torch.equal(sooner[40:], contour[40:]) and float(sooner[:40].max()) < 0.5
    assert len(advance_onset(contour[:3])) == 3
