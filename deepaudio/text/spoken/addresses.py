"""Web and mail addresses, handles, file names and phone numbers: how people read them to each other."""
# ruff: noqa: SIM905 - tables of words are read more easily in rows

import re

from deepaudio.text.spoken.numbers import cardinal, digits, letters

_TLD = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|tv|me|fm|ly|gg|xyz|online|site|shop|store|blog|cloud|tech|"
    "live|news|co|uk|us|ca|au|nz|ie|de|fr|es|it|nl|be|ch|at|eu|se|no|dk|fi|pl|cz|pt|gr|ru|ua|jp|cn|kr|in|br|mx|za"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}"
_TAIL = r"(?::\d{1,5})?(?:[/?#][^\s<>\"“”]*[\w/=&#-])?/?"
_MAIL = re.compile(rf"(?<![\w.+-])(?:mailto:)?([A-Za-z0-9][\w.+-]{{0,63}})@({_HOST})(?![\w@-])")
_URL = re.compile(
    rf"(?i:\b(?:https?|ftp|rtmp|wss?)://)(?:[^\s/@]{{1,80}}@)?((?:{_HOST}|localhost|[\d.]+){_TAIL})"
    rf"|(?i:\b(www\.{_HOST}{_TAIL}))|(?<![\w@.-])((?:{_LABEL}\.){{1,6}}(?:{_TLD})(?![\w-]|\.\w){_TAIL})"
)
_HANDLE = re.compile(r"(?<![\w@/.])(?:(\bat) )?@([A-Za-z_]\w{1,30})\b")
_HASHTAG = re.compile(r"(?<![\w#&/])#([A-Za-z]\w{1,40})\b")
_EXTENSIONS = (
    "pdf txt jpg jpeg png gif mp3 mp4 wav avi mov mkv doc docx xls xlsx ppt zip exe py csv html json srt"
).split()
_FILE = re.compile(rf"(?<![\w/.])([\w-]{{1,60}})\.({'|'.join(_EXTENSIONS)})\b(?!\.\w)")
_IP = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?:/(\d{1,2}))?(?![\w.]*\d)")
_SPELLED_LABELS = frozenset(
    (
        "www uk us io ai tv fm ly gg xyz au nz ie de fr es nl ch eu se dk fi pl cz pt gr ru ua jp cn kr br mx "
        "za edu pdf txt jpg png mp3 mp4 avi mov mkv doc docx xls xlsx ppt exe py csv html http https ftp srt "
        "faq id tos"
    ).split()
)
_WORDED = {"jpeg": "jay peg", "jpg": "jay peg", "gif": "gif", "wav": "wave", "json": "jason"}
_MARKS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", ":": "colon", "?": "question mark", "=": "equals",
    "&": "and", "#": "hash", "+": "plus", "%": "percent", "~": "tilde", "@": "at", ",": "comma", "!": "bang",
}  # fmt: skip
_PHONES = (
    re.compile(
        r"(?<![\w.+])\+(?P<land>\d{1,3})[ .-]?(?P<rest>(?:\(0?\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]\d{2,4}){1,5}|\d{6,12})(?![\w-]|\.\d)"
    ),
    re.compile(r"(?<![\w.-])(?P<rest>(?:1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w-]|\.\d)"),
    re.compile(r"(?<![\w.-])(?P<rest>\d{3}-\d{4})(?![\w-]|\.\d)"),
    re.compile(
        r"(?<![\w.,-])(?P<rest>\(?0\d{1,4}\)?(?:[ /-]\d{2,6}){1,5}|0\d{9,10})(?![\w-]|[.,/:]\d)"
    ),
    re.compile(
        r"(?i:(?P<said>\b(?:call(?:ed|ing)?|dial(?:ed)?|phone(?:d)?|ring|text|rang)(?: me| us| him| her)?(?: at| on)? ))"
        r"(?P<rest>\d{2,4}(?:[ .-]\d{2,4}){1,4}|\d{3}|\d{5,12})(?![\w-]|[.,:]\d)"
    ),
)
_WORD_PHONE = re.compile(r"(?<![\w.-])(?:1-)?(8\d\d)-([A-Z]{3,10})(?:-([A-Z]{3,10}))?\b")
_EMERGENCY = re.compile(r"(?<![\w.,$£€#/-])911(?![\w/-]|[.,:]\d| ?(?:people|men|women|years|days))")


