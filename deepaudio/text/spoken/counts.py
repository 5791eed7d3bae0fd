"""The numbers that remain: years, decades, ordinals, ranges, scores, thousands, decimals, plain digits."""

import re

from deepaudio.text.spoken.numbers import NUMBER, cardinal, digits, is_year, number, ordinal, year

_DECADE = re.compile(r"(?<![\w.,])(?:(1\d|20)(\d)0|['’]?([1-9])0)['’]?s(?!\w)")
_SHORT_YEAR = re.compile(r"(?<!\w)['’](\d\d)(?![\w'’])")
_YEARS = re.compile(
    r"(?<![\w.,-])(1[1-9]\d\d|20\d\d) ?[-–—/] ?((?:1[1-9]|20)?\d\d)(?![\w-]|[.,]\d)"
)
_ANCIENT = re.compile(
    r"\b((?i:in|since|of|year|until|till|from|by|around|circa|before|after|AD|A-D)) (\d{3,4})(?![\w-]|[.,:]\d)(?! [a-z]+s\b)"
)
_ORDINAL = re.compile(r"(?<![\w.,])((?:\d{1,3}(?:,\d{3})+|\d+))(?:st|nd|rd|th|ST|ND|RD|TH)(?!\w)")
_HYPHENED = re.compile(r"(?<![\w.,-])\d{1,6}(?:-\d{1,6}){2,5}(?![\w-]|[.,]\d)")
_SUM = re.compile(rf"(?<=[\w)]) ?[-−–] ?(?=(?:{NUMBER})\b[^.!?]*(?:=|equals|\bis\b))")
_RANGE = re.compile(rf"(?<![\w.,-])(-?(?:{NUMBER}))(?:[-–—]| [-–—] )((?:{NUMBER}))(?![\w-]|[.,]\d)")
_RATIO = re.compile(r"(?<![\w.:,])(\d{1,4}):(\d{1,4})(?![\w:]|\.\d)")
_SLASHED = re.compile(r"(?<![\w./,])(\d{1,4})/(\d{1,4})(?![\w/]|[.,]\d)")
_LONG = re.compile(r"(?<![\w.,])\d{7,}(?![\w]|[.,]\d)")
_NUMBER = re.compile(rf"(?:(?<![\w.,)])[-−+](?=\.?\d))?(?<![\w.,])(?:{NUMBER})(?!\w|,\d{{3}})")
_ANY = re.compile(r"\d+")
_SAID_TWICE = {
    ("24", "7"): "twenty-four seven",
    ("9", "11"): "nine eleven",
    ("20", "20"): "twenty twenty",
}


def counts(text: str) -> str:
    """No digit is left behind."""
    text = _DECADE.sub(_decade, text)
    text = _SHORT_YEAR.sub(_short_year, text)
    text = _YEARS.sub(_years, text)
    text = _ANCIENT.sub(_ancient, text)
    text = _ORDINAL.sub(lambda m: ordinal(m[1]), text)
    text = _HYPHENED.sub(lambda m: ", ".join(map(digits, m.group().split("-"))), text)
    text = _RATIO.sub(lambda m: f"{number(m[1])} to {number(m[2])}", text)
    if "equals" in text:
        text = re.sub(r"(?<=\d) ?/ ?(?=\d)", " divided by ", text)
        text = _SUM.sub(" minus ", text)
    text = _SLASHED.sub(_slashed, text)
    text = _RANGE.sub(_range, text)
    text = _LONG.sub(_long, text)
    text = _NUMBER.sub(lambda m: _one(m.group()), text)
    return _ANY.sub(lambda m: f" {digits(m.group())} ", text)


def _one(text: str) -> str:
    if is_year(text):
        return year(int(text))
    return number(text)


def _short_year(match: re.Match) -> str:
    quoted = re.search(r"(?<=\w[.,!?])'(?!\w)|(?<=[a-z])'(?!\w)", match.string[match.end() :])
    return match.group() if quoted else _two(match[1])


def _two(text: str) -> str:
    return f"oh {digits(text[1])}" if text[0] == "0" and text != "00" else number(text)


def _plural(words: str) -> str:
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _decade(match: re.Match) -> str:
    if match[3]:
        return _plural("ten" if match[3] == "1" else cardinal(int(match[3]) * 10))
    century, ten = match[1], match[2]
    if ten == "0":
        return "two thousands" if century == "20" else f"{cardinal(century)} hundreds"
    return f"{cardinal(century)} {_plural(cardinal(int(ten) * 10)) if ten != '1' else 'tens'}"


def _years(match: re.Match) -> str:
    first, last = match[1], match[2]
    return f"{year(int(first))} to {year(int(last)) if len(last) == 4 else _two(last)}"


def _ancient(match: re.Match) -> str:
    value = int(match[2])
    if len(match[2]) == 4 and 1010 <= value <= 2999 and match[2][1:3] != "00":
        return f"{match[1]} {year(value)}"
    if len(match[2]) == 3 and match[1].upper() in ("AD", "A-D"):
        return f"{match[1]} {number(match[2])}"
    return match.group()


def _range(match: re.Match) -> str:
    first, last = match[1], match[2]
    if (first, last) in _SAID_TWICE:
        return _SAID_TWICE[first, last]
    shared = first.isdecimal() and last.isdecimal() and int(first) + int(last) == 100
    if first == last or (shared and int(first) >= int(last)):
        return f"{_one(first)} {_one(last)}"
    return f"{_one(first)} to {_one(last)}"


def _slashed(match: re.Match) -> str:
    first, last = match[1], match[2]
    if (first, last) in _SAID_TWICE:
        return _SAID_TWICE[first, last]
    a, b = int(first), int(last)
    if b == 10 or (a == b and b != 50):
        return f"{cardinal(a)} out of {cardinal(b)}"
    if a + b == 100 or a > b:
        return f"{cardinal(a)} {cardinal(b)}"
    if b == 100 or b == 20 or b == 25 or b == 1000:
        return f"{cardinal(a)} out of {cardinal(b)}"
    return f"{cardinal(a)} over {cardinal(b)}"


def _long(match: re.Match) -> str:
    text = match.group()
    return number(text) if text.endswith("000") and text[0] != "0" else digits(text)
