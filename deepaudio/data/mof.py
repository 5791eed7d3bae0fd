"""Instructions for the gate: a grammar of requests in three directions, with the slips of real typing.

The grammar lies in `instructions/*.txt`: `[name]` opens a rule, every line below it is an alternative,
`<name>` expands a rule, `(a|b|)` chooses, and `3x ` in front gives a line three shares. Beside it lies `written.tsv`: requests
written one by one (direction, tab, text), for what no grammar thinks of.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from deepaudio.errors import InputError

DIRECTIONS = ("v2a", "v2s", "tts")
MAX_DEPTH = 40

Node = tuple[str, object]  # ("text", str), ("rule", name) or ("choice", [Sequence, ...])
Sequence = list[Node]


class Instruction(NamedTuple):
    text: str
    direction: str


@dataclass(frozen=True)
class Noise:
    """How often a request is written carelessly; probabilities of one request each."""

    foreign: float = 0.08  # another language
    opener: float = 0.08
    tail: float = 0.12
    lower: float = 0.45
    upper: float = 0.04
    sentence: float = 0.46
    title: float = 0.05
    unpunctuated: float = 0.25
    telegram: float = 0.10  # without articles
    typos: float = 0.20
    short_forms: float = 0.10
    hyphens: float = 0.15  # left out
    strange: float = 0.10  # a word that nobody knows in place of one of them


def scaled(factor: float) -> Noise:
    """The usual noise, all of it more or less."""
    return Noise(**{name: min(1.0, value * factor) for name, value in asdict(Noise()).items()})


class Grammar:
    """Rules by name, each a list of weighted alternatives.

    `sources` are texts by name. A rule of source X is called `X.rule`; inside X a `<rule>` means X's own one or,
    when X has none, that of `common`; `<Y.rule>` is that of Y.
    """

    def __init__(self, sources: Mapping[str, str]):
        self.rules: dict[str, tuple[list[Sequence], list[int]]] = {}
        self._combinations: dict[str, int] = {}
        for scope, text in sources.items():
            self._read(scope, text)
        for name, (alternatives, _) in self.rules.items():
            for line in alternatives:
                self._resolve(line, name.partition(".")[0], name)

    def _read(self, scope: str, source: str) -> None:
        lines, weights = [], []
        for number, line in enumerate(source.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("[") and line.endswith("]"):
                name = f"{scope}.{line[1:-1]}"
                if name in self.rules:
                    raise InputError(
                        "grammar.repeated_rule", f"{scope}:{number}: {line} is defined twice"
                    )
                lines, weights = [], []
                self.rules[name] = (lines, weights)
                continue
            weight, text = re.fullmatch(r"(?:(\d+)x )?(.*)", line).groups()  # type: ignore[union-attr]
            lines.append(_parse(text))
            weights.append(int(weight or 1))

    def _resolve(self, sequence: Sequence, scope: str, where: str) -> None:
        """Give the rules in a sequence their full names."""
        for place, (kind, value) in enumerate(sequence):
            if kind == "rule":
                places = (f"{scope}.{value}", f"common.{value}", str(value))
                found = [name for name in places if name in self.rules]
                if not found:
                    raise InputError(
                        "grammar.unknown_rule", f"[{where}] uses <{value}>, which is not there"
                    )
                sequence[place] = (kind, found[0])
            elif kind == "choice":
                for choice in value:  # type: ignore[attr-defined]
                    self._resolve(choice, scope, where)

    def expand(self, rule: str, rng: random.Random) -> str:
        """One text of a rule; spaces are put right."""
        text = self._rule(rule, rng, 0)
        text = re.sub(r"\s+([.,?!;]|\.\.\.|'d\b)", r"\1", text)
        return re.sub(r"\s+", " ", text).strip()

    def _rule(self, rule: str, rng: random.Random, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise InputError("grammar.endless", f"<{rule}> does not end")
        alternatives, weights = self.rules[rule]
        return self._sequence(rng.choices(alternatives, weights)[0], rng, depth + 1)

    def _sequence(self, sequence: Sequence, rng: random.Random, depth: int) -> str:
        parts = []
        for kind, value in sequence:
            if kind == "text":
                parts.append(value)
            elif kind == "rule":
                parts.append(self._rule(value, rng, depth))  # type: ignore[arg-type]
            else:
                parts.append(self._sequence(rng.choice(value), rng, depth))  # type: ignore[arg-type]
        return "".join(parts)  # type: ignore[arg-type]

    def combinations(self, rule: str) -> int:
        """How many derivations a rule has."""
        if rule not in self._combinations:
            self._combinations[rule] = sum(self._count(line) for line in self.rules[rule][0])
        return self._combinations[rule]

    def _count(self, sequence: Sequence) -> int:
        total = 1
        for kind, value in sequence:
            if kind == "rule":
                total *= self.combinations(value)  # type: ignore[arg-type]
            elif kind == "choice":
                total *= sum(self._count(line) for line in value)  # type: ignore[attr-defined]
        return total


@lru_cache(maxsize=1)
def grammar() -> Grammar:
    """The grammar that ships with the package."""
    folder = resources.files("deepaudio.data") / "instructions"
    names = ("common", *DIRECTIONS, "other_languages")
    return Grammar({name: (folder / f"{name}.txt").read_text(encoding="utf-8") for name in names})


@lru_cache(maxsize=1)
def written() -> Mapping[str, list[str]]:
    """The requests of `written.tsv` by direction."""
    file = resources.files("deepaudio.data") / "instructions" / "written.tsv"
    texts: dict[str, list[str]] = {direction: [] for direction in DIRECTIONS}
    for line in file.read_text(encoding="utf-8").splitlines():
        direction, text = line.split("\t")
        texts[direction].append(text)
    return texts


def all_text() -> str:
    """Grammar and written requests as one text, to take the words from."""
    folder = resources.files("deepaudio.data") / "instructions"
    files = sorted((f for f in folder.iterdir() if f.is_file()), key=lambda f: f.name)
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def sample(
    rng: random.Random,
    noise: Noise = Noise(),
    direction: str | None = None,
    share_written: float = 0.0,
) -> Instruction:
    """One request; each direction is equally likely. `share_written` of them come from `written.tsv`."""
    rules = grammar()
    direction = direction or rng.choice(DIRECTIONS)
    if share_written and rng.random() < share_written:
        return Instruction(careless(rng.choice(written()[direction]), rng, noise), direction)
    if rng.random() < noise.foreign:
        return Instruction(
            careless(rules.expand(f"other_languages.{direction}", rng), rng, noise), direction
        )
    text = rules.expand(f"{direction}.request", rng)
    if rng.random() < noise.opener:
        text = (
            rules.expand("common.opener", rng)
            + rng.choice([", ", ". ", "! ", ": ", " - ", "\n"])
            + text
        )
    if rng.random() < noise.tail:
        text = (
            text.rstrip(".")
            + rng.choice([", ", ". ", "; ", " - ", "\n"])
            + rules.expand("common.tail", rng)
        )
    return Instruction(careless(text, rng, noise), direction)


SHORT_FORMS = {
    "please": ("pls", "plz"), "you": ("u",), "are": ("r",), "video": ("vid",), "with": ("w/",), "and": ("&", "n"),
    "for": ("4",), "without": ("w/o",), "thanks": ("thx", "tnx"), "because": ("cuz", "bc"), "the": ("da", "teh"),
    "to": ("2",), "want to": ("wanna",), "going to": ("gonna",), "them": ("em",), "text": ("txt",),
    "someone": ("sb", "sbdy"), "dialogue": ("dialog",), "voice-over": ("vo", "voiceover"), "background": ("bg",),
    "this": ("dis",), "synchronised": ("synced",), "character": ("char",), "picture": ("pic",),
}  # fmt: skip
SYLLABLES = [
    "ba", "ko", "ri", "mun", "tes", "lo", "gra", "vi", "ner", "do", "fil", "sta", "que", "pim",
    "hu", "zo", "ter", "wick", "ly", "sho", "ban", "drel", "ka", "mo",
]  # fmt: skip
ARTICLES = {"the", "a", "an", "this", "my", "its", "some"}
NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry", "u": "yi",
    "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip


def careless(text: str, rng: random.Random, noise: Noise = Noise()) -> str:
    """The text as somebody might really type it: case, punctuation, articles, short forms, slips of the finger."""
    if rng.random() < noise.telegram:
        text = " ".join(w for w in text.split(" ") if w.lower() not in ARTICLES)
    if rng.random() < noise.short_forms:
        words = text.split(" ")
        text = " ".join(
            rng.choice(SHORT_FORMS[w]) if w in SHORT_FORMS and rng.random() < 0.7 else w
            for w in words
        )
    if rng.random() < noise.unpunctuated:
        text = re.sub(r"[.,!?;:\"“”]|(?<!\w)'|'(?!\w)", rng.choice(["", " "]), text)
    if rng.random() < noise.typos:
        text = " ".join(_typo(w, rng) if rng.random() < 0.25 else w for w in text.split(" "))
    if rng.random() < noise.strange:
        words = text.split(" ")
        place = rng.randrange(len(words))
        if len(words) > 3 and len(words[place]) > 3:
            words[place] = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 3)))
        text = " ".join(words)
    if rng.random() < noise.hyphens:
        text = text.replace("-", rng.choice([" ", ""]))
    text = re.sub(r"\s+", " ", text).strip()
    case = rng.random()
    if (case := case - noise.lower) < 0:
        return text.lower()
    if (case := case - noise.upper) < 0:
        return text.upper()
    if (case := case - noise.sentence) < 0:
        text = text[:1].upper() + text[1:]
        return text + rng.choice(["", "", ".", ".", "!", " "]) if text[-1:].isalpha() else text
    return text.title() if case < noise.title else text


def _typo(word: str, rng: random.Random) -> str:
    if len(word) < 4 or not word.isalpha():
        return word
    place = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(5)
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + word[place] + word[place:]
    if kind == 2:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    near = NEIGHBOURS.get(word[place].lower())
    if near is None:
        return word
    return word[:place] + rng.choice(near) + word[place + (kind == 3) :]


def _parse(text: str) -> Sequence:
    """The tree of one alternative."""
    sequence, rest = _parse_until(text, 0, "")
    if rest != len(text):
        raise InputError("grammar.brackets", f"unbalanced brackets in '{text}'")
    return sequence


def _parse_until(text: str, place: int, ends: str) -> tuple[Sequence, int]:
    """Nodes from `place` up to one of the characters in `ends`, and where that one stands."""
    sequence: Sequence = []
    while place < len(text) and text[place] not in ends:
        if text[place] == "<":
            close = text.find(">", place)
            if close < 0:
                raise InputError("grammar.brackets", f"unclosed < in '{text}'")
            sequence.append(("rule", text[place + 1 : close]))
            place = close + 1
        elif text[place] == "(":
            choices = []
            while text[place] != ")":
                choice, place = _parse_until(text, place + 1, "|)")
                choices.append(choice)
                if place >= len(text):
                    raise InputError("grammar.brackets", f"unclosed ( in '{text}'")
            sequence.append(("choice", choices))
            place += 1
        else:
            start = place
            while place < len(text) and text[place] not in "<(" + ends:
                place += 1
            sequence.append(("text", text[start:place]))
    return sequence, place
