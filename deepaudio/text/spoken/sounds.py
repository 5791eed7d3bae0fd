"""Sounds that people write without vowels: each becomes a near word that a voice speaks as the sound."""
# ruff: noqa: SIM905 - tables of words are read more easily in rows

import re

_RULES = tuple(
    (re.compile(rf"(?i:{pattern})"), spoken)
    for pattern, spoken in (
        (r"s+h+(?:-?s+h+)*", "Shush"),
        (r"p+s+h+", "Pish"),
        (r"p+s+t+", "Psst"),
        (r"p+f+t*|p+h+t+", "Puff"),
        (r"t+s+k+", "Tut"),
        (r"t+c+h+|t+h?t+", "Tut"),
        (r"t+s+s+|s+s+t+|s{3,}|k+s+t*", "Hiss"),
        (r"z{2,}", "Zizz"),
        (r"g+r{2,}h*", "Gurr"),
        (r"b+r{2,}", "Burr"),
        (r"p+r{2,}", "Purr"),
        (r"v+r{2,}m*", "Vroom"),
        (r"b+z{2,}t*|b+z+t+", "Buzz"),
        (r"h+m+p+h+|h+m+f+|h+r+m+p+h*", "Humph"),
        (r"m+p+h+|m+m+f+|n+g+h+", "Oomph"),
        (r"h+r*m+|hhm+", "Hmm"),
        (r"m{2,}|m+h+", "Mmm"),
        (r"m+-?h+m+", "Mm-hmm"),
        (r"e+w{2,}|e{2,}w+|e+w+", "Eew"),
        (r"a+w{2,}", "Aw"),
        (r"o+w{2,}", "Ow"),
        (r"a+h{2,}|a{2,}h+", "Ah"),
        (r"a+r+g+h+|a{2,}r+g+h*", "Argh"),
        (r"o+h{2,}", "Oh"),
        (r"o{2,}h+|o{3,}", "Ooh"),
        (r"u+h{2,}", "Uh"),
        (r"u+h*m{2,}|u+h+m+|e+h+m+", "Um"),
        (r"e+r+m{2,}|e+r{2,}m*", "Erm"),
        (r"u+g+h{2,}|u{2,}g+h+", "Ugh"),
        (r"w+h+o+a{2,}h?|w+h+o{2,}a+h?|w+o+a+h", "Whoa"),
        (r"p+h+e+w{2,}", "Phew"),
        (r"y+a{2,}y+|y+a+y{2,}", "Yay"),
        (r"m+w+a+h*", "Muah"),
        (r"b+l+e+h+|b+l+e+c+h+", "Bleck"),
    )
)
_LAUGH = re.compile(r"(?i)\b(?:(?:ha){2,}h?|(?:he){2,}h?|(?:hi){2,}|(?:ho){2,})\b")
_WORD = re.compile(r"(?<![\w'’])[^\W\d_]+(?:-[^\W\d_]+)*(?![\w'’])")
_LONG = re.compile(r"([a-z])\1{2,}", re.IGNORECASE)
_DOUBLE = frozenset(
    (
        "good cool too see free need look fool room soon boo hell hello will well kill ball call all tell "
        "full miss boss kiss sweet deep keep sleep sheep street green been seen feel wheel school food mood "
        "moon noon book cook stop off three tree bee fee wee wheee happy sorry funny really yeah baby goose "
        "loose choose kaboom boom zoom woo-hoo woohoo"
    ).split()
)
_DOUBLED = frozenset(
    {"uh", "ha", "ho", "he", "hi", "no", "bye", "boo", "tut", "yum", "pom", "tsk", "mm"}
)
_STUTTER = re.compile(r"(?<![\w'-])([A-Za-z]{1,3})(?:[-–]\1){0,5}[-–](?=\1[a-z])", re.IGNORECASE)
_REPEATED = re.compile(r"(?<![\w'-])(I|[A-Za-z]{2,3})(?:[-–]\1){1,5}(?![\w-])", re.IGNORECASE)


def stutters(text: str) -> str:
    """`W-w-what` is "What", `I-I think` is "I think": a voice would spell the letters in front."""
    text = _STUTTER.sub(lambda m: "\0" if m[1][0].isupper() else "", text)
    text = re.sub("\0(.)", lambda m: m[1].upper(), text)
    return _REPEATED.sub(lambda m: m.group() if m[1].lower() in _DOUBLED else m[1], text)


def sounds(text: str) -> str:
    """Sounds as near words, laughter in syllables, drawn-out words as the words they are."""
    text = _LAUGH.sub(_laugh, text)
    return _WORD.sub(_word, text)


def is_sound(word: str) -> bool:
    """Whether a word is one of these sounds."""
    return any(pattern.fullmatch(word) for pattern, _ in _RULES)


def _word(match: re.Match) -> str:
    word = match.group()
    for pattern, spoken in _RULES:
        if pattern.fullmatch(word):
            return _cased(spoken, word)
    if "-" in word or (word.isupper() and set(word) <= set("IVX")):
        return word
    return _LONG.sub(lambda m: _shorter(word, m), word) if _LONG.search(word) else word


def _cased(spoken: str, word: str) -> str:
    return spoken if word[0].isupper() else spoken[0].lower() + spoken[1:]


def _shorter(word: str, match: re.Match) -> str:
    letter = match[1]
    twice = _LONG.sub(lambda m: m[1] * 2, word).lower()
    return letter * 2 if twice in _DOUBLE else letter


def _laugh(match: re.Match) -> str:
    word = match.group().lower()
    syllable = {"hi": "hee", "he": "heh"}.get(word[:2], word[:2])
    count = min(len(word) // 2, 4)
    words = " ".join([syllable] * count)
    return words.capitalize() if match.group()[0].isupper() else words
