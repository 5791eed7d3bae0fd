"""Shards of stage 1 at full size: drawn from, trained on by tiny networks, and named where they are wrong."""

import json
import logging

import pytest
import torch
from safetensors.torch import save_file

from deepaudio.data.stored import Condition, StoredData, StoredShards
from deepaudio.errors import InputError
from deepaudio.models.v2a import crossdit, mmdit
from deepaudio.training.recipe import parse
from deepaudio.training.stages import v2a
from tests.stand_ins import learns


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def write(place, tensors, rows):
    save_file({name: value.half() for name, value in tensors.items()}, f"{place}.safetensors")
    place.with_name(place.name + ".json").write_text(json.dumps(rows))


@pytest.fixture
def joint(tmp_path):
    """Two shards of MMAudio's kind: frames and sound, and sound with a caption only."""
    c = mmdit.Config.tiny()
    for number, kinds in enumerate([("clip", "sync", "text"), ("text",)]):
        widths = {
            "clip": (4, c.clip_dim),
            "sync": (8, c.sync_dim),
            "text": (c.text_len, c.text_dim),
            "latent": (10, c.latent_dim),
        }
        tensors = {
            f"k{i}.{what}": torch.randn(*widths[what], generator=rng(i)) + 3
            for i in range(6)
            for what in (*kinds, "latent")
        }
        write(tmp_path / f"set-00{number}", tensors, [{"key": f"k{i}"} for i in range(6)])
    return tmp_path


def test_stored_batches_say_what_is_missing(joint):
    c = mmdit.Config.tiny()
    wanted = {
        "clip": Condition(c.clip_dim, 4),
        "sync": Condition(c.sync_dim, 8),
        "text": Condition(c.text_dim, c.text_len),
    }
    shards = StoredShards(StoredData((f"{joint}/set-*",), batch_items=40))
    batch = next(shards.batches(rng(), wanted))
    assert batch["latent"].shape == (40, 10, c.latent_dim) and batch["clip"].shape == (
        40,
        4,
        c.clip_dim,
    )
    assert 10 < batch["has_clip"].sum() < 30 and batch["has_text"].all()
    assert torch.equal(batch["has_clip"], batch["clip"].abs().sum((1, 2)) > 0)
    again = next(shards.batches(rng(), wanted))
    assert all(torch.equal(value, again[name]) for name, value in batch.items())
    only = StoredShards(
        StoredData((f"{joint}/set-000", f"{joint}/set-001"), weights=(1.0, 0.0), batch_items=20)
    )
    assert next(only.batches(rng(), wanted))["has_clip"].all()
    mean, deviation = shards.statistics()
    assert (
        mean.shape == (c.latent_dim,)
        and (mean - 3).abs().max() < 0.5
        and (deviation - 1).abs().max() < 0.5
    )


def stored_recipe(folder, name, **model):
    return parse(
        {
            "stage": "v2a", "output": str(folder / "run"), "model": {"name": name, **model}, "steps": 3,
            "data": {"features": "stored", "shards": [f"{folder}/set-*"], "batch_items": 6}, "objective": {"time": "uniform", "drop": 0.3},
        },
        "test",
    )  # fmt: skip


@pytest.mark.slow
def test_the_joint_network_learns_from_stored_features(joint):
    stage = v2a.build(stored_recipe(joint, "mmdit", preset="tiny"))
    assert (stage.model.latent_mean - 3).abs().max() < 0.5  # of the data
    before, after = learns(stage)
    assert after < 0.95 * before
    assert stage.model.empty_clip_feat.grad.abs().sum() > 0, (
        "sound without a video teaches the empty feature"
    )


