"""The V2A stage trains on scenes that it draws; its windows keep sight and sound together."""

import itertools
from pathlib import Path

import pytest
import torch

from deepaudio.data.v2a import (
    Clip,
    Layout,
    V2AData,
    V2AShards,
    face_alone,
    fold_sync,
    read_v2a_shard,
)
from deepaudio.encoders.motion import FACE_FIELDS, SYNC_FIELDS
from deepaudio.errors import InputError
from deepaudio.training import recipe as recipes
from deepaudio.training.stages.v2a import build

pytestmark = pytest.mark.slow

RECIPE = Path(__file__).parents[2] / "recipes" / "v2a" / "smoke.yaml"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    output = tmp_path_factory.mktemp("v2a")
    return recipes.load(RECIPE, [f"output={output}", "data.drawn=4", "data.batch_items=3"])


@pytest.fixture(scope="module")
def stage(recipe):
    return build(recipe)


def test_a_batch_is_of_one_length_and_repeats_with_its_seed(stage):
    batches = [next(stage.batches(torch.Generator().manual_seed(3))) for _ in range(2)]
    sync, clip, text, latent = batches[0]
    assert latent.shape == (3, 59, 24) and sync.shape == (3, 59, 226)  # 2.5 s at 23.4 Hz
    assert clip.shape == (3, 10, 124) and text.shape == (3, 16, 192)
    assert all(torch.equal(a, b) for a, b in zip(*batches, strict=True))


def test_the_loss_falls(stage):
    rng = torch.Generator().manual_seed(0)
    batch = next(stage.batches(rng))
    optimiser = torch.optim.Adam(stage.model.parameters(), lr=3e-3)
    losses = []
    for _ in range(15):
        loss = stage.loss(batch, torch.Generator().manual_seed(1))
        optimiser.zero_grad()
        (loss.value / loss.weight).backward()
        optimiser.step()
        losses.append(float(loss.value.detach()) / loss.weight)
    assert losses[-1] < 0.9 * losses[0]


def test_the_statistics_of_the_latents_are_those_of_the_data(stage):
    x1 = stage.model.normalize(torch.cat([c.latent for c in stage.shards.shards[0]])[None])
    assert x1.mean().abs() < 0.05 and 0.5 < float(x1.std()) < 3


def test_a_second_start_finds_the_scenes_and_the_codec_of_the_first(recipe, stage):
    drawn = drawn_at(recipe).with_suffix(".safetensors")
    before = drawn.stat().st_mtime_ns
    again = build(recipe)
    assert drawn.stat().st_mtime_ns == before
    assert torch.equal(again.shards.shards[0][0].latent, stage.shards.shards[0][0].latent)


def drawn_at(recipe) -> Path:
    return Path(recipe.output) / f"drawn-{recipe.seed}-{recipe.data['drawn']}"


def test_sight_and_sound_stay_together_in_a_window(recipe):
    """Latents that repeat a column of what is seen must still do so after the draw."""
    rows, tensors = read_v2a_shard(drawn_at(recipe))
    key = rows[0]["key"]
    where = 40  # a column of sight
    layout = Layout(46.875, 4.0, 23.4375, ("presence", "yaw", "patch_motion", "ranged_aperture"))

    def encode(mel):
        return fold_sync(tensors[f"{key}.sync"].float())[None, :, where : where + 1]

    data = V2AData((str(drawn_at(recipe)),), seconds=1.0, splice=0, noise=0)
    shards = V2AShards(data, layout, encode, lambda prompt: torch.zeros(2, 3), torch.zeros(1))
    shards.shards = [shards.shards[0][:1]]
    batch = next(shards.batches(torch.Generator().manual_seed(0)))
    assert torch.equal(batch.sync[..., where : where + 1], batch.latent)


def test_a_face_alone_keeps_what_moves_where_no_face_is():
    sync, clip = torch.rand(6, 5) + 0.1, torch.rand(2, 4)
    sync[3:, 0] = 0
    alone, blank = face_alone(sync, clip, 2)
    assert torch.equal(alone[:3, :2], sync[:3, :2]) and not alone[:3, 2:].any()
    assert torch.equal(alone[3:], sync[3:]) and not blank.any()


def test_another_face_is_seen_at_the_same_moments_and_moves_alike(recipe):
    """Gains, levels and lost measures differ; presence, the rest of the video and the sound stay."""
    face = len(FACE_FIELDS)
    width = len(SYNC_FIELDS)
    sync = torch.zeros(140, width)
    sync[40:, 0] = 1
    sync[40:, 1:] = torch.rand(100, width - 1) + 0.5
    clip = Clip("a", "grid", ("speech",), (), sync, torch.rand(12, 3), torch.rand(70, 1))
    layout = Layout(46.875, 4.0, 23.4375, FACE_FIELDS)
    values = {"jitter": 0.4, "shift": 0.3, "sway": 0.0, "lost": 0.2, "noise": 0.0, "splice": 0.0}
    values |= {"hide_face": 0.0, "hide_sight": 0.0, "batch_items": 1, "seconds": 2.98}
    data = V2AData((str(drawn_at(recipe)),), **values)
    shards = V2AShards(
        data, layout, lambda mel: mel[:, ::4], lambda prompt: torch.zeros(2, 3), torch.zeros(1)
    )
    shards.shards = [[clip]]
    rng = torch.Generator().manual_seed(0)
    batches = [next(shards.batches(rng)) for _ in range(4)]
    seen = [batch.sync.reshape(140, width) for batch in batches]
    for one in seen:
        assert torch.equal(one[:, 0], sync[:, 0]) and torch.equal(one[:, face:], sync[:, face:])
        assert not one[:40, 1:face].any()
        kept = one[40:, 1:face].any(0)
        pairs = torch.stack([one[40:, 1:face].T, sync[40:, 1:face].T], 1)[kept]
        assert all(float(torch.corrcoef(pair)[0, 1]) > 0.999 for pair in pairs)
    assert not any(torch.allclose(a, b) for a, b in itertools.pairwise(seen))


def test_a_missing_shard_is_an_input_error():
    with pytest.raises(InputError, match=r"no nowhere\.json"):
        read_v2a_shard("nowhere")
