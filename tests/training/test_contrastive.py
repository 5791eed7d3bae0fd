"""The contrastive term of stage 1: InfoNCE by its formula, nothing at weight 0, retrieval that rises where it is on."""

import math

import pytest
import torch

from deepaudio.data.synthetic.clips import scenes
from deepaudio.encoders.motion import MotionEncoder
from deepaudio.errors import InputError
from deepaudio.flow.objective import WeightedSum
from deepaudio.models.v2a import crossdit
from deepaudio.prepare import mini_v2a
from deepaudio.training import recipe as recipes
from deepaudio.training.contrastive import contrast, info_nce, with_contrast
from deepaudio.training.fit import fit
from deepaudio.training.stages.v2a import build

ITEMS = 16


@pytest.mark.parametrize("n", [2, 5])
def test_orthogonal_pairs_have_the_loss_of_the_formula(n):
    """Own score 1 / temperature, all others 0: log(1 + (n - 1) exp(-1 / temperature)), whatever the lengths."""
    found = info_nce(torch.eye(n) * 3, torch.eye(n) * 0.2, temperature=0.5)
    assert float(found.loss) == pytest.approx(math.log(1 + (n - 1) * math.exp(-2)))
    assert float(found.retrieved) == 1


def test_both_directions_count():
    """Two audio items like the first video: scores [[1, 0], [1, 0]] at temperature 1."""
    audio, video = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.eye(2)
    of_audio = (math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 2
    found = info_nce(audio, video, temperature=1.0)
    assert float(found.loss) == pytest.approx((of_audio + math.log(2)) / 2)
    assert float(found.retrieved) == 0.5


def test_items_without_video_do_not_count():
    rng = torch.Generator().manual_seed(0)
    audio, video = torch.randn(2, 4, 8, generator=rng).unbind()
    seen = torch.tensor([True, False, True, True])
    assert torch.equal(contrast(audio, video, seen).loss, info_nce(audio[seen], video[seen]).loss)
    alone = contrast(audio.requires_grad_(), video, torch.tensor([True, False, False, False]))
    alone.loss.backward()
    assert float(alone.loss.detach()) == 0 and not audio.grad.any()


def test_weight_zero_computes_nothing():
    """The loss is the very sum of the flow, and a network without pooled features is not asked for them."""
    flow, model = WeightedSum(torch.tensor(3.0), torch.tensor(2.0)), torch.nn.Linear(1, 1)
    loss = with_contrast(model, flow, 0.0, torch.zeros(1), None, torch.ones(1, dtype=torch.bool))
    assert loss.value is flow.sum and loss.weight == 2 and not loss.parts


def test_a_network_without_pooled_features_is_refused():
    model = crossdit.Model(crossdit.Config.tiny())
    flow = WeightedSum(torch.tensor(3.0), torch.tensor(2.0))
    with pytest.raises(InputError, match=r"crossdit has no pooled features"):
        with_contrast(model, flow, 0.1, torch.zeros(1), None, torch.ones(1, dtype=torch.bool))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The smoke recipe on fewer scenes, with the weight that is asked for."""
    folder = tmp_path_factory.mktemp("contrastive")
    shard = folder / "scenes"
    mini_v2a.write(scenes(10, 0), MotionEncoder(mini_v2a.FACES), shard)

    def made(place, *pairs):
        own = (f"output={folder / place}", "device=cpu", "steps=50", f"data.shards=[{shard}]")
        plan = recipes.load(
            recipes.find_recipe("v2a/contrastive-smoke"), [*own, "data.drawn=0", *pairs]
        )
        stage = build(plan)
        fit(stage, plan)
        return stage

    return made


@torch.no_grad()
def retrieval(stage):
    """How often audio is nearest to its own video among windows of the scenes of training."""
    batches, found = stage.batches(torch.Generator().manual_seed(5)), 0.0
    for _ in range(12):
        batch = next(batches)
        cond = stage.model.encode(batch.clip, batch.sync, batch.text)
        pooled = stage.model.pooled(stage.model.normalize(batch.latent), cond)
        found += float(info_nce(*pooled).retrieved) / 12
    return found


@pytest.mark.slow
def test_retrieval_rises_above_chance_and_above_the_run_without_it(run):
    items = f"data.batch_items={ITEMS}"
    on, off = (
        run("on", items, "objective.contrastive=0.5"),
        run("off", items, "objective.contrastive=0"),
    )
    assert retrieval(on) > max(3 / ITEMS, 2 * retrieval(off))
    assert {k: v.shape for k, v in on.model.state_dict().items()} == {
        k: v.shape for k, v in off.model.state_dict().items()
    }