@pytest.mark.slow
def test_the_cross_network_learns_from_stored_features(tmp_path):
    c = crossdit.Config.tiny()
    tensors = {f"k{i}.latent": torch.randn(9, c.latent_dim, generator=rng(i)) for i in range(6)}
    tensors |= {f"k{i}.visual": torch.randn(9, c.visual_dim, generator=rng(i)) for i in range(5)}
    tensors |= {f"k{i}.text": torch.randn(2 + i, c.dim, generator=rng(i)) for i in range(4)}
    write(tmp_path / "set-000", tensors, [{"key": f"k{i}"} for i in range(6)])
    before, after = learns(v2a.build(stored_recipe(tmp_path, "crossdit", preset="tiny")), steps=20)
    assert after < 0.97 * before


@pytest.mark.slow
@pytest.mark.parametrize(
    "kinds", [(), ("text",), ("clip", "sync")], ids=["sound alone", "captions", "no text"]
)
def test_what_no_item_of_a_batch_has_counts_at_its_full_length(tmp_path, kinds):
    """A batch of captions alone ended a run: one sync step is no whole segment, one token no prompt."""
    c = mmdit.Config.tiny()
    shapes = {"clip": (64, c.clip_dim), "sync": (192, c.sync_dim), "text": (c.text_len, c.text_dim)}
    tensors = {f"k{i}.latent": torch.randn(10, c.latent_dim, generator=rng(i)) for i in range(4)}
    tensors |= {
        f"k{i}.{what}": torch.randn(*shapes[what], generator=rng(i))
        for i in range(4)
        for what in kinds
    }
    write(tmp_path / "set-000", tensors, [{"key": f"k{i}"} for i in range(4)])
    stage = v2a.build(stored_recipe(tmp_path, "mmdit", preset="tiny"))
    batch = next(stage.batches(rng()))
    assert {name: tuple(batch[name].shape[1:]) for name in shapes} == shapes
    before, after = learns(stage)
    assert after < before


@pytest.mark.slow
def test_a_mixture_gives_batches_of_one_shape(tmp_path):
    """One clip among many captions (the paper's 180k to 1.2M): batches with and without it are alike in shape."""
    c = mmdit.Config.tiny()
    for number, (count, kinds) in enumerate([(1, ("clip", "sync", "text")), (12, ("text",))]):
        widths = {"clip": (64, c.clip_dim), "sync": (192, c.sync_dim)}
        widths |= {"text": (c.text_len, c.text_dim), "latent": (10, c.latent_dim)}
        tensors = {
            f"k{i}.{what}": torch.ones(widths[what])
            for i in range(count)
            for what in (*kinds, "latent")
        }
        write(tmp_path / f"set-00{number}", tensors, [{"key": f"k{i}"} for i in range(count)])
    stage = v2a.build(stored_recipe(tmp_path, "mmdit", preset="tiny"))
    batches = stage.batches(rng())
    seen, shapes = set(), set()
    for _ in range(12):
        batch = next(batches)
        stage.loss(batch, rng())
        seen.add(bool(batch["has_clip"].any()))
        shapes.add(tuple(tuple(batch[name].shape) for name in stage.wanted))
    assert seen == {True, False} and len(shapes) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [(), ("text",), ("visual",)])
def test_the_cross_network_learns_without_pictures_or_text(tmp_path, kinds):
    c = crossdit.Config.tiny()
    shapes = {"visual": (9, c.visual_dim), "text": (3, c.dim), "latent": (9, c.latent_dim)}
    tensors = {
        f"k{i}.{what}": torch.randn(*shapes[what], generator=rng(i))
        for i in range(4)
        for what in (*kinds, "latent")
    }
    write(tmp_path / "set-000", tensors, [{"key": f"k{i}"} for i in range(4)])
    before, after = learns(v2a.build(stored_recipe(tmp_path, "crossdit", preset="tiny")), steps=20)
    assert after < before


