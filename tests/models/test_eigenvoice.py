"""Eigenvoices: a voice is found again from what it said, order and number of frames do not matter, the shipped timbre encoder works without text."""

from pathlib import Path

import torch

import deepaudio
from deepaudio.checkpoint import load_network
from deepaudio.models.eigenvoice import Config, Model, windows

SMALL = Config(n_moved=12, n_read=8, rank=3, features=10, source_dim=16, target_dim=16, layers=1)
SHIPPED = Path(deepaudio.__file__).parent / "presets" / "mini" / "voice"


def model() -> Model:
    torch.manual_seed(0)
    made = Model(SMALL).eval()
    made.bases.data = torch.randn_like(made.bases)
    made.ridge.data.fill_(-12.0)
    return made


def test_a_voice_of_the_space_is_found_again():
    m = model()
    place, offset = torch.randn(2, 3), torch.randn(2, 12)
    matrix = m.bases[0] + torch.einsum("br,rmf->bmf", place, m.bases[1:])
    features = torch.cat([torch.randn(2, 80, 9), torch.ones(2, 80, 1)], -1)
    change = features @ matrix.transpose(1, 2) + offset[:, None]
    with torch.no_grad():
        solved = m.solve(features[:, :40], torch.ones(2, 40), change[:, :40])
        assert torch.allclose(solved(features[:, 40:]), change[:, 40:], atol=0.02)


def test_frames_without_trust_do_not_count():
    m = model()
    features = torch.cat([torch.randn(1, 60, 9), torch.ones(1, 60, 1)], -1)
    change, trust = torch.randn(1, 60, 12), torch.ones(1, 60)
    trust[:, 30:] = 0
    with torch.no_grad():
        part = m.solve(features[:, :30], trust[:, :30], change[:, :30])
        whole = m.solve(features, trust, change)
    assert torch.allclose(part.matrix, whole.matrix, atol=1e-3)
    assert torch.allclose(part.offset, whole.offset, atol=1e-3)


def test_a_strong_ridge_leaves_what_all_voices_share():
    m = model()
    m.ridge.data.fill_(20.0)
    features = torch.cat([torch.randn(1, 60, 9), torch.ones(1, 60, 1)], -1)
    with torch.no_grad():
        solved = m.solve(features, torch.ones(1, 60), torch.randn(1, 60, 12))
    assert torch.allclose(solved.matrix[0], m.bases[0], atol=1e-3)


def test_windows_repeat_the_edges_and_step_by_the_stride():
    codes, voiced = torch.arange(6.0)[:, None], torch.tensor([True] * 6)
    at = torch.tensor([0, 5])
    found = windows(codes, voiced, at, (-1, 0, 1), stride=2).reshape(2, 3, 2)
    assert found[:, :, 0].tolist() == [[0, 0, 2], [3, 5, 5]]
    assert (found[:, :, 1] == 2).all()


def test_a_timbre_changes_every_code_of_every_row():
    m = model()
    codes, voiced = torch.randn(50, 50), torch.rand(50) < 0.5
    timbre = m.timbre(codes, voiced, torch.arange(0, 50, 2))
    change = timbre(torch.randn(30, 50), torch.rand(30) < 0.5, torch.arange(30) < 20)
    assert change.shape == (30, 50) and torch.isfinite(change).all()
    few = m.timbre(codes, voiced, torch.arange(3))
    assert torch.isfinite(few(codes, voiced, voiced | True)).all()


def test_the_shipped_timbre_encoder_finds_a_colour_in_other_words():
    """The base TTS, brightened, says one sentence; the timbre taken from it brightens another sentence."""
    from deepaudio.audio.prior import world
    from deepaudio.audio.prior.draft import resynthesised
    from deepaudio.encoders.content import ContentEncoder

    timbre_encoder, encoder = load_network(SHIPPED, "eigenvoice").timbre, ContentEncoder()
    target, source = (
        resynthesised(encoder.encode(text).spectra)
        for text in ("The quick brown fox jumps over a lazy dog.", "My uncle bought nine pears.")
    )
    colour = torch.zeros(50)
    colour[1:5] = torch.tensor([-1.5, 0.6, 0.5, -0.4])
    spoken = torch.from_numpy(world.active(target.envelope)).nonzero()[:, 0]
    codes_of_source, voiced = (
        torch.from_numpy(world.coded(source.envelope)).float(),
        source.pitch > 0,
    )
    active = torch.from_numpy(world.active(source.envelope))
    codes = torch.from_numpy(world.coded(target.envelope)).float()
    plain, bright = (
        timbre_encoder(codes + added, torch.from_numpy(target.pitch > 0), spoken)(
            codes_of_source, torch.from_numpy(voiced), active
        )
        for added in (0 * colour, colour)
    )
    moved = (bright - plain)[active].mean(0)
    assert torch.allclose(moved[1:5], colour[1:5], atol=0.35)
