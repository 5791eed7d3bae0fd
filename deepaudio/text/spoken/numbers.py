"""Numbers in words: cardinals, ordinals, decimals, years, digits, pairs of digits, Roman numerals, fractions."""
# ruff: noqa: SIM905 - tables of words are read more easily in rows

import re

NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
"""Digits with thousands and decimals; callers guard its edges."""
SLASH = "\u2044"
"""Between numerator and denominator of a sure fraction, see `fractions.marked`."""
FRACTION = rf"\d{{1,3}}{SLASH}\d{{1,3}}"
QUANTITY = rf"(?:[-−+]?(?:(?:{NUMBER})(?:[ -]?{FRACTION}(?!\d))?|{FRACTION}(?!\d)))"
"""A number as measures take it: `-5`, `1,250.5`, `2 1⁄4`, `3⁄4`."""
START = r"(?<![\w.,⁄])"
"""In front of a quantity: not inside a word or another number."""
ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SCALES = ("", " thousand", " million", " billion", " trillion")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_LONGEST = 15  # digits; beyond that nobody says the number but its digits
_ROMAN = re.compile(r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_PARTS = {2: "half", 4: "quarter", 100: "hundredth"}


def _below_thousand(n: int) -> str:
    hundreds = f"{ONES[n // 100]} hundred" if n >= 100 else ""
    n %= 100
    if n >= 20:
        rest = TENS[n // 10 - 2] + (f"-{ONES[n % 10]}" if n % 10 else "")
    else:
        rest = ONES[n] if n or not hundreds else ""
    return f"{hundreds} {rest}".strip()


def cardinal(number: int | str) -> str:
    """`1250` -> "one thousand two hundred fifty"; very long ones digit by digit."""
    text = str(number).replace(",", "")
    if len(text) > _LONGEST:
        return digits(text)
    groups, rest = [], int(text)
    for scale in SCALES:
        rest, group = divmod(rest, 1000)
        if group:
            groups.append(_below_thousand(group) + scale)
    return " ".join(reversed(groups)) or "zero"


def ordinal(number: int | str) -> str:
    """`23` -> "twenty-third"."""
    text = str(number).replace(",", "")
    if len(text) > _LONGEST:
        return digits(text)
    head, joint, last = re.fullmatch(r"(.*?)([ -]?)(\w+)", cardinal(text)).groups()
    if last.endswith("y"):
        last = last[:-1] + "ieth"
    return head + joint + (_ORDINALS.get(last) or (last if last.endswith("ieth") else last + "th"))


def year(number: int) -> str:
    """`1984` -> "nineteen eighty-four", `1905` -> "nineteen oh five", `2005` -> "two thousand five"."""
    century, rest = divmod(number, 100)
    if number < 1000 or number >= 10_000 or (century % 10 == 0 and rest < 10):
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def is_year(number: str) -> bool:
    """Whether four digits alone are taken for a year."""
    return len(number) == 4 and number.isdecimal() and 1100 <= int(number) <= 2099


def digits(text: str, zero: str = "zero") -> str:
    """One by one: `0100` -> "zero one zero zero"."""
    return " ".join(zero if c == "0" else ONES[int(c)] for c in text if c.isdecimal())


def pairs(text: str) -> str:
    """As rooms, routes and models are read: `204` "two oh four", `747` "seven forty-seven", `1408` "fourteen oh eight"."""
    if text.startswith("0") or len(text) > 4:
        return digits(text, "oh" if len(text) < 5 else "zero")
    if len(text) < 3 or text.endswith("00"):
        return cardinal(text) if len(text) < 4 or text.endswith("000") else year(int(text))
    head, tail = text[:-2], text[-2:]
    return f"{cardinal(head)} {'oh ' + ONES[int(tail[1])] if tail[0] == '0' else cardinal(tail)}"


def number(text: str) -> str:
    """Digits with thousands, decimals and sign: `-1,250.5` -> "minus one thousand two hundred fifty point five"."""
    sign = {"-": "minus ", "−": "minus ", "+": "plus "}.get(text[:1], "")
    whole, point, decimals = text.lstrip("-−+").partition(".")
    if len(whole) > 1 and whole.startswith("0") and not point:
        return sign + digits(whole)
    words = cardinal(whole) if whole else ""
    if point:
        words = f"{words} point {digits(decimals)}".strip()
    return sign + words


def fraction(numerator: int, denominator: int, article: str = "one") -> str:
    """`3, 4` -> "three quarters"; one part is "one quarter", or "a quarter" with that article."""
    if denominator == 0:
        return f"{cardinal(numerator)} over zero"
    part = _PARTS.get(denominator) or ordinal(denominator)
    if numerator == 1:
        return f"{article} {part}"
    plural = "halves" if denominator == 2 else part + "s"
    return f"{cardinal(numerator)} {plural}"


def quantity(text: str) -> str:
    """Words of a QUANTITY: `2 1⁄4` -> "two and a quarter", `3⁄4` -> "three quarters"."""
    sign = {"-": "minus ", "−": "minus ", "+": "plus "}.get(text[:1], "")
    text = text.lstrip("-−+")
    if SLASH not in text:
        return sign + number(text)
    match = re.fullmatch(rf"(?:({NUMBER})[ -]?)?(\d+){SLASH}(\d+)", text)
    whole, numerator, denominator = match[1], int(match[2]), int(match[3])
    if whole is None:
        return sign + fraction(numerator, denominator)
    return f"{sign}{number(whole)} and {fraction(numerator, denominator, 'a')}".replace(
        "a eighth", "an eighth"
    )


def is_one(text: str) -> bool:
    """Whether a quantity takes the singular: 1 and nothing but 1."""
    return text.lstrip("-−+") == "1"


def roman(text: str) -> int | None:
    """The value of a well-formed Roman numeral."""
    if not text or not _ROMAN.fullmatch(text):
        return None
    values = [_ROMAN_VALUES[c] for c in text]
    pairs_of = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < after else value for value, after in pairs_of)


def letters(text: str) -> str:
    """Spelled: `FBI` -> "F-B-I", which voices read letter by letter."""
    return "-".join(c.upper() for c in text if c.isalnum())
