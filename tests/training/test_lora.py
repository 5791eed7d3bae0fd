"""LoRA: what moves has the rank that was asked for, what is saved is a whole network under its usual names."""

import pytest
import torch
from safetensors.torch import load_file

from deepaudio import checkpoint
from deepaudio.discover import find
from deepaudio.errors import InputError
from deepaudio.training import recipe as recipes
from deepaudio.training.fit import fit


def trained(folder, *pairs, name="tts/smoke", progress=None, **given):
    settings = [f"output={folder}", "device=cpu", "watch.tensorboard=false", "log_every=1"]
    plan = recipes.load(recipes.find_recipe(name), [*settings, *pairs])
    return fit(find("deepaudio.training.stages", plan.stage).build(plan), plan, progress, **given)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("base"), "steps=3", "model.zero_init=false").model


def tuned(folder, base, *pairs, **given):
    own = [f"init_from={base}", "steps=6", "save_every=4", "ema=0.9", "model.zero_init=false"]
    return trained(folder, *own, "lora.rank=3", *pairs, **given)


def test_only_linear_layers_of_blocks_move_and_by_the_rank(base, tmp_path):
    done = tuned(tmp_path, base)
    before, after = (load_file(x / "model.safetensors") for x in (base, done.model))
    assert before.keys() == after.keys()
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    assert moved and all(name.startswith("transformer_blocks.") for name in moved)
    assert all(torch.linalg.matrix_rank(after[n] - before[n], rtol=1e-3) == 3 for n in moved)
    linear = {n for n in before if n.startswith("transformer_blocks.") and before[n].ndim == 2}
    assert set(moved) == linear
    checkpoint.load_network(done.model, "tts/dit")  # strictly


def test_the_change_is_scaled_by_alpha_over_rank(base, tmp_path):
    """Adam's first step has the size of the learning rate whatever the gradient, so alpha alone tells the changes apart."""
    once = ["steps=1", "ema=null", "optim.warmup=0", "optim.clip_norm=1e9"]
    name, found = "transformer_blocks.0.attn.to_q.weight", []
    for alpha in (3, 12):
        done = tuned(tmp_path / str(alpha), base, *once, f"lora.alpha={alpha}")
        before, after = (load_file(x / "model.safetensors") for x in (base, done.model))
        found.append((after[name] - before[name]).norm())
    assert found[1] / found[0] == pytest.approx(4, rel=0.02)


def test_another_alpha_holds_from_the_resume_on(base, tmp_path):
    name = "transformer_blocks.0.attn.to_q.weight"
    found, before = [], load_file(base / "model.safetensors")[name]
    for alpha in (3, 12):  # nothing is learned meanwhile: the rate is 0
        plan = ["steps=2", "optim.lr=1e-30", "optim.final_lr=1e-30", f"lora.alpha={alpha}"]
        if not found:
            tuned(tmp_path, base, "steps=1", "lora.alpha=3")
        done = tuned(tmp_path, base, *plan, f"steps={2 + len(found)}", force_resume=True)
        found.append((load_file(done.model / "model.safetensors")[name] - before).norm())
    assert found[1] / found[0] == pytest.approx(4, rel=0.02)


def test_a_run_goes_on_with_the_same_bits(base, tmp_path):
    class Interrupt(Exception):
        pass

    def progress(line):
        if line.step == 5:
            raise Interrupt

    whole = tuned(tmp_path / "whole", base, "model.dropout=0.1")
    with pytest.raises(Interrupt):
        tuned(tmp_path / "parts", base, "model.dropout=0.1", progress=progress)
    parts = tuned(tmp_path / "parts", base, "model.dropout=0.1")
    assert parts.began == 4
    one, two = (load_file(x.model / "model.safetensors") for x in (whole, parts))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("name", "pairs", "said"),
    [
        ("tts/smoke", ["lora.rank=4"], "init_from is missing"),
        ("mof/mini", ["lora.rank=4", "init_from=mini"], "has no blocks"),
    ],
)
def test_what_lora_cannot_tune_is_refused(tmp_path, name, pairs, said):
    with pytest.raises(InputError, match=said):
        trained(tmp_path, "steps=2", *pairs, name=name)
