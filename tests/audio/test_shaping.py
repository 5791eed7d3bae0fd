"""Following a contour, levels, spans and content: known answers on made-up mels."""

import math

import torch

from deepaudio.audio.level import active_rms, at_level
from deepaudio.audio.prior.content import Anchors, Utterance, lay, near
from deepaudio.audio.prior.shaping import (
    active_frames,
    edges_heard,
    follow_energy,
    match_spectrum,
    subtract_noise,
)
from deepaudio.audio.prior.warp import matching_rows, rows_at
from deepaudio.audio.timing import active_span


def test_following_moves_the_level_towards_the_contour():
    mel = torch.full((200, 100), -4.0)
    energy = torch.ones(200)
    energy[100:] = 0.5
    made = follow_energy(mel, energy, share=1.0, limit=2.0)
    drop = made[20:80].mean() - made[120:180].mean()
    assert abs(float(drop) - 0.693) < 0.03
    assert torch.equal(follow_energy(mel, torch.zeros(200)), mel)


def test_first_and_last_sounds_are_heard_where_those_of_the_prior_are_and_the_rest_is_left():
    prior = torch.full((100, 100), -12.0)
    prior[20:80] = -2.0
    prior[20:24] = -5.0
    faded = prior.clone()
    faded[20:24] -= 4.0  # heard in the prior, not any more
    faded[75:80] -= 5.0
    faded[50] -= 5.0
    made = edges_heard(faded, prior, depth=3.6)
    assert torch.allclose(made[20:24], torch.tensor(-5.6))
    assert torch.allclose(made[75:80], torch.tensor(-5.6))
    assert torch.equal(made[24:75], faded[24:75]) and torch.equal(made[:20], faded[:20])
    assert torch.equal(edges_heard(prior, prior), prior), "what is heard stays as it is"
    silence = torch.full((10, 100), -12.0)
    assert edges_heard(silence, silence).shape == (10, 100)


def test_active_span_and_silence():
    energy = torch.zeros(100)
    energy[30:60] = 1
    first, last = active_span(energy)
    assert abs(first - 30) <= 2 and abs(last - 60) <= 2
    assert active_span(torch.zeros(50)) == (0, 50)


def test_level_ignores_pauses_and_silence_stays():
    speech = torch.cat(
        [torch.zeros(12_000), 0.3 * torch.randn(12_000, generator=torch.Generator().manual_seed(0))]
    )
    made, gain = at_level(speech)
    assert abs(active_rms(made) - 0.1) < 1e-3 and gain < 1
    assert at_level(torch.zeros(1000))[1] == 1.0


def test_content_lies_where_the_anchors_say():
    import numpy as np

    frames = torch.zeros(80, 92)
    frames[40:48, 0] = 5.0  # a sound from 0.5 to 0.6 s of the base TTS
    utterance = Utterance(frames, ())
    anchors = Anchors(np.array([[1.0, 1.4]]), np.array([[0.5, 0.6]]))
    laid = lay(utterance, anchors, 200)[:, 0]
    heard = (laid > 2.5).nonzero()[:, 0] / 93.75
    assert abs(float(heard[0]) - 1.0) < 0.05 and abs(float(heard[-1]) - 1.4) < 0.05
    assert list(near(np.array([0.9, 0.98, 1.2, 1.42, 1.5]), anchors.real)) == [
        False,
        True,
        True,
        True,
        False,
    ]


def noisy(seed: int = 0) -> torch.Tensor:
    """(200 100) log-mel: a pause with steady noise, then speech 6 nepers louder."""
    rng = torch.Generator().manual_seed(seed)
    mel = -6 + 0.1 * torch.randn(200, 100, generator=rng)
    mel[80:] += 6
    return mel


def test_steady_noise_sinks_and_speech_stays():
    mel = noisy()
    made = subtract_noise(mel)
    assert (made[:80] - mel[:80]).mean() < -1.5
    assert (made[80:] - mel[80:]).abs().max() < 0.01
    assert (made - mel).min() > -4


def test_matching_rows_find_a_small_shift_and_stay_inside():
    mel = torch.nn.functional.avg_pool1d(
        torch.randn(1, 100, 240, generator=torch.Generator().manual_seed(3)), 9, 1, 4
    )[0].T
    late = torch.cat([mel[:1].expand(4, -1), mel[:-4]])
    place = matching_rows(late, mel)  # frame i of mel is frame i + 4 of late
    assert abs(float((place - torch.arange(240).numpy())[20:-20].mean()) - 4) < 0.3
    assert place.min() >= 0 and place.max() <= 239
    assert (rows_at(late, place) - mel)[20:-20].abs().mean() < 0.3 * (late - mel).abs().mean()


def test_rows_between_two_frames_are_their_mean():
    import numpy as np

    values = torch.tensor([[0.0], [2.0], [4.0]])
    assert rows_at(values, np.array([0.5, 1.0, 2.0])).flatten().tolist() == [1.0, 2.0, 4.0]


def test_coloured_moves_the_mean_power_of_active_frames_by_its_share():
    mel, like = torch.randn(200, 100), torch.randn(300, 100) + torch.linspace(-1, 1, 100)

    def power(x):
        return torch.logsumexp(x[active_frames(x)], 0) - math.log(int(active_frames(x).sum()))

    wanted = power(like) - power(mel)
    made = match_spectrum(mel, like, share=0.5, width=1)
    assert torch.allclose(made - mel, 0.5 * (wanted - wanted.mean()).expand_as(mel), atol=1e-4)
    assert (made - mel).mean().abs() < 1e-4, "the level stays"
    assert torch.allclose(match_spectrum(mel, mel), mel, atol=1e-4)
    smooth = match_spectrum(mel, like, share=1.0, width=9) - mel
    assert smooth[0].diff().abs().mean() < 0.5 * (made - mel)[0].diff().abs().mean()
