"""One row of a subtitle file: whether it is a row of times, a damaged one, or a cue number, in any spelling."""

import re
import unicodedata

_POINT = r" ?[.,;] ?"
_CLOCK = rf"-? ?\d{{1,6}}(?:(?: ?: ?)\d{{1,6}}){{1,3}}(?:{_POINT}\d{{1,9}})?"
_POINTED = r"\d{1,3}\.\d{2}\.\d{2}[.,]\d{1,3}"  # 00.00.01,500
_SECONDS = r"-?\d{1,6}[.,]\d{1,9}"
_TIME = rf"(?:{_POINTED}|{_CLOCK}|{_SECONDS})"
_ARROW = r"(?:(?:[-=] ?){1,4}[>»]{1,2}|[→➔➜⇒⟶»])"
_NUMBER = r"[#(\[]?\d{1,7}[.):\]-]?"
_TAGS = re.compile(r"</?[a-zA-Z][^<>\n]{0,80}>|\{\\?[^{}\n]{0,80}\}")
_TIMES = re.compile(
    rf"(?:({_NUMBER})\s+)?[\[(]?({_TIME})[\])]?\s*{_ARROW}\s*[\[(]?({_TIME})[\])]?(?:\s+(.*))?"
)
_WHOLE = rf"\d{{1,3}} ?: ?\d{{2}} ?: ?\d{{2}}(?:{_POINT}\d{{1,9}}|:\d{{3}})?|\d{{1,3}}:\d{{2}}[.,:;]\d{{3}}"
_ARROWLESS = re.compile(
    rf"(?:({_NUMBER})\s+)?[\[(]?({_WHOLE})[\])]?(?:[^\w:]{{1,8}}| to )[\[(]?({_WHOLE})[\])]?()"
)
_ALONE = re.compile(r"\d{1,3}:\d{2}:\d{2}")
_STRICT = re.compile(rf"(?:({_NUMBER})\s+)?(-?[\d:.,]+)\s*-->\s*(-?[\d:.,]+)(?:\s(.*))?")
_FULL = re.compile(rf"(?<![\d:]){_CLOCK}(?![\d:])")
_PRECISE = re.compile(r"(?=[\d.;, ]*:)\d{1,3}(?:\s?[:.;,]\s?\d{1,3}){2,3}(?![\d:])")
_SAID = re.compile(r"\W*\d{1,2}:\d{2}[.,!?]*(?: ?- ?\d{1,2}:\d{2}[.!?]*)?\W*|\W*\d{1,4}:\d{1,4}\W*")
_BROKEN_ARROW = re.compile(r"-\s?-\s?>|->|[→⇒⟶➔➜]")
_ID = re.compile(_NUMBER)
_SETTING = re.compile(
    r"(?:align|position|line|size|vertical|region|[XY][12]|[ADLST]):\S*", re.IGNORECASE
)


def plain(row: str) -> str:
    """A row as its structure is read: full-width forms, dashes and spaces in plain ASCII, no tags around it."""
    row = unicodedata.normalize("NFKC", row)
    row = re.sub("[‐‑‒–—―−─]", "-", row)
    return re.sub(r"\s+", " ", _TAGS.sub(" ", row)).strip()


def times_of(row: str) -> re.Match | None:
    """The two times of a row that begins with them (a number before; settings or, behind `-->`, words after), else None."""
    if len(row) > 400 or not any(c.isdigit() for c in row):
        return None
    text = plain(row)
    match = _STRICT.fullmatch(text) or _TIMES.fullmatch(text) or _ARROWLESS.fullmatch(text)
    if match is None:
        return None
    seconds_only = not all(":" in match[n] or re.fullmatch(_POINTED, match[n]) for n in (2, 3))
    if seconds_only and "-->" not in text:
        return None
    behind = (match[4] or "").strip()
    if "-->" in text or not behind or _SETTING.match(behind):
        return match
    return None


def words_behind(times: re.Match) -> str:
    """What a row of times says behind them that is no setting of WebVTT or SubRip: the first words of its cue, or nothing."""
    words = [word for word in (times[4] or "").split() if not _SETTING.fullmatch(word)]
    return " ".join(words) if any(c.isalnum() for word in words for c in word) else ""


def broken(row: str, below_times: bool = False) -> bool:
    """Whether a row can only be a damaged row of times: a precise time beside nothing but signs, or beside an arrow."""
    if len(row) > 400:
        row = row[:400]
    if not any(c.isdigit() for c in row):
        return False
    text = plain(row)
    if "-->" in text and re.search(r"\d ?[:.,] ?\d", text):
        return True
    rest = _PRECISE.sub("", text)
    if _ALONE.fullmatch(text):
        return not below_times
    if rest != text and (_BROKEN_ARROW.search(text) or sum(c.isalpha() for c in rest) < 4):
        return True
    if sum(c.isalpha() for c in text) < 2 and ":" in text:
        many = sum(c.isdigit() for c in text) > 3 or text.count(":") > 1
        return (many or text.startswith(("00", "0:0"))) and not _SAID.fullmatch(text)
    arrow, time = _BROKEN_ARROW.search(text), _FULL.search(text)
    return bool(arrow and time and sum(c.isalpha() for c in text) < 4)


def is_number(row: str) -> bool:
    """Whether a row is a cue number and nothing else."""
    return len(row) < 40 and bool(_ID.fullmatch(plain(row)))
