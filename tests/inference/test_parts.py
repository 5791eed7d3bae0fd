"""Trained runs as presets: their network by the name in config.json, all other parts from the preset they name."""

import json
import shutil

import pytest
import torch

import deepaudio
from deepaudio import checkpoint
from deepaudio.errors import WeightsError
from deepaudio.inference.full_size import load as load_full_size
from deepaudio.inference.parts import load_parts
from deepaudio.models import v2a
from deepaudio.options import SampleOptions
from deepaudio.presets.identity import weights_of
from deepaudio.presets.store import sha256_of
from deepaudio.presets.trained import PRESETS, preset_folder, read
from deepaudio.training import recipe as recipes
from deepaudio.training.fit import fit
from deepaudio.training.stages import mof as gate_stage
from deepaudio.training.stages import v2a as sound_stage

CPU = torch.device("cpu")


def trained(stage, name, output, *changes):
    plan = recipes.load(recipes.find_recipe(name), [f"output={output}", *changes])
    fit(stage.build(plan), plan)
    return output


@pytest.fixture
def new_network(tmp_path, monkeypatch):
    """A V2A network that is one file and nothing else."""
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms/louder.py").write_text(
        '"""A network of a stranger."""\n'
        "from deepaudio.models.v2a import mmdit\n\n"
        "Config = mmdit.Config\n\n\n"
        "class Model(mmdit.Model):\n"
        '    """As mmdit, twice as fast."""\n\n'
        "    def forward(self, x_t, t, cond):\n"
        "        return 2 * super().forward(x_t, t, cond)\n"
    )
    monkeypatch.setattr(v2a, "__path__", [*v2a.__path__, str(tmp_path / "rooms")])
    return "louder"


@pytest.mark.slow
def test_a_new_v2a_network_is_one_file(new_network, tmp_path, silent_clip):
    run = trained(
        sound_stage, "v2a/smoke", tmp_path / "run", f"model.name={new_network}", "steps=2"
    )
    assert checkpoint.identity_of(run / "model") == ("v2a/louder", "mini")
    model = deepaudio.load(run)
    assert type(model.v2a.model).__module__ == "deepaudio.models.v2a.louder"
    assert model.v2a.codec.config.dim == 24  # the run's own codec, not that of mini
    options = SampleOptions(steps=1)
    made = model.generate("add sound effects", silent_clip, direction="v2a", options=options)
    assert made.sampling["sound"].steps == 1 and torch.isfinite(made.waveform).all()
    assert model.gate.route("dub the speaker").direction == "v2s"  # of mini


def test_a_gate_that_was_trained_is_used(tmp_path):
    run = trained(gate_stage, "mof/smoke", tmp_path / "run", "steps=2")
    ours = deepaudio.load(run).gate.network.state_dict()
    state = checkpoint.load(run / "model")[1]
    assert all(torch.equal(value, state[f"gate.{name}"]) for name, value in ours.items())


@pytest.mark.slow
def test_one_part_of_a_run_and_the_rest_of_mini(tmp_path, voice):
    run = tmp_path / "run"
    shutil.copytree(PRESETS / "mini/tts", run / "model")
    state = checkpoint.load(run / "model")[1]
    changed = {name: value * 0.5 for name, value in state.items()}
    config = checkpoint.load(run / "model")[0]
    checkpoint.save(run / "model", changed, config, identity=checkpoint.Identity("tts/dit"))
    parts = load_parts(preset_folder(run), CPU, torch.float32)
    ours = parts.tts.network.state_dict()
    assert all(torch.equal(ours[name], changed[name]) for name in changed)
    whole, mini = weights_of(run), weights_of(PRESETS / "mini")
    assert whole.keys() == mini.keys()
    assert {name for name in mini if mini[name] != whole[name]} == {"tts/model.safetensors"}
    assert whole["tts/model.safetensors"] == sha256_of(run / "model/model.safetensors")


@pytest.mark.slow
def test_a_full_size_with_a_network_of_one_s_own(full_home, tmp_path):
    original = load_full_size("mm-s16k").networks.get("tts")[0]
    state = {name: value + 1 for name, value in original.state_dict().items()}
    identity = checkpoint.Identity("tts/dit", "mm-s16k")
    checkpoint.save(tmp_path / "run/model", state, vars(original.config), identity=identity)
    parts = load_parts(preset_folder(tmp_path / "run"), CPU, torch.float32)
    ours = parts.tts.networks.get("tts")[0].state_dict()
    assert all(torch.equal(ours[name], state[name]) for name in state)
    assert type(parts.v2a).__name__ == "MMVideoToAudio"


def test_folders_that_say_nothing_or_nonsense_are_refused(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(PRESETS / "mini/tts", model)
    config = json.loads((model / "config.json").read_text())
    for change, word in (
        ({"network": "tts/dot"}, "no 'dot' in tts"),
        ({"network": "ttts/dit"}, "no networks 'ttts'"),
    ):
        (model / "config.json").write_text(json.dumps(config | change))
        with pytest.raises(WeightsError, match=word):
            checkpoint.load_network(model, "tts/dit")
    (model / "config.json").write_text(
        json.dumps({k: v for k, v in config.items() if k != "network"})
    )
    with pytest.raises(WeightsError, match="does not say which network"):
        read(tmp_path)
    assert read(PRESETS / "mini") is None


def test_speech_and_sound_share_one_vocoder():
    parts = load_parts(preset_folder("mini"), CPU, torch.float32)
    assert parts.v2a.vocoder is parts.tts.vocoder


def test_the_flow_of_speech_computes_in_the_precision_that_was_asked_for(monkeypatch):
    """`auto` is bfloat16 where the processor multiplies in it, and the record says so."""
    monkeypatch.setattr("deepaudio.devices.fast_bfloat16", lambda: True)
    auto, exact = deepaudio.load("mini", "cpu"), deepaudio.load("mini", "cpu", dtype="float32")
    assert auto.tts.dtype == torch.bfloat16 and exact.tts.dtype == torch.float32
    assert auto.precision == {"device": "cpu", "dtype": "float32", "flow_dtype": "bfloat16"}
    assert exact.precision == {"device": "cpu", "dtype": "float32"}
    monkeypatch.setattr("deepaudio.devices.fast_bfloat16", lambda: False)
    assert "flow_dtype" not in deepaudio.load("mini", "cpu").precision
