"""Emotion and prosody as conditions of M_tts: off is bit-equal, on they decide what is said, and unknown labels are named."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import save_file

from deepaudio import checkpoint
from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.prosody import prosody
from deepaudio.data import smoke
from deepaudio.data.labels import emotion_asked
from deepaudio.data.speech import SpeechData, SpeechShards
from deepaudio.errors import InputError, UsageError
from deepaudio.inference.f5_tts import sample
from deepaudio.models.tts.dit import Config, Model
from deepaudio.options import SampleOptions
from deepaudio.training.fit import fit
from deepaudio.training.recipe import parse
from deepaudio.training.stages import tts

SIZES = {"dim": 32, "depth": 1, "heads": 1, "dim_head": 32, "text_dim": 16, "conv_layers": 1}
EMOTIONS = ("angry", "calm")
N, C, A = 30, 1, 0.5


def model(**changes):
    torch.manual_seed(0)
    return Model(dataclasses.replace(Config.tiny(), **changes)).eval()


def given(network):
    rng = torch.Generator().manual_seed(1)
    text = torch.randint(0, 60, (2, 9), generator=rng)
    cond = torch.randn(2, 20, 100, generator=rng)
    return {"cond": cond, "text": text}, torch.randn(2, 20, 100, generator=rng), torch.tensor(0.4)


@torch.no_grad()
def test_a_network_with_them_begins_as_the_one_without_and_has_nothing_when_off():
    plain, styled = model(), model(emotions=EMOTIONS, prosody=True)
    more = set(styled.state_dict()) - set(plain.state_dict())
    assert more == {"style_embed.emotion.weight", "style_embed.prosody.weight"}
    assert "style_embed" not in "".join(plain.state_dict())
    arguments, x, t = given(plain)
    style = {"emotion": torch.tensor([1, 2]), "prosody": torch.randn(2, 4)}
    expected = plain(x, t, plain.encode(**arguments))
    assert torch.equal(styled(x, t, styled.encode(**arguments, **style)), expected)


@torch.no_grad()
def test_each_changes_the_item_that_has_it_and_null_drops_both():
    network = model(emotions=EMOTIONS, prosody=True)
    for weight in (network.style_embed.emotion.weight, network.style_embed.prosody.weight):
        weight.normal_()
    network.style_embed.emotion.weight[0] = 0  # as training keeps it
    arguments, x, t = given(network)
    nothing = {"emotion": torch.zeros(2, dtype=torch.long), "prosody": torch.zeros(2, 4)}
    without = network(x, t, network.encode(**arguments))
    torch.testing.assert_close(network(x, t, network.encode(**arguments, **nothing)), without)
    null = network(x, t, network.null(network.encode(**arguments)))
    for name, value in (("emotion", torch.tensor([1, 0])), ("prosody", torch.eye(2, 4) * 2)):
        value[1] = 0
        cond = network.encode(**arguments, **(nothing | {name: value}))
        found = network(x, t, cond)
        assert (found[0] - without[0]).abs().max() > 1e-3
        torch.testing.assert_close(found[1], without[1])
        assert torch.equal(network(x, t, network.null(cond)), null)


def test_a_network_without_them_refuses_them():
    network = model()
    arguments, *_ = given(network)
    with pytest.raises(InputError, match="no emotion input"):
        network.encode(**arguments, emotion=torch.tensor([1, 1]))
    with pytest.raises(UsageError, match="knows no emotions"):
        emotion_asked("angry", network.config.emotions)
    assert emotion_asked("", network.config.emotions) is None


def test_the_numbers_of_a_known_voice():
    """One second at 150 Hz and one at 300 Hz, 30 letters: an octave between, half an octave above the middle; 15 letters a second."""
    n = round(FRAME_RATE)
    track = torch.cat([torch.zeros(20), torch.full((n,), 150.0), torch.full((n,), 300.0)])
    height, spread, rate, known = prosody(track, 30).tolist()
    assert height == pytest.approx(1.0) and known == 1
    assert spread == pytest.approx(0.5 / 0.2 - 1, abs=0.02)
    assert rate == pytest.approx(0, abs=0.01)
    assert prosody(track, 60)[2] == pytest.approx(2, abs=0.01)
    assert not prosody(torch.zeros(50), 30).any()


def toy(folder, emotion, height):
    """A shard whose mel is 1 or -1 as emotion or pitch say, whatever the text."""
    rows, tensors, rng = [], {}, torch.Generator().manual_seed(0)
    for number in range(16):
        up = number % 2
        key = f"u{number}"
        mel = A * (1.0 if up else -1.0) + 0.02 * torch.randn(N, C, generator=rng)
        tensors |= {
            f"{key}.mel": mel,
            f"{key}.energy": torch.zeros(N),
            f"{key}.text": torch.randint(0, 9, (6,), generator=rng),
        }
        if height:
            tensors[f"{key}.prosody"] = torch.tensor([1.0 if up else -1.0, 0.0, 0.0, 1.0])
        row = {"key": key, "frames": N, "text": ""}
        rows.append(row | ({"emotion": EMOTIONS[up]} if emotion else {}))
    save_file(tensors, folder / "toy.safetensors")
    (folder / "toy.json").write_text(json.dumps(rows))
    return str(folder / "toy")


def recipe(folder, shard, **more):
    content = {
        "stage": "tts", "output": str(folder / "run"), "steps": 400, "device": "cpu",
        "model": {**SIZES, "vocab_size": 16, "mel_dim": C, "dropout": 0.0, **more},
        "data": {"infill": True, "shards": [shard], "batch_items": 16, "span_min": 1.0},
        "optim": {"lr": 5e-3, "warmup": 5}, "objective": {"time": "uniform"},
    }  # fmt: skip
    return parse(content, "test")


@torch.no_grad()
def spoken(network, emotion, guidance=1.0):
    """Mean of eight sampled mels."""
    ids, total = torch.tensor([1, 2, 3]), 0.0
    options = SampleOptions(steps=8, guidance_scale=guidance, sway=0.0, emotion=emotion)
    for seed in range(8):
        noise = torch.randn(N, C, generator=torch.Generator().manual_seed(seed))
        total += float(sample(network, torch.zeros(0, C), ids, None, noise, options).mean())
    return total / 8


@pytest.mark.slow
def test_another_emotion_is_another_target(tmp_path):
    plan = recipe(tmp_path, toy(tmp_path, True, False), emotions=list(EMOTIONS))
    network = checkpoint.load_network(fit(tts.build(plan), plan).model, "tts/dit").eval()
    assert network.config.emotions == EMOTIONS, "the list is in config.json"
    for guidance in (1.0, 2.0):
        assert spoken(network, "angry", guidance) < -0.5 * A
        assert spoken(network, "calm", guidance) > 0.5 * A
    with pytest.raises(InputError, match=r"no emotion 'clam'; known: angry, calm") as caught:
        spoken(network, "clam")
    assert "did you mean 'calm'" in caught.value.hint


@pytest.mark.slow
def test_another_pitch_is_another_target(tmp_path):
    plan = recipe(tmp_path, toy(tmp_path, False, True), prosody=True)
    network = checkpoint.load_network(fit(tts.build(plan), plan).model, "tts/dit").eval()
    x = torch.randn(16, N, C, generator=torch.Generator().manual_seed(0))
    text = torch.tensor([[1, 2, 3]]).expand(16, 3)
    for height in (-1.0, 1.0):
        numbers = torch.tensor([[height, 0.0, 0.0, 1.0]]).expand(16, 4)
        cond = network.encode(cond=torch.zeros(16, N, C), text=text, prosody=numbers)
        velocity = network(
            x, torch.tensor(0.0), cond
        )  # from pure noise: the mean mel less the noise
        assert float((velocity + x).detach().mean()) * height > 0.5 * A


def test_what_the_shards_lack_or_do_not_know_is_one_line(tmp_path):
    shard = toy(tmp_path, True, False)
    wrong = recipe(tmp_path, shard, emotions=["angry", "sad"])
    with pytest.raises(InputError, match=r"u1: no emotion 'calm'; known: angry, sad"):
        next(tts.build(wrong).batches(torch.Generator()))
    with pytest.raises(InputError, match="has no prosody") as caught:
        next(tts.build(recipe(tmp_path, shard, prosody=True)).batches(torch.Generator()))
    assert "prepare infill --prosody" in caught.value.hint


def test_pairs_carry_the_style_of_their_target(monkeypatch):
    rows, tensors = smoke.speech_shard()
    for number, row in enumerate(rows):
        row["emotion"] = EMOTIONS[number % 2]
    monkeypatch.setattr(smoke, "speech_shard", lambda: (rows, tensors))
    shards = SpeechShards(SpeechData((smoke.NAME,), batch_items=8), EMOTIONS)
    batch = shards.batch(torch.Generator().manual_seed(0))
    assert set(batch.emotion.tolist()) == {1, 2}
    known = torch.stack([prosody(tensors[f"{row['key']}.pitch"].float(), 0) for row in rows])
    for number, values in zip(batch.emotion, batch.prosody, strict=True):
        place = int((known - values).abs().sum(1).argmin())
        assert torch.equal(known[place], values) and int(number) == place % 2 + 1
    rows[0]["emotion"] = "joy"
    with pytest.raises(InputError, match="no emotion 'joy'; known: angry, calm"):
        SpeechShards(SpeechData((smoke.NAME,)), EMOTIONS)


def test_the_loss_learns_both_in_pairs_and_draws_nothing_when_off(tmp_path):
    def made(**more):
        content = {
            "stage": "tts", "output": str(tmp_path), "steps": 1, "data": {"shards": ["synthetic"], "batch_items": 2},
            "model": {**SIZES, "content_dim": 192, "prior": True, "text_mask_padding": True, "regression": True, **more},
        }  # fmt: skip
        return tts.build(parse(content, "test"))

    plain, styled = made(), made(prosody=True)
    rng, other = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    batch = next(plain.batches(torch.Generator().manual_seed(3)))
    plain.loss(batch, rng)
    styled.loss(batch, other).value.backward()
    assert styled.model.style_embed.prosody.weight.grad.abs().sum() > 0
    assert len(rng.get_state()) and not torch.equal(rng.get_state(), other.get_state())
    torch.rand(2, generator=rng)
    assert torch.equal(rng.get_state(), other.get_state()), (
        "one draw an item more, and only when on"
    )
