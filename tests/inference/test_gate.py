"""The gate of `mini` on requests that people wrote, none of which its training generates on purpose."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from deepaudio import checkpoint
from deepaudio.errors import UsageError, WeightsError
from deepaudio.inference.gate import MAX_CHARACTERS, Gate
from deepaudio.models.mof import gate
from deepaudio.options import INSTRUCTIONS

PRESET = Path(checkpoint.__file__).parent / "presets" / "mini"
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


@pytest.fixture(scope="module")
def router():
    return Gate.load(PRESET)


def rows(name):
    return [line.split("\t") for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("name", "least"), [("gate_test.tsv", 0.97), ("gate_fresh.tsv", 0.96)])
def test_paraphrases_are_routed_right(router, name, least):
    labelled = rows(name)
    assert min(Counter(direction for direction, _ in labelled).values()) >= 45
    found = router.routes([text for _, text in labelled])
    wrong = [
        (wanted, route.direction, text)
        for (wanted, text), route in zip(labelled, found, strict=True)
        if route.direction != wanted
    ]
    assert 1 - len(wrong) / len(labelled) >= least, wrong
    assert (
        max(Counter(wanted for wanted, _, _ in wrong).values(), default=0)
        <= 0.06 * len(labelled) / 3
    )


@pytest.mark.parametrize(
    ("command", "direction"), [("dub", "v2s"), ("foley", "v2a"), ("tts", "tts")]
)
def test_the_commands_defaults_are_certain(router, command, direction):
    text = INSTRUCTIONS[command]
    for variant in (
        text,
        text.upper(),
        text.title() + ".",
        f"  {text}!\n",
        text.replace(" ", "  "),
    ):
        route = router.route(variant)
        assert route.direction == direction and route.probabilities[direction] > 0.97, (
            variant,
            route,
        )


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("no speech, only sound effects", "v2a"),
        ("no sound effects, only the dialogue of the actor on screen", "v2s"),
        ("no video, no sound effects, only read the text", "tts"),
        ("don't add any voice", "v2a"),
        ("make her lips speak this line", "v2s"),
        ("say this sentence aloud, there is no video", "tts"),
        ("lip-sync", "v2s"), ("LIPSYNC", "v2s"), ("lip sync", "v2s"),
        ("tts", "tts"), ("foley", "v2a"), ("dub it", "v2s"), ("ADR", "v2s"), ("SFX", "v2a"), ("narrate", "tts"),
        ("ad teh sonds of the secne", "v2a"), ("dub teh speeker", "v2s"), ("raed teh text alowd", "tts"),
        ('read aloud: "the rain fell on the roof and a dog barked"', "tts"),
        ('make the man in the clip say "I can hear footsteps"', "v2s"),
    ],
)  # fmt: skip
def test_what_decides(router, text, direction):
    assert router.route(text).direction == direction, router.route(text)


def test_probabilities_and_batches(router):
    texts = [
        "dub it",
        "add the sound of rain to this silent video of a street, nobody should speak",
        "read",
    ]
    for text, route in zip(texts, router.routes(texts), strict=True):
        assert sum(route.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert route.direction == max(route.probabilities, key=route.probabilities.__getitem__)
        assert router.route(text).probabilities == pytest.approx(route.probabilities, abs=1e-5)


def test_hostile_instructions_have_a_route_or_a_clear_error(router):
    for text in (
        "\x00\ud800",
        "🙂",
        "{0.__class__}",
        "[/red]",
        "a" * MAX_CHARACTERS,
        "dub " * 2000,
    ):
        assert router.route(text).direction in gate.DIRECTIONS
    for text, code in (
        ("", "instruction.empty"),
        (" \n", "instruction.empty"),
        ("x" * (MAX_CHARACTERS + 1), "instruction.too_long"),
    ):
        with pytest.raises(UsageError) as caught:
            router.route(text)
        assert caught.value.code == code


def test_the_weights_are_small_and_complete(tmp_path):
    weights = PRESET / "mof" / "model.safetensors"
    assert weights.stat().st_size < 2_800_000
    config, state = checkpoint.load(PRESET / "mof")
    checkpoint.save(
        tmp_path / "mof", {k: v for k, v in state.items() if k != "gate.mlp.0.bias"}, config
    )
    with pytest.raises(WeightsError, match=r"missing gate\.mlp\.0\.bias"):
        Gate.load(tmp_path)
    checkpoint.save(tmp_path / "mof", state, {"gate": config["gate"]})
    with pytest.raises(WeightsError, match="no 'encoder'"):
        Gate.load(tmp_path)
    with pytest.raises(WeightsError, match=r"no config\.json"):
        Gate.load(tmp_path / "nowhere")
    floating = [value.dtype for value in state.values() if value.is_floating_point()]
    assert set(floating) == {torch.float32}, "read as float32"