def test_latents_are_drawn_from_their_posterior(tmp_path):
    """mean + deviation eps, anew each time and alike for a seed; the mean where a shard has no deviation."""
    c = mmdit.Config.tiny()
    mean, spread = torch.full((400, c.latent_dim), 3.0), torch.linspace(0, 2, c.latent_dim)
    tensors = {"k.latent": mean, "k.spread": spread.expand_as(mean)}
    write(tmp_path / "set", tensors, [{"key": "k"}])
    shards = StoredShards(StoredData((str(tmp_path / "set"),), batch_items=2))
    batches = shards.batches(rng(), {})
    first, second = next(batches)["latent"], next(batches)["latent"]
    assert not torch.equal(first, second) and not torch.equal(first[0], first[1])
    assert torch.equal(first, next(shards.batches(rng(), {}))["latent"])
    assert (first.mean((0, 1)) - 3).abs().max() < 0.2
    torch.testing.assert_close(first.std((0, 1)), spread, atol=0.15, rtol=0.1)
    torch.testing.assert_close(shards.statistics()[0], mean[0])  # of the means, as in MMAudio
    write(tmp_path / "set", {"k.latent": mean}, [{"key": "k"}])
    old = StoredShards(StoredData((str(tmp_path / "set"),), batch_items=1))
    assert torch.equal(next(old.batches(rng(), {}))["latent"][0], mean)


def test_the_absent_prompt_is_the_encoded_empty_one(joint, caplog):
    """What training drops to is what sampling guides away from."""
    caplog.set_level(logging.WARNING, logger="deepaudio")
    stage = v2a.build(stored_recipe(joint, "mmdit", preset="tiny"))
    assert not stage.model.empty_string_feat.any() and "empty prompt" in caplog.text
    c = mmdit.Config.tiny()
    nothing = torch.randn(c.text_len, c.text_dim, generator=rng(9)).half().float()
    content = {"k.latent": torch.randn(10, c.latent_dim, generator=rng()), "empty_prompt": nothing}
    write(joint / "set-002", content, [{"key": "k"}])
    stage = v2a.build(stored_recipe(joint, "mmdit", preset="tiny"))
    assert torch.equal(stage.model.empty_string_feat, nothing)
    given = torch.randn(1, 8, c.clip_dim), torch.randn(1, 8, c.sync_dim)
    dropped = stage.model.encode(
        *given, torch.zeros(1, c.text_len, c.text_dim), drop_text=torch.tensor([True])
    )
    torch.testing.assert_close(stage.model.encode(*given, nothing[None]).text, dropped.text)
    write(joint / "set-000", content | {"empty_prompt": nothing[:2]}, [{"key": "k"}])
    with pytest.raises(InputError, match="empty prompt of the shards"):
        v2a.build(stored_recipe(joint, "mmdit", preset="tiny"))


def test_clips_are_oversampled_beside_captions(joint):
    """x5 of the first shard's six items beside six of the second: five draws of six."""
    names = (f"{joint}/set-000", f"{joint}/set-001")
    wanted = {"clip": Condition(mmdit.Config.tiny().clip_dim, 4)}
    for times, share in [((5, 1), 5 / 6), ((3, 1), 3 / 4), ((), 1 / 2)]:
        data = StoredData(names, oversample=times, batch_items=600)
        seen = next(StoredShards(data).batches(rng(), wanted))["has_clip"].float().mean()
        assert float(seen) == pytest.approx(share, abs=0.05)
    for wrong in ({"oversample": (5,)}, {"oversample": (5, 1), "weights": (0.5, 0.5)}):
        with pytest.raises(ValueError, match="oversample"):
            StoredData(names, **wrong)


def test_faults_of_stored_shards_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no shard at .*nowhere"):
        StoredShards(StoredData((f"{tmp_path}/nowhere-*",)))
    write(tmp_path / "a", {"k.clip": torch.zeros(1, 2)}, [{"key": "k"}])
    with pytest.raises(InputError, match="holds no latents"):
        StoredShards(StoredData((f"{tmp_path}/a",)))
    (tmp_path / "a.safetensors").unlink()
    with pytest.raises(InputError, match="no shard"):
        StoredShards(StoredData((f"{tmp_path}/a",)))
