"""The gate's stage: the joint encoder of `mini`, and frozen FLAN-T5 states in the same gate."""

import pytest
import torch

from deepaudio import checkpoint
from deepaudio.errors import InputError, WeightsError
from deepaudio.inference.gate import Gate
from deepaudio.training.export import export
from deepaudio.training.fit import fit
from deepaudio.training.recipe import parse
from deepaudio.training.stages.mof import build

pytestmark = pytest.mark.slow

WORDS = [
    "<pad>",
    "</s>",
    "<unk>",
    "add",
    "dub",
    "read",
    "the",
    "sounds",
    "speaker",
    "text",
    "aloud",
    "video",
    "no",
    "say",
    "lips",
    "foley",
]


@pytest.fixture(scope="module")
def t5_folder(tmp_path_factory):
    """A T5 encoder of random weights that knows sixteen words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    folder = tmp_path_factory.mktemp("t5")
    plain = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", eos_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(vocab_size=len(WORDS), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    T5EncoderModel(config).save_pretrained(folder)
    return folder


def recipe(folder, t5, **gate):
    return parse(
        {
            "stage": "mof", "output": str(folder), "steps": 90, "data": {"batch_items": 16, "noise": 0.0}, "device": "cpu",
            "model": {"text_encoder": "flan_t5", "encoder": {"folder": str(t5)}, "gate": {"text_dim": 32, "hidden_dim": 32} | gate},
            "optim": {"name": "adam", "lr": 0.02, "warmup": 5, "schedule": "constant"}, "log_every": 1,
        },
        "test",
    )  # fmt: skip


def test_the_gate_learns_on_frozen_states(tmp_path, t5_folder):
    losses = []
    plan = recipe(tmp_path / "run", t5_folder)
    stage = build(plan)
    folder = fit(stage, plan, lambda state: losses.append(state.loss)).model
    assert sum(losses[-20:]) / 2 < 0.95 * sum(losses[:10])
    _, state = checkpoint.load(folder)
    assert {name.partition(".")[0] for name in state} == {"gate"}, (
        "frozen weights are not saved again"
    )
    assert not any(p.requires_grad or p.grad is not None for p in stage.frozen.parameters())
    export(folder, tmp_path / "preset" / "mof")
    beside = Gate.load(tmp_path / "preset")  # the folder that the recipe named
    (tmp_path / "preset" / "mof" / "text_encoder").symlink_to(t5_folder)
    for gate in (beside, Gate.load(tmp_path / "preset")):
        routes = gate.routes(["dub the speaker", "read the text aloud", "add the sounds"])
        assert len({tuple(r.probabilities.values()) for r in routes}) == 3
        assert gate.route("dub the speaker").probabilities == pytest.approx(
            routes[0].probabilities, abs=1e-5
        )


def test_another_width_or_folder_is_named(tmp_path, t5_folder):
    with pytest.raises(InputError, match=r"text_dim is 8, .* has 32") as caught:
        fit(
            build(recipe(tmp_path / "a", t5_folder, text_dim=8)),
            recipe(tmp_path / "a", t5_folder, text_dim=8),
        )
    assert "model.gate.text_dim=32" in caught.value.hint
    with pytest.raises(WeightsError, match="nowhere"):
        fit(
            build(recipe(tmp_path / "b", tmp_path / "nowhere")),
            recipe(tmp_path / "b", tmp_path / "nowhere"),
        )


def test_word_drop_hides_words_and_repeats():
    plan = parse(
        {"stage": "mof", "output": "r", "model": {"encoder": {"buckets": 256, "dim": 16, "heads": 2, "layers": 1}}, "steps": 1,
         "objective": {"word_drop": 0.5}, "data": {"batch_items": 8}}, "test")  # fmt: skip
    stage = build(plan)
    stage.model.eval()
    batch = next(stage.batches(torch.Generator().manual_seed(0)))
    values = [
        float(stage.loss(batch, torch.Generator().manual_seed(seed)).value.detach())
        for seed in (1, 1, 2)
    ]
    assert values[0] == values[1] != values[2]
    again = next(stage.batches(torch.Generator().manual_seed(0)))
    assert batch.texts == again.texts and torch.equal(batch.directions, again.directions)
