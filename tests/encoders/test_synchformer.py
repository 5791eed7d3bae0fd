"""Synchformer's visual encoder: numbers of the official implementation, segments in order."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from deepaudio import upstream
from deepaudio.encoders.synchformer import n_segments

FIXTURE = Path(__file__).parents[1] / "fixtures" / "parity" / "synchformer.safetensors"


@pytest.fixture(scope="module")
def numbers():
    return load_file(FIXTURE)


@pytest.fixture(scope="module")
def encoder(numbers):
    state = {k.removeprefix("sd."): v for k, v in numbers.items() if k.startswith("sd.")}
    # the official file holds the whole audio-visual model
    state["afeat_extractor.x"] = state["transformer.y"] = torch.zeros(1)
    return upstream.load("synchformer", state, {"dim": 48, "depth": 2, "heads": 4})


@torch.no_grad()
def test_features_equal_upstream(encoder, numbers):
    frames = torch.randn(1, 2, 16, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    features = encoder.segments(frames)
    assert features.shape == numbers["feat"].shape
    assert (features - numbers["feat"]).abs().max() < 1e-4 * numbers["feat"].abs().max()
    clip = encoder(frames.flatten(1, 2)[:, :24])
    assert clip.shape == (1, 16, 48)
    assert torch.allclose(clip[:, :8], features[:, 0], atol=1e-5)


def test_segments_overlap_by_half():
    assert [n_segments(n) for n in (0, 15, 16, 23, 24, 200)] == [0, 0, 1, 1, 2, 24]


def test_less_than_a_segment_is_refused(encoder):
    with pytest.raises(ValueError, match="15 frames are fewer than a segment of 16"):
        encoder(torch.zeros(1, 15, 3, 224, 224))
