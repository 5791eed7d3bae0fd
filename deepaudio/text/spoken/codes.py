"""Numbers that name rather than count: agents, flights, rooms, models, versions, formulas; and acronyms."""

import re

from deepaudio.text.spoken.acronyms import LOWER, SPELLED
from deepaudio.text.spoken.clock import SENTENCE_END, STARTERS
from deepaudio.text.spoken.numbers import cardinal, digits, letters, number, ordinal, pairs, roman
from deepaudio.text.spoken.sounds import is_sound

_DOUBLE_OH = re.compile(r"(?<![\w.,:])00([1-9])(?!\w|[.,:]\d)")
_FLIGHT = re.compile(
    r"\b((?i:flights?)) (?:([A-Z]{2}|[A-Z]\d|\d[A-Z])[ -]?)?(\d{1,4})\b(?![.,:]\d)"
)
_PAIRED = re.compile(
    r"(?i)\b((?:hotel )?rooms?|suite|apartment|apt\.?|unit|route|highway|interstate|bus|channel|building|cabin|"
    r"locker|gate|cell|boeing|airbus|porsche|peugeot|area|bay|hut|exit|table|seat|box|studio) (\d{3,4})\b(?![.,:%]\d|%)"
)
_DIGITED = re.compile(
    r"(?i)\b((?:zip|post|access|area|security|door|dialing) ?codes?|code|pin|password|passcode|zip|extension|ext\.?|"
    r"serial(?: number)?|badge(?: number)?|case(?: number)?|order(?: number)?|account(?: number)?|combination|"
    r"box office number|number)( is| was|:|,)? (\d{3,12})\b(?![.,:%]\d|%|-)"
)
_VERSION = re.compile(
    r"(?<![\w.])(?:([vV])|((?i:version|release|build|firmware|python|ios|android|windows|macos|bluetooth|usb|web)) )"
    r"\.? ?(\d{1,4}(?:\.\d{1,4}){0,4})(?:-?(alpha|beta|rc)\.?(\d{1,3})?)?(?![\w-]|\.\d)"
)
_MANY_DOTS = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){2,4})(?!\w|\.\d)")
_MIXED = re.compile(
    r"(?<![\w@'.])(?=[A-Za-z0-9-]*[A-Za-z])(?=[A-Za-z-]*\d)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*(?![\w])"
)
_KEPT = re.compile(r"(?i)\d+(?:st|nd|rd|th|s)|\d{1,3}(?:,\d{3})+")
_TIMES = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[x×](?!\w)")
_BY = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?[x×] ?(?=\d)")
_DOTTED = re.compile(r"(?<![\w.])((?:[A-Za-z]\.){2,6})(?:(?=\s)|(?!\w))(['’]s)?")
_INITIALS = re.compile(rf"\b([A-Z])\.(?: ?([A-Z])\.)*(?= (?!(?:{STARTERS})\b)[A-Z][a-z])")
_DOCTOR = re.compile(r"\bPh\.? ?D\b\.?")
_COUNTED = frozenset({"II", "III", "VI", "VII", "VIII", "IX", "XII", "XIII", "XIV", "XVI"})
_CAPITALS = re.compile(r"(?<![\w'’])([A-Z]{2,6})(s|'s)?(?![\w])")
_AND = re.compile(r"\b([A-Z]{1,2}) ?& ?([A-Z])(s?)(?![A-Za-z])")
_LOWER = re.compile(
    rf"(?i)(?<![\w'/.])({'|'.join(sorted(LOWER, key=len, reverse=True))})(?![\w'/])"
)
_ROMAN_AFTER = re.compile(
    r"\b(Chapter|Part|Act|Scene|Section|Volume|Book|Phase|Article|World War|Mark|Type|Level|Stage|Class|Grade|"
    r"Super Bowl|Apollo|Episode|Round|Season|Title|Appendix|chapter|part|act|volume|phase|type|stage) ([IVXLC]+)\b(?!['’.]\w)"
)
_REGNAL = re.compile(
    r"\b(Pope [A-Z][a-z]+|King [A-Z][a-z]+|Queen [A-Z][a-z]+|Tsar [A-Z][a-z]+|Emperor [A-Z][a-z]+|Henry|Louis|Edward|"
    r"George|William|Charles|James|Richard|Elizabeth|Mary|Napoleon|Pius|Benedict|Leo|John Paul|Ramses|Frederick|Philip|"
    r"Alexander|Nicholas|Peter|Catherine|Ivan|Umberto|Victor Emmanuel|Gustav|Christian|Ferdinand|Wilhelm|Friedrich|"
    r"Carlos|Felipe|Francis|Innocent|Gregory|Clement|Urban|Paul|Darius|Otto|Harald|Olaf|Malcolm|Robert) ([IVXL]+)\b"
)
_ROMAN_LONE = re.compile(
    r"\b([A-Z][a-z]+) (I{2,3}|IV|VI{1,3}|IX|XI{1,3}|XIV|XVI{0,3}|XIX|XXI?)\b(?!['’.]\w)"
)
_CENTURY = re.compile(r"\b([IVX]+)(?:th)?(?= [Cc]entur(?:y|ies)\b)")