def addresses(text: str) -> str:
    """Addresses and names of files in words; the scheme in front of a web address is dropped."""
    text = _MAIL.sub(lambda m: f"{_read(m[1])} at {_read(m[2])}", text)
    text = _URL.sub(lambda m: _read((m[1] or m[2] or m[3]).rstrip("/")), text)
    text = _IP.sub(_internet, text)
    text = _FILE.sub(lambda m: f"{_read(m[1])} dot {_label(m[2])}", text)
    text = _HANDLE.sub(lambda m: f"at {_read(m[2])}", text)
    return _HASHTAG.sub(lambda m: f"hashtag {_hashtag(m[1])}", text)


def _read(address: str) -> str:
    """Marks by their names between labels."""
    pieces = re.findall(r"[A-Za-z]+|\d+|[^\w\s]|_|[^\W\d_]+", address)
    words = [_MARKS.get(p) or _label(p) for p in pieces if p.isalnum() or p in _MARKS]
    return " ".join(words)


def _label(label: str) -> str:
    if label.isdecimal():
        return cardinal(label) if len(label) < 3 and label[0] != "0" else digits(label)
    low = label.lower()
    if low in _WORDED:
        return _WORDED[low]
    if low in _SPELLED_LABELS or not re.search(r"[aeiouyà-ÿ]", low):
        return letters(label)
    if label.isupper() and len(label) < 4:
        return letters(label)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)


def _hashtag(name: str) -> str:
    return " ".join(
        _label(part)
        for part in re.findall(
            r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|\d+|[A-Z]|[^\W\d_a-zA-Z]+", name.replace("_", " ")
        )
    )


def _internet(match: re.Match) -> str:
    if any(int(part) > 255 for part in match[1].split(".")):
        return match.group()
    words = " dot ".join(digits(part) for part in match[1].split("."))
    return words + (f" slash {cardinal(match[2])}" if match[2] else "")


def phones(text: str) -> str:
    """Phone numbers digit by digit, with a pause between the groups; `911` as everybody says it."""
    text = _WORD_PHONE.sub(_worded, text)
    for pattern in _PHONES:
        text = pattern.sub(_phone, text)
    return _EMERGENCY.sub("nine one one", text)


def _phone(match: re.Match) -> str:
    found = match.groupdict()
    groups = re.findall(r"\d+", found["rest"])
    if (
        found.get("said")
        and len(groups) == 1
        and len(groups[0]) < 5
        and groups[0] not in _SHORT_NUMBERS
    ):
        return match.group()
    if len(groups) == 1 and len(groups[0]) > 5:
        whole = groups[0]
        groups = [whole[:3], whole[3:6], whole[6:]] if len(whole) > 7 else [whole[:3], whole[3:]]
    words = ", ".join(_group(group) for group in groups if group)
    land = f"plus {digits(found['land'])}, " if found.get("land") else ""
    return (found.get("said") or "") + land + words


_SHORT_NUMBERS = frozenset(
    "000 101 102 110 111 112 113 114 115 116 117 118 119 190 211 311 411 511 611 711 811 911 999".split()
)  # fmt: skip


def _group(group: str) -> str:
    return "eight hundred" if group == "800" else digits(group)


def _worded(match: re.Match) -> str:
    one = "one, " if match.group().startswith("1-") else ""
    words = [word.lower() for word in match.groups()[1:] if word]
    return f"{one}{_group(match[1])}, {' '.join(words)}"
