"""From written text to spoken English words: numbers, units, money, dates, addresses, codes, signs, abbreviations, sounds.

One room between a script and every voice. Each file knows one kind of writing and turns it into words that no later one
touches, so the order below matters: what is surest comes first, plain digits last. Text of plain words passes unchanged.
"""

import functools
import re
import unicodedata
from typing import NamedTuple

from deepaudio.text.spoken import (
    abbreviations,
    addresses,
    clock,
    codes,
    counts,
    fractions,
    money,
    signs,
    sounds,
    units,
)
from deepaudio.text.spoken.numbers import ONES, TENS

__all__ = ["Spoken", "spoken"]


class Spoken(NamedTuple):
    """`words` are what a voice reads; `missed` what a listener will miss: signs without words, words without vowels."""

    words: str
    missed: tuple[str, ...] = ()


_STEPS = (
    sounds.stutters,
    fractions.marked,
    addresses.addresses,
    money.card_digits,
    codes.roman_numerals,
    signs.arrows,
    clock.dates,
    clock.times,
    money.amounts,
    addresses.phones,
    units.heights,
    units.measured,
    fractions.parts,
    fractions.leftover,
    fractions.powers,
    codes.versions,
    abbreviations.abbreviations,
    codes.codes,
    codes.acronyms,
)
_PRIMES = str.maketrans({"′": "'", "″": '"', "‵": "'", "ʹ": "'", "ʺ": '"', "’": "'", "‘": "'", "`": "'", "´": "'",
                         "“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‐": "-", "‑": "-", "‒": "–",
                         "―": "—", "₋": "-"})  # fmt: skip
_KEPT = ("<fraction>", "<super>", "<sub>")
_DIGITS = frozenset("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺₀₁₂₃₄₅₆₇₈₉™℠№µ")
_NOT_SPELLED = re.compile(
    r"(?:[A-Z]-)+[A-Z](?:'s)?|[A-Za-z](?:'s)?|hmm+|mmm*|mm-hmm|psst|nth", re.IGNORECASE
)
_COUNT = "|".join([*ONES, *TENS, "minus", "hundred", "thousand", "million", "billion"])
_BETWEEN = re.compile(rf"(?i)(\bbetween (?:(?:{_COUNT})[ -]){{1,9}})to (?=(?:{_COUNT})\b)")
_SENTENCE = re.compile(rf"(?:^|(?<=[.!?…] ))(?:{_COUNT})\b")
_WORD = re.compile(r"(?<![\w'-])[A-Za-z]+(?:['-][A-Za-z]+)*(?![\w'])")


@functools.lru_cache(maxsize=1024)
def spoken(text: str) -> Spoken:
    """The words of a written text, and what of it cannot be spoken."""
    text = tidy(text)
    missed: list[str] = []
    for step in _STEPS:
        text = step(text)
    text = signs.signs(text, missed)
    text = counts.counts(text)
    text = sounds.sounds(text)
    text = _folded(text)
    missed += [word for word in _WORD.findall(text) if _spelled(word) and word not in missed]
    return Spoken(text, tuple(missed))


def tidy(text: str) -> str:
    """Compatibility forms in plain letters and digits, except fractions, raised and lowered digits, which mean something."""
    made = []
    for c in text:
        plain = c.isascii() or c in _DIGITS or c == "…"
        if not plain and (form := unicodedata.decomposition(c)).startswith("<"):
            plain = form.startswith(_KEPT[0])
            c = c if plain else unicodedata.normalize("NFKC", c)
        made.append(c)
    return re.sub(r"(?<=\d)( ?)μ(?=[A-Za-z])", r"\1µ", "".join(made).translate(_PRIMES))


def _folded(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" +([,.;:!?…])", r"\1", text)
    text = re.sub(r"(?:o'clock )(?=o'clock)", "", text)
    text = re.sub(r",(?=[,.;:!?])", "", text)
    text = _BETWEEN.sub(lambda m: f"{m[1]}and ", text)
    return _SENTENCE.sub(lambda m: m.group().capitalize(), text.strip(" ,"))


def _spelled(word: str) -> bool:
    """Whether a voice would spell it: no vowel, and not letters on purpose."""
    return not re.search("[aeiouyAEIOUY]", word) and not _NOT_SPELLED.fullmatch(word)
