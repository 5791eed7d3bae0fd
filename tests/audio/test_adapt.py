"""Colouring, nearest envelopes and following a contour: known answers on made-up mels."""

import torch

from deepaudio.audio.adapt import active_frames, coloured, following, in_voice
from deepaudio.audio.content import Anchors, Utterance, lay, near
from deepaudio.audio.level import active_rms, at_level
from deepaudio.audio.timing import active_span


def speechlike(seed: int, n: int = 200) -> torch.Tensor:
    """(n 100) log-mel with 40 quiet frames in front."""
    rng = torch.Generator().manual_seed(seed)
    mel = torch.randn(n, 100, generator=rng) * 0.5 - 3 + torch.linspace(1, -1, 100) * (1 + seed)
    mel[:40] = -10
    return mel


def test_coloured_takes_the_mean_of_the_other():
    mel, like = speechlike(0), speechlike(3)
    made = coloured(mel, like)
    own, wanted = made[active_frames(mel)].mean(0), like[active_frames(like)].mean(0)
    assert (own - wanted).abs().max() < 0.05
    assert (mel[active_frames(mel)].mean(0) - wanted).abs().max() > 1


def test_in_voice_of_itself_changes_nothing_and_share_zero_neither():
    mel, other = speechlike(0), speechlike(2)
    assert torch.allclose(in_voice(mel, mel, 1.0, neighbours=1), mel, atol=1e-4)
    assert torch.equal(in_voice(mel, other, 0.0), mel)


def test_in_voice_comes_nearer_to_the_other():
    mel, other = coloured(speechlike(0), speechlike(2)), speechlike(2)
    here, there = active_frames(mel), active_frames(other)

    def distance(x):
        return torch.cdist(smooth(x[here]), smooth(other[there])).min(1).values.mean()

    def smooth(x):
        return torch.nn.functional.avg_pool1d(x, 8)

    assert distance(in_voice(mel, other, 0.8)) < 0.9 * distance(mel)


def test_following_moves_the_level_towards_the_contour():
    mel = torch.full((200, 100), -4.0)
    energy = torch.ones(200)
    energy[100:] = 0.5
    made = following(mel, energy, share=1.0, limit=2.0)
    drop = made[20:80].mean() - made[120:180].mean()
    assert abs(float(drop) - 0.693) < 0.03
    assert torch.equal(following(mel, torch.zeros(200)), mel)


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
    frames[40:48, 0] = 5.0  # a sound from 0.5 to 0.6 s of the teacher
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