def roman_numerals(text: str) -> str:
    """Where they are sure: `Henry VIII`, `World War II`, `Chapter IV`, `XIX century`."""

    def counted(match: re.Match) -> str:
        value = roman(match[2])
        single = len(match[2]) == 1 and not re.match(
            r"\s*(?:$|[.,:;!?)—-])", match.string[match.end() :]
        )
        if value is None or (match[2] == "I" and single):
            return match.group()
        return f"{match[1]} {cardinal(value)}"

    def reigning(match: re.Match) -> str:
        value = roman(match[2])
        if value is None or (match[2] == "I" and re.match(r" [a-z]", match.string[match.end() :])):
            return match.group()
        return f"{match[1]} the {ordinal(value).title()}"

    text = _CENTURY.sub(lambda m: ordinal(v) if (v := roman(m[1])) else m.group(), text)
    text = _ROMAN_AFTER.sub(counted, text)
    text = _REGNAL.sub(reigning, text)
    return _ROMAN_LONE.sub(_numbered, text)


def _numbered(match: re.Match) -> str:
    if match[1] in ("An", "The", "This", "His", "Her", "My", "No"):
        return match.group()
    return f"{match[1]} {cardinal(roman(match[2]) or 0)}"


def versions(text: str) -> str:
    """`v3.1` -> "version three point one", `2.0.1` -> "two point zero point one"."""

    def points(dotted: str) -> str:
        return " point ".join(cardinal(part) for part in dotted.split("."))

    def version(match: re.Match) -> str:
        words = match[2] or "version"
        stage = f" {'R-C' if match[4] == 'rc' else match[4]}" if match[4] else ""
        last = f" {cardinal(match[5])}" if match[5] else ""
        return f"{words} {points(match[3])}{stage}{last}"

    text = _VERSION.sub(version, text)
    return _MANY_DOTS.sub(lambda m: points(m[1]), text)


def codes(text: str) -> str:
    """Digits of what is named by them."""
    text = _DOUBLE_OH.sub(lambda m: f"double-oh {digits(m[1])}", text)
    text = _FLIGHT.sub(_flight, text)
    text = _PAIRED.sub(lambda m: f"{m[1]} {pairs(m[2])}", text)
    text = _DIGITED.sub(_digited, text)
    joint = "times" if "=" in text or " equals" in text else "by"
    text = _BY.sub(lambda m: f"{m[1]} {joint} ", text)
    text = _TIMES.sub(lambda m: f"{number(m[1])} times", text)
    return _MIXED.sub(_mixed, text)


def _flight(match: re.Match) -> str:
    line = (
        f"{letters(match[2]) if match[2].isalpha() else _mixed_piece(match[2])} "
        if match[2]
        else ""
    )
    said = digits(match[3]) if len(match[3]) > 2 else cardinal(match[3])
    return f"{match[1]} {line}{said}"


def _digited(match: re.Match) -> str:
    plain_number = match[1].lower() == "number"
    if plain_number and len(match[3]) < 5:
        return match.group()
    return f"{match[1]}{match[2] or ''} {digits(match[3])}"


def _mixed(match: re.Match) -> str:
    token = match.group()
    words: list[str] = []
    for part in token.split("-"):
        whole = _KEPT.fullmatch(part)
        words += [part] if whole else map(_mixed_piece, re.findall(r"[A-Za-z]+|\d+", part))
    return " ".join(words)


def _mixed_piece(piece: str) -> str:
    if re.fullmatch(r"[A-Z]\d|\d[A-Z]", piece):
        return " ".join(_mixed_piece(c) for c in piece)
    if piece.isdecimal():
        return pairs(piece)
    if piece.isupper() and len(piece) < 5 and piece not in _WORDS:
        return letters(piece)
    if len(piece) == 1 or not re.search("[aeiouy]", piece.lower()):
        return letters(piece)
    return piece


_WORDS = frozenset({"COVID", "NASA", "AREA", "MARS", "NATO", "PIN", "SIM", "ZIP", "BUS"})


def acronyms(text: str) -> str:
    """Letters one by one where a voice would read a word: `US`, `IT`, `U.S.`, `R&B`; emphasis in capitals stays a word."""
    text = _INITIALS.sub(lambda m: m.group().replace(".", ""), text)
    text = _DOCTOR.sub(lambda m: letters("phd"), text)
    text = _DOTTED.sub(_dotted, text)
    text = _AND.sub(lambda m: f"{letters(m[1])} and {m[2]}" + ("'s" if m[3] else ""), text)
    text = _LOWER.sub(lambda m: LOWER[m[1].lower()], text)
    shouted = not re.search("[a-z]", re.sub(r"(?<=[A-Z])s\b", "", text))
    return _CAPITALS.sub(lambda m: _capitals(m, shouted), text)


def _dotted(match: re.Match) -> str:
    ends = SENTENCE_END.match(match.string[match.end(1) :]) and not match[2]
    return letters(match[1]) + (match[2] or "") + ("." if ends else "")


def _capitals(match: re.Match, shouted: bool) -> str:
    word, ending = match[1], match[2] or ""
    if word in _COUNTED and not ending:
        return cardinal(roman(word) or 0)
    if word in SPELLED and not (word in _SHOUTABLE and (shouted or _among_shouts(match))):
        return letters(word) + ("'s" if ending else "")
    if not re.search("[AEIOUY]", word) and roman(word) is None and not is_sound(word):
        return letters(word) + ("'s" if ending else "")
    return match.group()


def _among_shouts(match: re.Match) -> bool:
    """Whether a word beside it is in capitals and no acronym: "STOP IT NOW"."""
    before = re.search(r"([A-Za-z']+)[,;]? $", match.string[: match.start()])
    after = re.match(r",? ([A-Za-z']+)", match.string[match.end() :])
    beside = [found[1] for found in (before, after) if found]
    return any(len(w) > 1 and w.isupper() and w not in SPELLED for w in beside)


_SHOUTABLE = frozenset(
    {"US", "IT", "WHO", "AM", "ID", "IS", "ER", "MA", "PA", "AI", "AC", "LA", "POW", "AD"}
)
