"""The grammar of instructions: size, balance, cleanliness, faults, and careless typing."""

import random
from collections import Counter
from pathlib import Path

import pytest

from deepaudio.data import mof
from deepaudio.errors import InputError
from deepaudio.models.mof.gate import DIRECTIONS

NEAT = mof.scaled(0.0)


def test_directions_are_those_of_the_gate():
    assert mof.DIRECTIONS == DIRECTIONS


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_grammar_is_rich(direction):
    rules = mof.grammar()
    assert rules.combinations(f"{direction}.request") > 10**9
    assert rules.combinations(f"other_languages.{direction}") > 300
    draw = random.Random(0)
    texts = {mof.sample(draw, NEAT, direction).text for _ in range(1000)}
    assert len(texts) > 850


def test_samples_are_clean_balanced_and_repeatable():
    draw = random.Random(1)
    found = [mof.sample(draw) for _ in range(3000)]
    assert all(item.text.strip() and not set("<()[]|") & set(item.text) for item in found)
    assert all(900 < count < 1100 for count in Counter(item.direction for item in found).values())
    draw = random.Random(1)
    assert [mof.sample(draw) for _ in range(50)] == found[:50]
    words = [len(item.text.split()) for item in found]
    assert min(words) == 1 and max(words) > 25


def test_the_same_words_occur_in_every_direction():
    """No direction owns `video`, `voice` or `no`: it is what is said about them that counts."""
    draw = random.Random(2)
    seen = {
        d: Counter(w for _ in range(1000) for w in mof.sample(draw, NEAT, d).text.lower().split())
        for d in DIRECTIONS
    }
    for word in ("no", "video", "the", "only", "voice", "speech", "sound", "my"):
        assert all(seen[d][word] or seen[d][f"{word},"] for d in DIRECTIONS), word


def test_the_shortest_requests_are_in_the_grammar():
    draw = random.Random(3)
    seen = {mof.sample(draw, NEAT, d).text for d in DIRECTIONS for _ in range(3000)}
    assert {"dub the speaker", "sound effects", "read", "dub it"} <= seen


def test_a_share_of_written_requests_that_no_set_of_measurement_holds():
    draw = random.Random(4)
    found = [mof.sample(draw, NEAT, share_written=0.5) for _ in range(400)]
    texts = {text.lower().rstrip(".! ") for lines in mof.written().values() for text in lines}
    share = sum(item.text.lower().rstrip(".! ") in texts for item in found) / len(found)
    assert 0.35 < share < 0.65  # carelessness changes some of them
    measured = {
        line.partition("\t")[2].lower()
        for file in (Path(__file__).parents[1] / "fixtures").glob("gate_*.tsv")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    assert not measured & {text.lower() for lines in mof.written().values() for text in lines}


def test_a_small_grammar():
    rules = mof.Grammar(
        {
            "a": "[x]\n3x <y> (one|two|)\nz.\n\n# no rule\n[y]\nhello\n",
            "common": "[q]\n<q2> !\n[q2]\nhi  there",
        }
    )
    assert rules.combinations("a.x") == 4
    draw = random.Random(0)
    assert {rules.expand("a.x", draw) for _ in range(200)} == {
        "hello one",
        "hello two",
        "hello",
        "z.",
    }
    assert rules.expand("common.q", draw) == "hi there!"
    counts = Counter(rules.expand("a.x", draw) == "z." for _ in range(4000))
    assert 0.2 < counts[True] / 4000 < 0.3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[x]\n<nowhere>", "grammar.unknown_rule"),
        ("[x]\na\n[x]\nb", "grammar.repeated_rule"),
        ("[x]\n(a|b", "grammar.brackets"),
        ("[x]\n<a", "grammar.brackets"),
    ],
)
def test_faults_of_a_grammar_are_named(text, code):
    with pytest.raises(InputError) as caught:
        mof.Grammar({"a": text})
    assert caught.value.code == code


def test_a_grammar_that_does_not_end_is_stopped():
    with pytest.raises(InputError, match="does not end"):
        mof.Grammar({"a": "[x]\n<x>"}).expand("a.x", random.Random(0))


def test_careless_typing_keeps_most_of_a_text():
    text = "Please add the sounds of the scene to the video, without any dialogue."
    draw = random.Random(4)
    found = [mof.careless(text, draw) for _ in range(300)]
    assert len(set(found)) > 60
    assert (
        any(t.islower() for t in found)
        and any(t.isupper() for t in found)
        and any("teh" in t for t in found)
    )
    assert sum("sounds" in t.lower() for t in found) > 200
