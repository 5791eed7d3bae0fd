"""Dates and times of day: "March 3, 2021" is "March third, twenty twenty-one", "18:05" is "eighteen oh five"."""
# ruff: noqa: SIM905 - tables of words are read more easily in rows

import re

from deepaudio.text.spoken.numbers import cardinal, letters, ordinal, year

MONTHS = (
    "January February March April May June July August September October November December"
).split()
_SHORT = {m[:3]: m for m in MONTHS} | {"Sept": "September"}
_month = "|".join(
    [*MONTHS, *(f"{s}\\.?" for s in sorted(_SHORT, key=len, reverse=True) if s != "May")]
)
STARTERS = (
    "The|He|She|It|We|They|I|You|But|And|So|Then|There|This|That|What|Why|Who|How|When|Where|No|Yes|My|Our|Your|In|"
    "On|At|If|Is|Are|Do|Not|Let|Please|Now|Her|His"
)
SENTENCE_END = re.compile(rf"\s*(?:$|[\"”')]|\n)|\s+(?:{STARTERS})\b")
"""What follows a point that ends a sentence and not only an abbreviation."""
_ISO = re.compile(r"(?<![\w/.-])(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?![\w/-])(?:T(?=\d))?")
_NUMERIC = re.compile(r"(?<![\w/.-])(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|\.\d)")
_ON_SLASH = re.compile(
    r"(?i)(\b(?:on|since|until|till|by|due|dated|from)\s+)(\d{1,2})/(\d{1,2})(?![\w/])"
)
_MONTH_DAY = re.compile(
    rf"\b({_month}) (\d{{1,2}})(?:st|nd|rd|th)?(?: ?(?:-|–|to) ?(\d{{1,2}})(?:st|nd|rd|th)?)?"
    r"(?:(,? )(\d{4})\b)?(?![\w:%]|[.,]\d)"
)
_DAY_MONTH = re.compile(
    rf"(?i:\b(the) )?(?<![\w.,/:-])(\d{{1,2}})(?:st|nd|rd|th)?(?: ?(?:-|–) ?(\d{{1,2}})(?:st|nd|rd|th)?)? (?:of )?"
    rf"({_month})\b\.?(?:(,? )(\d{{4}})\b)?"
)
_MONTH_YEAR = re.compile(rf"\b({_month}),? (\d{{4}})\b(?![\w:%]|[.,]\d)")
_BARE_MONTH = re.compile(r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\.(?= )")
_half = r"(?P<half>[AaPp])\.? ?[Mm]\b(?P<dot>\.?)"
_TIME = re.compile(
    rf"(?<![\w:.,])(\d{{1,2}})[:.](\d{{2}})(?::(\d{{2}}))?(?:h\b)?(?: ?{_half})?(?![\w:]|\.\d)"
)
_TIME_RANGE = re.compile(
    r"(?:(?<=\d:\d\d)|(?<=\d[ap]m)|(?<=\d [ap]m)|(?<=[ap]\.m\.)) ?[-–—] ?(?=\d{1,2}(?::\d\d| ?[AaPp]\.?[Mm]\b))"
)
_HOUR = re.compile(rf"(?<![\w:.,])(\d{{1,2}})(?: ?(?:-|–|to) ?(\d{{1,2}}))? ?{_half}(?!\w)")
_FRENCH = re.compile(r"(?<![\w:.,])(\d{1,2})h(\d{2})(?!\w)")
_OPEN = re.compile(
    r"(?i)(\b(?:open|works?|working|worked|from)\b[^.\d]{0,16}?)(\d{1,2}) ?[-–] ?(\d{1,2})(?![\w:/.%-])"
)


def dates(text: str) -> str:
    """Dates with digits in words; slashes are month first unless that cannot be."""
    text = _ISO.sub(lambda m: _whole(m, m[2], m[3], m[1]), text)
    text = _NUMERIC.sub(_numeric, text)
    text = _ON_SLASH.sub(lambda m: m[1] + _slashed(m), text)
    text = _MONTH_DAY.sub(_month_day, text)
    text = _DAY_MONTH.sub(_day_month, text)
    text = _MONTH_YEAR.sub(lambda m: f"{_full(m[1])} {year(int(m[2]))}", text)
    return _BARE_MONTH.sub(lambda m: _SHORT[m[1]], text)


def _full(month: str) -> str:
    return month if month in MONTHS else _SHORT[month.rstrip(".")]


def _whole(match: re.Match, month: str, day: str, of_year: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return match.group()
    following = ", " if match.group().endswith("T") else ""
    return f"{MONTHS[int(month) - 1]} {ordinal(int(day))}, {year(int(of_year))}{following}"


def _numeric(match: re.Match) -> str:
    first, mark, second, of_year = match[1], match[2], match[3], match[4]
    if len(of_year) == 2:
        if mark == "." or (mark == "-" and int(first) > 31):
            return match.group()
        of_year = ("20" if int(of_year) < 50 else "19") + of_year
    day_first = mark == "." or int(first) > 12
    month, day = (second, first) if day_first else (first, second)
    return _whole(match, month, day, of_year)


def _slashed(match: re.Match) -> str:
    first, second = int(match[2]), int(match[3])
    month, day = (first, second) if first <= 12 else (second, first)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return f"{match[2]}/{match[3]}"
    return f"{MONTHS[month - 1]} {ordinal(day)}"


def _days(first: str, last: str | None) -> str | None:
    if not all(1 <= int(day) <= 31 for day in (first, last or first)):
        return None
    return ordinal(int(first)) + (f" to {ordinal(int(last))}" if last else "")


def _month_day(match: re.Match) -> str:
    days = _days(match[2], match[3])
    if days is None:
        return match.group()
    return f"{_full(match[1])} {days}" + (f", {year(int(match[5]))}" if match[5] else "")


def _day_month(match: re.Match) -> str:
    days = _days(match[2], match[3])
    if days is None:
        return match.group()
    article = match[1] or "the"
    words = f"{article} {days} of {_full(match[4])}"
    ends = match.group().endswith(".") and SENTENCE_END.match(match.string[match.end() :])
    return words + (f", {year(int(match[6]))}" if match[6] else "") + ("." if ends else "")


def times(text: str) -> str:
    """Times of day and durations of the form h:mm:ss in words."""
    text = _TIME_RANGE.sub(" to ", text)
    text = _FRENCH.sub(lambda m: _clock(m, m[1], m[2]) or m.group(), text)
    text = _TIME.sub(_time, text)
    text = _HOUR.sub(_hour, text)
    return _OPEN.sub(lambda m: f"{m[1]}{cardinal(m[2])} to {cardinal(m[3])}", text)


def _time(match: re.Match) -> str:
    if "." in match.group()[: len(match[1]) + 1] and not match["half"]:
        return match.group()  # a decimal
    if match[3]:
        return _running(match)
    words = _clock(match, match[1], match[2])
    return words + _of_day(match) if words else match.group()


def _clock(match: re.Match, hour: str, minute: str) -> str | None:
    if int(hour) > 24 or int(minute) > 59:
        return None
    half = match.groupdict().get("half")
    if minute == "00":
        if half:
            return cardinal(int(hour))
        return (
            f"{cardinal(int(hour))} hundred" if int(hour) > 12 else f"{cardinal(int(hour))} o'clock"
        )
    return f"{cardinal(int(hour))} {'oh ' if minute[0] == '0' else ''}{cardinal(int(minute))}"


def _running(match: re.Match) -> str:
    if int(match[2]) > 59 or int(match[3]) > 59:
        return match.group()
    named = zip(match.groups()[:3], ("hour", "minute", "second"), strict=True)
    said = [(int(n), word) for n, word in named if int(n)]
    return ", ".join(f"{cardinal(n)} {word}{'s' if n != 1 else ''}" for n, word in said)


def _of_day(match: re.Match) -> str:
    if not match["half"]:
        return ""
    ends = match["dot"] and SENTENCE_END.match(match.string[match.end() :])
    return f" {letters(match['half'] + 'm')}" + ("." if ends else "")


def _hour(match: re.Match) -> str:
    if not 0 <= int(match[1]) <= 24:
        return match.group()
    low = f"{cardinal(int(match[1]))} to " if match[2] else ""
    return low + cardinal(int(match[2] or match[1])) + _of_day(match)
