"""Abbreviations: titles before names, streets behind them, "e.g.", "etc.", "No. 5"."""

import re

from deepaudio.text.spoken.acronyms import BARE, BEHIND, POINTED, TITLES
from deepaudio.text.spoken.clock import SENTENCE_END


def _either(words) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_NUMBER = re.compile(r"\b((?:N|n)os?|№|Nr)\. ?(?=\d)|№ ?(?=\d)|\bNO\. ?(?=\d)")
_PAGE = re.compile(r"\b(pp?|P|ch|Ch|vol|Vol|fig|Fig|sec|Sec|art|Art)\. ?(?=\d)")
_PAGES = {"p": "page", "pp": "pages", "ch": "chapter", "vol": "volume", "fig": "figure", "sec": "section", "art": "article"}  # fmt: skip
_BEHIND = re.compile(
    rf"(?<=[A-Za-z0-9])(,? )((?i:{_either(BEHIND)}))(?:\.|\b(?=,| (?i:in|on|at|and|is|was|to|from)\b))"
)
_TITLE = re.compile(
    rf"(?<![\w'’.])((?i:{_either(TITLES)}))(?:(?:\. ?|  ?)(?=[A-Z])|\. (?=(?:and|or) ))"
)
_POINTED = re.compile(rf"(?<![\w'’.])((?i:{_either(POINTED)}))\.(?!\w)|(?<!\w)w/(?! ?o\b)(?= ?\w)")
_BARE = re.compile(rf"(?<![\w'’./&-])((?i:{_either(BARE)}))(?![\w'’./])")
_CIRCA = re.compile(r"\bc\. ?(?=\d{3,4}\b)")
_NAMED_BEFORE = re.compile(r"(?:\b[A-Z][a-z]+|\d(?:st|nd|rd|th)|\b[A-Z]\.?|(?:st|nd|rd|th))$")


def abbreviations(text: str) -> str:
    """Words for them; the point stays where it also ends the sentence."""
    text = _NUMBER.sub(lambda m: "numbers " if (m[1] or "").lower() == "nos" else "number ", text)
    text = _PAGE.sub(lambda m: f"{_PAGES[m[1].lower()]} ", text)
    text = _CIRCA.sub("circa ", text)
    text = _BEHIND.sub(_behind, text)
    text = _TITLE.sub(lambda m: f"{TITLES[m[1].lower()]} ", text)
    text = _POINTED.sub(_pointed, text)
    return _BARE.sub(_bare, text)


def _ends(match: re.Match) -> bool:
    return SENTENCE_END.match(match.string[match.end() :]) is not None


def _behind(match: re.Match) -> str:
    word = match[2].lower()
    before = match.string[: match.start()]
    if not _NAMED_BEFORE.search(before):
        return match.group()
    following = match.string[match.end() :]
    numbered = re.search(r"\d\w* (?:[A-Z][\w']+ ?){0,2}$", before)
    if (
        word in TITLES
        and not numbered
        and re.match(r" ?[A-Z][a-z]", following)
        and not _ends(match)
    ):
        return match.group()
    if not match.group().endswith(".") and (
        word in ("co", "st", "ct", "pl", "sq") or match[2].islower()
    ):
        return match.group()
    ends = match.group().endswith(".") and _ends(match)
    return f" {BEHIND[word]}" + ("." if ends else "")


def _pointed(match: re.Match) -> str:
    if match[1] is None:
        return "with" if match.string[match.end()] == " " else "with "
    word = match[1].lower()
    ends = _ends(match)
    ambiguous = word in (
        "min",
        "max",
        "mon",
        "fri",
        "wed",
        "ch",
        "temp",
        "sec",
        "ref",
        "est",
        "ca",
        "sq",
        "thu",
        "hr",
    )
    if ambiguous and ends and word not in ("sec", "hr"):
        return match.group()
    said = POINTED[word]
    if match[1][0].isupper() and said[0].islower():
        said = said[0].upper() + said[1:]
    return said + ("." if ends and word not in ("e.g", "i.e") else "")


def _bare(match: re.Match) -> str:
    if match[1].isupper() and len(match[1]) < 3:
        return match.group()
    return BARE[match[1].lower()]
