"""Sounds in pieces: every piece is what the whole would have there."""

import pytest
import torch
from torchaudio.transforms import Resample

from deepaudio.errors import ResourceError
from deepaudio.media import spool
from deepaudio.media.spool import spooled
from deepaudio.waves import LazyWave

RATE = 8000


@pytest.fixture
def noise():
    return torch.randn(2, 3 * RATE + 17, generator=torch.Generator().manual_seed(0))


def pieces(wave, size=1234):
    return torch.cat(list(wave.blocks(size)), 1)


def test_silence_before_and_after(noise):
    wave = LazyWave.of(noise, RATE)
    assert torch.equal(wave.piece(-5, 5), torch.nn.functional.pad(noise[:, :5], (5, 0)))
    assert torch.equal(wave.fitted(40_000).piece(30_000, 40_000), torch.zeros(2, 10_000))
    assert torch.equal(pieces(wave.fitted(100)), noise[:, :100])
    assert LazyWave.of(torch.zeros(0), RATE).whole().shape == (1, 0)


@pytest.mark.parametrize("rate", [24_000, 11_025, 44_100, 5_512])
def test_resampled_piece_by_piece(noise, rate):
    wave = LazyWave.of(noise, RATE).at(rate)
    expected = Resample(RATE, rate)(noise)
    assert wave.n_samples == expected.shape[1]
    assert torch.allclose(pieces(wave), expected, atol=1e-5)


def test_sums_products_and_changes_with_context(noise):
    wave = LazyWave.of(noise, RATE)
    ramp = LazyWave.of(torch.linspace(0, 1, noise.shape[1]), RATE)
    assert torch.equal(pieces(wave * ramp + wave), noise * ramp.whole() + noise)
    smooth = wave.through(lambda x: torch.nn.functional.avg_pool1d(x, 9, 1, 4), context=4)
    inside = slice(4, -4)  # avg_pool1d counts the padding at the ends of what it is given
    expected = torch.nn.functional.avg_pool1d(noise, 9, 1, 4)
    assert torch.allclose(pieces(smooth)[:, inside], expected[:, inside], atol=1e-6)
    with pytest.raises(ValueError, match="go together"):
        wave + wave.at(24_000)


def test_a_spooled_sound_leaves_no_name_behind(noise, tmp_path):
    wave = spooled(noise.split(1000, 1), RATE, tmp_path)
    assert (wave.channels, wave.n_samples) == noise.shape
    assert torch.equal(pieces(wave), noise) and torch.equal(wave.piece(7, 9), noise[:, 7:9])
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_a_resource_error(noise, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "write_floats", full)
    with pytest.raises(ResourceError, match="disk full"):
        spooled([noise], RATE, tmp_path)
