"""Sums of money: "$5.50" is "five dollars and fifty cents", "$2M" is "two million dollars", "a $20 bill" is "a twenty dollar bill"."""

import re

from deepaudio.text.spoken.numbers import NUMBER, START, cardinal, digits, number

_SIGNS = {
    "$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", ""), "₹": ("rupee", "paisa"),
    "₩": ("won", ""), "₽": ("ruble", "kopek"), "₺": ("lira", "kurush"), "₪": ("shekel", "agora"), "฿": ("baht", "satang"),
    "₫": ("dong", ""), "₱": ("peso", "centavo"), "₴": ("hryvnia", "kopek"), "₿": ("bitcoin", ""), "zł": ("zloty", "grosz"),
}  # fmt: skip
_CODES = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CHF": "Swiss franc", "CAD": "Canadian dollar",
    "AUD": "Australian dollar", "NZD": "New Zealand dollar", "SEK": "Swedish crown", "NOK": "Norwegian crown",
    "DKK": "Danish crown", "PLN": "zł", "CNY": "yuan", "RUB": "₽", "Rs": "₹", "Rs.": "₹", "BTC": "₿",
}  # fmt: skip
_LANDS = {"US": "U-S", "A": "Australian", "AU": "Australian", "CA": "Canadian", "C": "Canadian", "NZ": "New Zealand", "HK": "Hong Kong"}  # fmt: skip
_SAME = frozenset(
    {"yen", "won", "baht", "yuan", "bitcoin", "satang", "dong", "agora", "kurush", "paisa"}
)
_PLURALS = {"penny": "pence", "zloty": "zlotys", "hryvnia": "hryvnias"}
_SCALES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "mm": "million",
           "b": "billion", "B": "billion", "bn": "billion", "T": "trillion", "tn": "trillion"}  # fmt: skip
_WORDS = "hundred|thousand|million|billion|trillion|grand"
_sign = "|".join(re.escape(s) for s in _SIGNS)
_code = "|".join(re.escape(c) for c in sorted(_CODES, key=len, reverse=True))
_scale = rf"(?: ?(?P<word>{_WORDS})\b|(?P<short>mm|mn|bn|tn|[kKmMbBT])(?!\w))?"
_NUMBER = rf"(?:{NUMBER})"
_FRONT = re.compile(
    rf"(?<![\w.,])(?P<minus>[-−] ?)?(?:\b(?P<land>US|AU|A|CA|C|NZ|HK))?(?P<sign>{_sign}) ?(?P<minus2>[-−])?"
    rf"(?:(?P<low>{_NUMBER})(?:k|K|m|M)? ?(?:-|–|to) ?(?:{_sign})?)?(?P<n>{_NUMBER}){_scale}(?P<plus>\+)?(?!\w)"
)
_FRONT_CODE = re.compile(rf"(?<![\w.,])(?P<code>{_code}) ?(?P<n>{_NUMBER}){_scale}(?!\w)")
_BEHIND = re.compile(
    rf"{START}(?P<n>{_NUMBER}){_scale} ?(?:(?P<sign>{_sign})|(?P<code>{_code})\b)(?!\w)"
)
_CENTS = re.compile(rf"{START}({_NUMBER}) ?¢")
_PENCE = re.compile(rf"{START}(\d{{1,2}})p(?!\w)")
_DESCRIBED = re.compile(
    r"(?: (?:bill|note|coin|ticket|fee|fine|bet|check|cheque|prize|reward|deal|bottle|watch|suit|car|house|"
    r"question|man|job|smile|tip|bonus|budget|loan|gift|card|stamp|bag|meal|coffee|haircut|menu|contract|"
    r"lawsuit|company|industry|movie|project|mansion|painting|ring|dress|hat|phone|raise|bounty)\b|-(?=[a-z]))"
)


def amounts(text: str) -> str:
    """Every sum with a sign or a code in words."""
    text = _FRONT.sub(_front, text)
    text = _FRONT_CODE.sub(lambda m: _sum(m, m["n"], *_named(m["code"])), text)
    text = _BEHIND.sub(
        lambda m: _sum(m, m["n"], *(_SIGNS[m["sign"]] if m["sign"] else _named(m["code"]))), text
    )
    text = _CENTS.sub(lambda m: f"{number(m[1])} {_plural('cent', m[1] != '1')}", text)
    return _PENCE.sub(lambda m: f"{cardinal(m[1])} {_plural('penny', m[1] != '1')}", text)


def _named(code: str) -> tuple[str, str]:
    meant = _CODES[code]
    return _SIGNS.get(meant, (meant, "cent"))


def _front(match: re.Match) -> str:
    whole, part = _SIGNS[match["sign"]]
    if match["land"]:
        whole = f"{_LANDS[match['land']]} {whole}"
    words = _sum(match, match["n"], whole, part)
    if match["low"]:
        words = f"{number(match['low'])} to {_sum(match, match['n'], whole, part, many=True)}"
    minus = "minus " if match["minus"] or match["minus2"] else ""
    return minus + words + (" plus" if match["plus"] else "")


def _sum(match: re.Match, n: str, whole: str, part: str, many: bool = False) -> str:
    scale = match["word"] or _SCALES.get(match["short"] or "")
    described = _DESCRIBED.match(match.string[match.end() :]) is not None
    if described and "." not in n:
        return f"{number(n)} {scale + ' ' if scale else ''}{whole}"
    if scale:
        return f"{number(n)} {scale} {_plural(whole, True)}"
    units, _, cents = n.partition(".")
    if len(cents) != 2 or not part:
        return f"{number(n)} {_plural(whole, many or n != '1')}"
    units = units.replace(",", "") or "0"
    minor = f"{cardinal(int(cents))} {_plural(part, cents != '01')}"
    if int(units) == 0:
        return minor if int(cents) else f"zero {_plural(whole, True)}"
    major = f"{cardinal(units)} {_plural(whole, units != '1')}"
    return f"{major} and {minor}" if int(cents) else major


def _plural(word: str, many: bool) -> str:
    if not many or word.rpartition(" ")[2] in _SAME:
        return word
    return _PLURALS.get(word, word + "s")


def card_digits(text: str) -> str:
    """Groups of four digits, as on a bank card, one by one."""
    return re.sub(
        r"(?<![\w.,-])\d{4}(?:[ -]\d{4}){2,4}(?![\w-])",
        lambda m: ", ".join(digits(group) for group in re.split("[ -]", m.group())),
        text,
    )
