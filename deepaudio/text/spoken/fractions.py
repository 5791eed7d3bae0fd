"""Fractions, superscripts and subscripts: marked as such before any other rule sees their digits."""
# ruff: noqa: SIM905 - tables of words are read more easily in rows

import re
import unicodedata

from deepaudio.text.spoken.numbers import (
    FRACTION,
    NUMBER,
    SLASH,
    START,
    fraction,
    ordinal,
    quantity,
)

_DENOMINATORS = {2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 32, 64}
_ASCII = re.compile(r"(?<![\w./⁄-])(?:(\d{1,4})[ -])?(\d{1,2})/(\d{1,2})(?![\w/⁄]|\.\d)")
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUB = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_MARKED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}⁄[₀₁₂₃₄₅₆₇₈₉]{1,3}")
_CARET = re.compile(r"(?<=[\w)])\^\(?([-−]?\d{1,3})\)?(?!\w)")
_POWER = re.compile(r"(?<=[\w)])([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,4})")
_SPOKEN_POWERS = {"2": "squared", "3": "cubed"}
_DATE_BEFORE = re.compile(r"\b(?:on|since|until|till|from|by|due|dated)\s+$", re.IGNORECASE)
_PART = re.compile(rf"{START}(?<!\d[ -])({FRACTION})(?= ([A-Za-z]+))")
_WHOLES = frozenset(
    (
        "cup teaspoon tablespoon pint quart gallon liter litre mile inch foot yard meter metre kilometer hour "
        "minute second day week month year century pound ounce gram kilo kilogram ton acre hectare bottle "
        "glass slice apple onion lemon loaf pizza dozen million billion bar pack bag tank"
    ).split()
)


def marked(text: str) -> str:
    """Every fraction with U+2044 between plain digits: "1½" and "1 1/2" become "1 1⁄2", never "11⁄2"."""
    made = []
    for position, c in enumerate(text):
        if unicodedata.decomposition(c).startswith("<fraction>"):
            before = text[position - 1] if position else ""
            made.append((" " if before.isdecimal() else "") + unicodedata.normalize("NFKC", c))
        else:
            made.append(c)
    text = "".join(made)
    text = _MARKED.sub(lambda m: m.group().translate(_SUPER).translate(_SUB), text)
    return _ASCII.sub(_slashed, text)


def _slashed(match: re.Match) -> str:
    whole, top, bottom = match[1], int(match[2]), int(match[3])
    sure = 0 < top < bottom and bottom in _DENOMINATORS and (whole or (top, bottom) != (9, 11))
    if not sure or (not whole and _DATE_BEFORE.search(match.string[: match.start()])):
        return match.group()
    return f"{whole + ' ' if whole else ''}{top}{SLASH}{bottom}"


def powers(text: str) -> str:
    """`10²` -> "10 squared", `2¹⁰` -> "2 to the tenth", `H₂O` -> "H2O"; a raised digit behind a word is a footnote."""
    text = re.sub(r"\bmc(?=²|\^2)", "m c", text)
    text = _CARET.sub(lambda m: f"{_raised(m[1])}", text)
    text = _POWER.sub(_power, text)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", "", text)
    return text.translate(_SUB)


def _raised(number: str) -> str:
    return number.replace("−", "-").translate({v: k for k, v in _SUPER.items()})


def _power(match: re.Match) -> str:
    before = re.search(r"[A-Za-z]+$", match.string[: match.start()])
    power = match[1].translate(_SUPER)
    if before and len(before.group()) > 2:
        return ""
    if power in _SPOKEN_POWERS:
        return " " + _SPOKEN_POWERS[power]
    sign = {"-": "minus ", "+": "plus "}.get(power[0], "")
    return f" to the {sign}{ordinal(power.lstrip('-+'))}"


def parts(text: str) -> str:
    """Parts of one thing: `1⁄2 cup` -> "half a cup", `3⁄4 cup` -> "three quarters of a cup", `1⁄2 of` -> "half of"."""

    def words(match: re.Match) -> str:
        top, bottom = map(int, match[1].split(SLASH))
        following = match[2].lower()
        if following == "of":
            return "half" if (top, bottom) == (1, 2) else fraction(top, bottom)
        if following not in _WHOLES:
            return quantity(match[1])
        article = "an" if following in ("inch", "hour", "ounce", "acre", "apple", "onion") else "a"
        if (top, bottom) == (1, 2):
            return f"half {article}"
        return f"{fraction(top, bottom)} of {article}"

    return _PART.sub(words, text)


def leftover(text: str) -> str:
    """Any other fraction, alone or behind a whole number."""
    return re.sub(
        rf"{START}(?:(?:{NUMBER})[ -])?{FRACTION}(?!\d)", lambda m: quantity(m.group()), text
    )
