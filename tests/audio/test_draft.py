"""Sketches: WORLD there and back, the voice's pitch and envelopes, times of the anchors."""

import numpy as np
import pytest
import torch

from deepaudio.audio.mel import log_mel
from deepaudio.audio.prior.content import Anchors
from deepaudio.audio.prior.draft import BASS, EDGE, SLOW, VoiceTraits, _steadied, draft_mel
from deepaudio.audio.prior.world import RATE, World, active, analyse, pitch_of, synthesise


def vowel(hertz: float, formants: tuple[float, ...], seconds: float = 1.2) -> np.ndarray:
    """Harmonics of `hertz` under bumps at `formants`, with 0.1 s of silence at both ends."""
    times = np.arange(int(seconds * RATE)) / RATE
    sound = np.zeros_like(times)
    for harmonic in np.arange(hertz, 5000, hertz):
        gain = sum(np.exp(-(((harmonic - f) / 150) ** 2)) for f in formants) + 0.003
        sound += gain * np.sin(2 * np.pi * harmonic * times)
    edge = int(0.1 * RATE)
    sound[:edge] = sound[-edge:] = 0
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


def world(hertz: float, formants: tuple[float, ...]) -> World:
    sound = vowel(hertz, formants)
    return analyse(sound, pitch_of(sound))


def timbre_encoder(codes, voiced, at):
    """Hears only the long-term envelope of a voice."""
    mean = codes[at].mean(0)
    return lambda own, voiced, spoken: (mean - own[spoken].mean(0)).expand_as(own).clone()


AH, OH = (730.0, 1090.0, 2440.0), (570.0, 840.0, 2410.0)
EVERYWHERE = Anchors(np.array([[0.1, 1.1]]), np.array([[0.1, 1.1]]))


def test_world_there_and_back_keeps_pitch_and_level():
    sound = vowel(140, AH)
    back = synthesise(world(140, AH), len(sound))
    voiced = pitch_of(back)
    assert np.median(voiced[voiced > 0]) == pytest.approx(140, rel=0.01)
    assert np.std(back) == pytest.approx(np.std(sound), rel=0.2)


def test_a_mel_prior_has_the_pitch_and_the_level_of_the_voice():
    voice = VoiceTraits.of(torch.from_numpy(vowel(210, AH)), timbre_encoder)
    made = draft_mel(world(120, AH), EVERYWHERE, RATE, voice)
    low = made[20:60].exp()

    # the harmonics of 210 Hz stand apart in the mel (40 Hz a bin at the bottom); those of 120 Hz would not be there
    def near(hertz: float) -> int:
        """The mel channel (HTK scale, 100 of them up to 12 kHz) nearest to `hertz`."""
        mels = 2595 * np.log10(1 + np.array([hertz, 12_000]) / 700)
        return round(mels[0] / mels[1] * 101) - 1

    assert low[:, near(210)].mean() > 2 * low[:, near(120)].mean()
    assert voice.middle == pytest.approx(210, rel=0.02)


def test_a_known_melody_replaces_the_teachers():
    voice = VoiceTraits.of(torch.from_numpy(vowel(200, AH)), timbre_encoder)
    melody = np.full(240, 150.0)
    plain = draft_mel(world(120, AH), EVERYWHERE, RATE, voice)
    known = draft_mel(world(120, AH), EVERYWHERE, RATE, voice, melody)
    assert (plain - known).abs().mean() > 0.2
    silent = draft_mel(world(120, AH), EVERYWHERE, RATE, voice, np.zeros(240))
    assert torch.allclose(plain, silent)


def test_envelopes_come_nearer_to_those_of_the_voice():
    target = torch.from_numpy(vowel(150, OH))
    like, other = (
        VoiceTraits.of(target, timbre_encoder),
        VoiceTraits.of(torch.from_numpy(vowel(150, AH)), timbre_encoder),
    )
    towards, away = (
        draft_mel(world(150, AH), EVERYWHERE, RATE, v)[20:60].mean(0) for v in (like, other)
    )
    wanted = log_mel(target[None])[0][20:60].mean(0)
    heard = wanted > wanted.max() - 6
    near, far = (made[heard] - wanted[heard] for made in (towards, away))
    assert near.std() < 0.7 * far.std()


def test_nothing_sounds_where_no_phone_lies():
    anchors = Anchors(np.array([[0.5, 0.8]]), np.array([[0.3, 0.6]]))
    made = draft_mel(
        world(120, AH),
        anchors,
        RATE,
        VoiceTraits.of(torch.from_numpy(vowel(120, AH)), timbre_encoder),
    )
    assert made[:40].max() < made[50:72].max() - 4
    assert made[84:].max() < made[50:72].max() - 4


def test_active_frames_are_the_loud_ones():
    frames = active(world(120, AH).envelope)
    assert not frames[:15].any() and frames[40:200].all()


def test_a_voice_without_pitch_keeps_the_teachers():
    noise = torch.randn(RATE, generator=torch.Generator().manual_seed(0)) * 0.1
    voice = VoiceTraits.of(noise, timbre_encoder)
    assert torch.isfinite(
        draft_mel(world(120, AH), EVERYWHERE, RATE, voice._replace(pitch=voice.pitch * 0))
    ).all()


def test_changes_in_the_bass_are_slow_and_those_above_stay():
    rng = np.random.default_rng(0)
    change = rng.standard_normal((200, 513))
    heard = np.ones(200, bool)
    heard[80:120], change[80:120] = False, 50.0  # what is not heard says nothing of the voice
    steady = _steadied(change, heard)
    hertz = np.linspace(0, 12_000, 513)
    bass, rest = hertz < 150, hertz > 1500
    assert (
        np.abs(np.diff(steady[:, bass], axis=0)).mean()
        < 0.1 * np.abs(np.diff(change[heard][:, bass], axis=0)).mean()
    )
    assert np.abs(steady[:80, bass]).max() < 2
    assert np.allclose(steady[:, rest], change[:, rest], atol=0.01)
    kernel = np.hanning(SLOW + 2)[1:-1] / np.hanning(SLOW + 2)[1:-1].sum()
    edges = np.pad(np.c_[change * (heard[:, None] + 1e-3), heard + 1e-3], ((SLOW // 2,) * 2, (0, 0)), "edge")  # fmt: skip
    means = np.stack([np.convolve(column, kernel, "valid") for column in edges.T], 1)
    slow = means[:, :-1] / means[:, -1:]
    assert np.allclose(
        steady, slow + (change - slow) / (1 + np.exp((BASS - hertz) / EDGE)), atol=1e-6
    )
