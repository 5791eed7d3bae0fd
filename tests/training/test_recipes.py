"""Every shipped recipe is read, checked and built; every smoke recipe trains, resumes and repeats; bad ones are named."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from deepaudio import checkpoint
from deepaudio.discover import find
from deepaudio.errors import DeepAudioError, InputError, UsageError
from deepaudio.training import recipe as recipes
from deepaudio.training.check import check
from deepaudio.training.fit import fit
from deepaudio.yaml_files import overriding

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2] / "recipes"
FULL_V2A = {
    "mm-s16k": 157_283_644,
    "mm-s44k": 157_409_144,
    "mm-m44k": 621_805_944,
    "mm-l44k": 1_030_002_168,
    "ys-24k": 710_952_640,
}
OURS = ("mini", "mini-guided", "smoke", "finetune")  # the others are the sizes of the paper
SMOKE = ("mof", "tts", "v2a", "v2s", "vocoder", "voice")
EXPECTED = {
    *(f"{stage}/{name}" for stage in SMOKE for name in ("mini", "smoke")),
    *(f"{stage}/{name}" for stage in ("v2a", "v2s") for name in FULL_V2A),
    *(f"v2s/{name}-released" for name in FULL_V2A),
    "v2s/finetune",
    "v2s/mini-guided",
    "tts/f5-base",
    "v2a/contrastive-smoke",
    "mof/flan-t5",
}


def test_the_shelf_is_complete():
    assert set(recipes.shipped_recipes()) == EXPECTED
    assert len(recipes.shipped_recipes()) == len(list(ROOT.rglob("*.yaml"))) == 32
    assert not [p for p in ROOT.rglob("*") if p.is_file() and p.suffix != ".yaml"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recipe_says_what_it_is_and_builds(name):
    text = recipes.find_recipe(name).read_text(encoding="utf-8")
    assert text.startswith("# ") and len(text.partition("\n")[0]) > 40
    assert f"deepaudio train {name}" in text.partition("\nstage:")[0], "the command that runs it"
    recipe = recipes.load(recipes.find_recipe(name))
    assert recipe.stage == name.partition("/")[0]
    assert not Path(recipe.output).is_absolute() and recipe.output.startswith("runs/")
    model = check(recipe)
    if name.endswith(OURS):
        assert sum(p.numel() for p in model.parameters()) < 20e6
    else:
        assert {p.device.type for p in model.parameters()} == {"meta"}


@pytest.mark.parametrize("name", sorted(name for name in EXPECTED if not name.endswith(OURS)))
def test_the_papers_numbers(name):
    """Section 4.1, and the sizes measured on the published networks."""
    recipe = recipes.load(recipes.find_recipe(name))
    stage, _, size = name.partition("/")
    count = sum(p.numel() for p in check(recipe).parameters())
    optim = recipe.optim
    if stage == "v2a":
        assert (recipe.data["batch_items"], recipe.steps) == (128, 330_000)
        assert (optim.name, optim.lr, optim.final_lr, optim.warmup, optim.clip_norm) == (
            "adam",
            1e-4,
            1e-6,
            1000,
            0.2,
        )
        assert count == FULL_V2A[size]
        assert recipe.data["oversample"] == [5 if size.startswith("mm-s") else 3, 1, 1]
    elif stage == "mof":
        assert (recipe.data["batch_items"], recipe.steps) == (32, 5000)
        assert (optim.name, optim.lr, optim.final_lr, optim.warmup) == ("adam", 1e-4, 1e-6, 1000)
    elif stage == "v2s":
        tts = recipes.load(
            recipes.find_recipe("tts/f5-base")
        ).optim  # the strategy of TTS but for lr and warm-up
        assert tts.model_copy(update={"lr": optim.lr, "warmup": optim.warmup}) == optim
        assert (optim.name, optim.schedule, optim.clip_norm) == ("adamw", "linear", 1.0)
        drops = [recipe.objective[f"drop_{what}"] for what in ("audio", "text", "energy", "all")]
        if size.endswith("-released"):
            assert (optim.lr, optim.warmup, recipe.steps) == (1e-5, 300, 14_272)
            assert drops == [0.3, 0.0, 0.0, 0.2]
        else:
            assert (optim.lr, optim.warmup, recipe.steps) == (1e-5, 1000, 15_000)
            assert drops == [0.25, 0.25, 0.25, 0.0]
        assert recipe.init_from == "runs/tts-f5-base/model"
        assert count == 337_098_852
    else:
        assert (optim.name, optim.lr, optim.warmup, recipe.steps) == (
            "adamw",
            7.5e-5,
            20_000,
            1_200_000,
        )
        assert recipe.accumulate * recipe.data["batch_frames"] == 307_200
        assert count == 337_096_804


def smoke(stage, folder, **changes):
    pairs = [f"output={folder}", "log_every=1", "device=cpu"]
    pairs += ["data.drawn=3"] if stage == "v2a" else []
    pairs += [*(f"{key}={value}" for key, value in changes.items())]
    plan = recipes.load(recipes.find_recipe(f"{stage}/smoke"), pairs)
    return find("deepaudio.training.stages", stage).build(plan), plan


class Interrupt(Exception):
    pass


def probe(stage) -> float:
    """The mean loss of a stage on six batches of its own, always the same ones and with the same noise."""
    total, weight = 0.0, 0.0
    batches = stage.batches(torch.Generator().manual_seed(123))
    for number in range(6):
        rng, batch = torch.Generator().manual_seed(number), next(batches)
        if hasattr(stage, "step"):
            total, weight = total + stage.step(batch, rng, 0.0)["loss"], weight + 1
        else:
            with torch.no_grad():
                loss = stage.loss(batch, rng)
            total, weight = total + float(loss.value), weight + loss.weight
    return total / weight


@pytest.fixture(scope="module", params=SMOKE)
def run(request, tmp_path_factory):
    """A whole smoke run, and the same one broken off after its save at two thirds and gone on with."""
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    torch.manual_seed(1)
    fit(*smoke(name, folder / "whole"))
    attempts = [smoke(name, folder / "parts") for _ in range(2)]
    plan = attempts[0][1].model_copy(update={"save_every": attempts[0][1].steps * 2 // 3})

    def interrupt(state):
        if state.step == plan.save_every + 1:
            raise Interrupt

    torch.manual_seed(50)
    with pytest.raises(Interrupt):
        fit(attempts[0][0], plan, interrupt)
    torch.manual_seed(51)
    fit(attempts[1][0], plan)
    return name, folder


def test_its_loss_falls(run):
    name, folder = run
    stage, _ = smoke(name, folder / "whole")
    stage.model.eval()
    before = probe(stage)
    stage, _ = smoke(name, folder / "whole")
    stage.model.load_state_dict(load_file(folder / "whole" / "last" / "model.safetensors"))
    assert probe(stage) < {"v2a": 0.95}.get(name, 0.8) * before


def test_its_resume_equals_the_whole_run(run):
    _, folder = run
    for part in ("last", "model"):
        whole, parts = (
            load_file(folder / kind / part / "model.safetensors") for kind in ("whole", "parts")
        )
        assert whole.keys() == parts.keys()
        assert not [key for key in whole if not torch.equal(whole[key], parts[key])]


@pytest.mark.parametrize("stage", ["mof", "tts", "v2s", "v2a", "voice"])
def test_accumulation_equals_the_big_batch(stage, tmp_path, monkeypatch):
    """Four items at once or one and three: the same sum, the same weight, the same gradient."""
    made, _ = smoke(stage, tmp_path, **{"data.batch_items": 4})
    batch = next(made.batches(torch.Generator().manual_seed(0)))
    made.model.eval()  # no dropout
    # every item draws the same, so that it does not matter in which batch it is
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.full(_shape(shape), 0.6))
    monkeypatch.setattr(torch, "randn", lambda *shape, **_: _wave(_shape(shape)))

    def gradient(*sizes):
        made.model.zero_grad()
        start, total, weight = 0, 0.0, 0.0
        for size in sizes:
            items = slice(start, start + size)
            part = batch[items] if isinstance(batch, list) else _part(batch, items)
            loss = made.loss(part, torch.Generator())
            loss.value.backward()
            start, total, weight = (
                start + size,
                total + float(loss.value.detach()),
                weight + loss.weight,
            )
        return (
            total,
            weight,
            {n: p.grad / weight for n, p in made.model.named_parameters() if p.grad is not None},
        )

    total, weight, whole = gradient(4)
    again = gradient(1, 3)
    assert again[:2] == (pytest.approx(total, rel=1e-4), weight)
    assert len(whole) > 5 and whole.keys() == again[2].keys()
    for name, value in whole.items():
        torch.testing.assert_close(again[2][name], value, rtol=2e-3, atol=1e-5)


def _part(batch, items):
    return type(batch)(*(value[items] for value in batch))


def _shape(given):
    return (
        given[0] if len(given) == 1 and isinstance(given[0], tuple | list | torch.Size) else given
    )


def _wave(shape):
    """Numbers that differ inside an item and agree between items."""
    inside = torch.Size(shape[1:])
    return torch.linspace(0, 40, inside.numel()).sin().view(1, *inside).expand(shape)


BAD = {
    "unknown key": (
        "stage: mof\noutput: runs/x\nmodel: {}\nsteps: 5\nstepss: 6\n",
        "'stepss'",
        "steps",
    ),
    "misspelt key": ("stage: mof\noutput: r\nmodle: {}\nsteps: 5\n", "'modle'", "model"),
    "unknown key of optim": (
        "stage: mof\noutput: r\nmodel: {}\nsteps: 5\noptim: {lrr: 1}\n",
        "'optim.lrr'",
        "lr",
    ),
    "unknown key of model": (
        "stage: mof\noutput: r\nmodel: {encodr: {}}\nsteps: 5\n",
        "model.encodr",
        "encoder",
    ),
    "unknown key of data": (
        "stage: mof\noutput: r\nmodel: {}\ndata: {batch_item: 5}\nsteps: 5\n",
        "data.batch_item",
        "batch_items",
    ),
    "unknown key of objective": (
        "stage: v2s\noutput: r\ninit_from: a\nmodel: {energy: true}\ndata: {shards: [a]}\nobjective: {drop_al: 1}\nsteps: 5\n",
        "objective.drop_al",
        "drop_all",
    ),
    "unknown key of the vocoder": (
        "stage: vocoder\noutput: r\nmodel: {dims: 8}\ndata: {banks: {a: 1}}\nsteps: 5\n",
        "model.dims",
        "dim",
    ),
    "unknown key of v2a": (
        "stage: v2a\noutput: r\nmodel: {}\ndata: {shards: [a], second: 3}\nsteps: 5\n",
        "data.second",
        "seconds",
    ),
    "latents of another width": (
        "stage: v2a\noutput: r\nmodel: {latent_dim: 5}\ndata: {shards: [a]}\nsteps: 5\n",
        "model.latent_dim = 5, but latents of the codec have 64",
        "codec",
    ),
    "no items in a batch": (
        "stage: v2a\noutput: r\nmodel: {latent_dim: 64}\ndata: {shards: [a], batch_items: 0}\nsteps: 5\n",
        "data.batch_items: input should be greater than 0",
        None,
    ),
    "unknown network": (
        "stage: v2a\noutput: r\nmodel: {name: mmdti}\ndata: {shards: [a]}\nsteps: 5\n",
        "no 'mmdti'",
        "mmdit",
    ),
    "unknown text encoder": (
        "stage: mof\noutput: r\nmodel: {text_encoder: ngram}\nsteps: 5\n",
        "'ngram'",
        "ngrams",
    ),
    "unknown stage": ("stage: v2t\noutput: r\nmodel: {}\nsteps: 5\n", "stage", None),
    "missing key": ("stage: mof\nmodel: {}\nsteps: 5\n", "output", None),
    "wrong type": ("stage: mof\noutput: r\nmodel: {}\nsteps: many\n", "steps", None),
    "wrong type inside": (
        "stage: mof\noutput: r\nmodel: {gate: {hidden_dim: wide}}\nsteps: 5\n",
        "model.gate.hidden_dim",
        None,
    ),
    "truth for a number": (
        "stage: mof\noutput: r\nmodel: {gate: {hidden_dim: true}}\nsteps: 5\n",
        "model.gate.hidden_dim",
        None,
    ),
    "fraction for a whole": ("stage: mof\noutput: r\nmodel: {}\nsteps: 5.5\n", "steps", None),
    "text for a section": ("stage: mof\noutput: r\nmodel: small\nsteps: 5\n", "model", None),
    "text for a subsection": (
        "stage: mof\noutput: r\nmodel: {gate: small}\nsteps: 5\n",
        "model.gate",
        None,
    ),
    "out of range": ("stage: mof\noutput: r\nmodel: {}\nsteps: 0\n", "steps", None),
    "tuning of nothing": (
        "stage: v2s\noutput: r\nmodel: {energy: true}\ndata: {shards: [a]}\nsteps: 5\n",
        "init_from is missing",
        "FOLDER",
    ),
    "tuning of an empty name": (
        "stage: v2s\noutput: r\ninit_from: ''\nmodel: {energy: true}\ndata: {shards: [a]}\nsteps: 5\n",
        "init_from is missing",
        "FOLDER",
    ),
    "seed below 0": (
        "stage: mof\nseed: -1\noutput: r\nmodel: {}\nsteps: 5\n",
        "seed: input should be greater than or equal to 0",
        None,
    ),
    "seed beyond 63 bits": (
        "stage: mof\nseed: 99999999999999999999\noutput: r\nmodel: {}\nsteps: 5\n",
        "seed: input should be less than or equal to",
        None,
    ),
    "sizes that do not fit": (
        "stage: tts\noutput: r\nmodel: {dim: 100, heads: 3}\ndata: {shards: [a]}\nsteps: 5\n",
        "3 x 64 = 192 is not dim = 100",
        None,
    ),
    "duplicate key": (
        "stage: mof\noutput: r\nmodel: {}\nsteps: 5\nsteps: 6\n",
        "duplicate key 'steps'",
        None,
    ),
    "python tag": (
        "stage: !!python/object/apply:os.system ['touch hacked']\n",
        "python/object",
        None,
    ),
    "python name": ("stage: mof\noutput: !!python/name:os.system\n", "python/name", None),
    "alias bomb": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "aliases", None),
    "not a mapping": ("- a\n- b\n", "key: value", None),
    "broken": ("stage: [mof\n", "line", None),
    "target": (
        "stage: mof\noutput: r\nmodel: {_target_: os.system}\nsteps: 5\n",
        "model._target_",
        None,
    ),
    "no text": ("stage: mof\noutput: \xff\n", "", None),
}


@pytest.mark.parametrize("fault", sorted(BAD))
def test_a_bad_recipe_gets_one_clear_line(fault, tmp_path, monkeypatch):
    text, named, near = BAD[fault]
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text.encode("latin-1"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeepAudioError) as caught:
        check(recipes.load(path))
    error = caught.value
    assert error.exit_code in (2, 3) and "\n" not in error.message
    assert named in error.message
    if near:
        assert re.search(rf"\b{near}\b", error.hint)
    assert list(tmp_path.iterdir()) == [path], "nothing was executed or written"


@pytest.mark.parametrize("pair", ["=3", "a..b=1", "steps", ".=1", "optim.=1"])
def test_a_malformed_override_is_a_usage_error(pair):
    with pytest.raises(UsageError, match="is not key=value"):
        recipes.load(recipes.find_recipe("mof/smoke"), [pair])


@pytest.mark.parametrize(
    ("pair", "named"),
    [
        ("optim.lr=1e-4x", "optim.lr"),
        ("lr=1e-4", "'lr'"),
        ("steps=-1", "steps"),
        ("optim=3", "optim"),
        ("model.gate.hidden_dim=x", "model.gate.hidden_dim"),
        ("data.shard=x", "data.shard"),
    ],
)
def test_a_wrong_override_is_a_fault_of_the_command(pair, named):
    with pytest.raises(UsageError) as caught, overriding([pair]):
        check(recipes.load(recipes.find_recipe("mof/smoke"), [pair]))
    assert named in caught.value.message and pair in caught.value.message


def test_an_override_is_not_blamed_for_the_file(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("stage: mof\noutput: r\nmodel: {}\nsteps: many\n")
    with pytest.raises(InputError, match="steps"):
        recipes.load(path, ["optim.lr=1e-3"])


def test_overrides_are_typed_and_never_resolved(monkeypatch):
    monkeypatch.setenv("SECRET", "canary")
    plan = recipes.load(
        recipes.find_recipe("mof/smoke"),
        ["optim.lr=3e-4", "steps=1_000", "model.gate.hidden_dim=8", "output=${oc.env:SECRET}"],
    )
    assert (plan.optim.lr, plan.steps, plan.model["gate"]["hidden_dim"]) == (3e-4, 1000, 8)
    assert plan.output == "${oc.env:SECRET}"


@pytest.mark.parametrize("name", ["tts/f5-base", "v2a/mm-s16k", "mof/flan-t5", "v2s/ys-24k"])
def test_absent_data_or_weights_are_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = {
        "tts": ["model.dim=64", "model.depth=1", "model.heads=1"],
        "v2a": ["model.hidden_dim=64", "model.heads=1"],
    }
    stage = name.partition("/")[0]
    plan = recipes.load(
        recipes.find_recipe(name),
        [*small.get(stage.replace("v2s", "tts"), []), "dtype=float32", "device=cpu"],
    )
    with pytest.raises(DeepAudioError) as caught:
        fit(find("deepaudio.training.stages", stage).build(plan), plan)
    assert caught.value.exit_code in (3, 5) and re.search(
        "data/|weights/|flan|runs/tts-f5-base", caught.value.message
    )


def test_a_name_near_a_recipe_is_suggested():
    with pytest.raises(InputError) as caught:
        recipes.find_recipe("mof/smok")
    assert "mof/smoke" in caught.value.hint


def test_a_network_with_a_pitch_contour_is_trained_on_it(tmp_path):
    changes = {"model.pitch": "true", "objective.drop_pitch": "0", "steps": "3", "save_every": "3"}
    for place, more in (("with", {}), ("dropped", {"objective.drop_pitch": "1"})):
        fit(*smoke("tts", tmp_path / place, **(changes | more)))
    key = "input_embed.proj_pitch.weight"
    learned, not_learned = (
        checkpoint.load(tmp_path / place / "model")[1][key] for place in ("with", "dropped")
    )
    assert learned.abs().sum() > 0 and not_learned.abs().sum() == 0


def test_an_empty_mapping_takes_the_place_of_what_is_there(tmp_path):
    place = tmp_path / "r.yaml"
    place.write_text("stage: mof\noutput: r\nmodel: {a: 1, b: 2}\ndata: {x: {y: 1}}\nsteps: 5\n")
    found = recipes.load(place, ["model={}", "model.c=3", "data.x={}"])
    assert (found.model, found.data) == ({"c": 3}, {"x": {}})
