"""The V2A stage trains on scenes that it draws; its windows keep sight and sound together."""

from pathlib import Path

import pytest
import torch

from deepaudio.data.v2a import Layout, V2AData, V2AShards, fold_sync, read_shard
from deepaudio.errors import InputError
from deepaudio.training import recipe as recipes
from deepaudio.training.stages.v2a import build

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
    drawn = Path(recipe.output) / "drawn.safetensors"
    before = drawn.stat().st_mtime_ns
    again = build(recipe)
    assert drawn.stat().st_mtime_ns == before
    assert torch.equal(again.shards.shards[0][0].latent, stage.shards.shards[0][0].latent)


def test_sight_and_sound_stay_together_in_a_window(recipe):
    """Latents that repeat a column of what is seen must still do so after the draw."""
    rows, tensors = read_shard(Path(recipe.output) / "drawn")
    key = rows[0]["key"]
    where = 40  # a column of sight
    layout = Layout(46.875, 4.0, 23.4375, ("presence", "yaw", "patch_motion", "ranged_aperture"))

    def encode(mel):
        return fold_sync(tensors[f"{key}.sync"].float())[None, :, where : where + 1]

    data = V2AData((str(Path(recipe.output) / "drawn"),), seconds=1.0, splice=0, noise=0)
    shards = V2AShards(data, layout, encode, lambda prompt: torch.zeros(2, 3), torch.zeros(1))
    shards.shards = [shards.shards[0][:1]]
    batch = next(shards.batches(torch.Generator().manual_seed(0)))
    assert torch.equal(batch.sync[..., where : where + 1], batch.latent)


def test_a_missing_shard_is_an_input_error():
    with pytest.raises(InputError, match=r"no nowhere\.json"):
        read_shard("nowhere")
