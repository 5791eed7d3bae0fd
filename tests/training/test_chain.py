"""The four stages one after another on miniature material, by the commands of docs/training.md: each takes what the one before made."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from deepaudio import checkpoint

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("device=cpu", "log_every=1")
SIZES = """model: {dim: 64, depth: 1, heads: 2, dim_head: 32, text_dim: 32, conv_layers: 1, dropout: 0.0, energy: ENERGY}
data: {infill: true, shards: [SHARD], batch_items: 4}
objective: {time: uniform}
optim: {lr: 1e-3, warmup: 0, schedule: constant}
steps: 3
"""


@pytest.mark.slow
def test_the_four_stages(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        assert command(*arguments) == 0

    voice, clip = ROOT / "examples/voice.wav", ROOT / "examples/clip.mp4"
    lines = [{"id": "one", "text": "a b a", "audio": str(voice), "video": str(clip)}]
    Path("lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    vocabulary = [" ", "a", "b", *(f"<{i}>" for i in range(2542))]
    Path("vocab.txt").write_text("\n".join(vocabulary) + "\n")
    for stage, energy, shard in (("tts", "false", "speech"), ("v2s", "true", "tuning")):
        start = "init_from: runs/tts/model\n" if stage == "v2s" else ""
        text = SIZES.replace("ENERGY", energy).replace("SHARD", shard)
        Path(f"{stage}.yaml").write_text(
            f"# x\nstage: {stage}\noutput: runs/{stage}\n{start}{text}"
        )

    # 1: video to audio, from drawn talkers: what always sounds is soon learned
    run("prepare", "mini-v2a", "talk", "talk", "--speech", str(voice.parent), "--count", "3")
    material = ("data.drawn=0", "data.shards=[talk]")
    run("train", "v2a/smoke", "output=runs/v2a", *SMALL, *material, "steps=40")
    # 2: text to speech
    run("prepare", "infill", "lines.jsonl", "speech", "--vocabulary", "vocab.txt")
    run("train", "tts.yaml", *SMALL)
    # 3: the gate
    run("train", "mof/smoke", "output=runs/mof", *SMALL, "steps=3")
    # 4: video to speech, from the energies of stage 1 and the weights of stage 2
    run("prepare", "energies", "lines.jsonl", "energies", "--preset", "runs/v2a")
    given = ("--vocabulary", "vocab.txt", "--energies", "energies.safetensors")
    run("prepare", "infill", "lines.jsonl", "tuning", *given)
    run("train", "v2s.yaml", *SMALL)

    contour = load_file("energies.safetensors")["one"]
    shard = load_file("tuning.safetensors")
    n = min(len(contour), len(shard["one.energy"]))
    assert contour.max() > 0.5, "the network of stage 1 predicts something"
    torch.testing.assert_close(shard["one.energy"][:n].float(), contour[:n], atol=1e-3, rtol=0)
    _, speech = checkpoint.load(Path("runs/tts/model"))
    config, tuned = checkpoint.load(Path("runs/v2s/model"))
    new = {name for name in tuned if name not in speech}
    assert config["energy"] and new == {
        "input_embed.proj_energy.weight", "input_embed.proj_energy.bias",
    }  # fmt: skip
    assert (tuned["proj_out.weight"] - speech["proj_out.weight"]).abs().max() < 0.01, "goes on"
    assert tuned["input_embed.proj_energy.weight"].abs().sum() > 0
    assert Path("runs/mof/model/model.safetensors").is_file()
