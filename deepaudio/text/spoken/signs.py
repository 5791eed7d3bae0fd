"""Signs between and beside words: arrows, mathematics, "&", "#5", trade marks, slashes; what has no words is left out."""

import re
import unicodedata

_ARROWS = re.compile(r"\s*(?:<?[-=–—]{1,3}>|[→⟶➔➜➝⇒⇨►▶](?:\ufe0f)?)\s*")
_BACK_ARROWS = re.compile(r"\s*(?:<(?:[-–—]{1,3}|={2,3})(?!>)|[←⟵⇐])\s*")
_BOTH = re.compile(r"\s*(?:<[-=–—]{1,3}>|[↔⇔⟷])\s*")
_GREEK = {
    c: unicodedata.name(c).split()[-1].lower() for c in "αβγδεζηθικμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
} | {"λ": "lambda", "Λ": "lambda"}
_NAMED = {
    "±": "plus or minus", "÷": "divided by", "≠": "is not equal to", "≈": "is about", "≤": "is at most",
    "≥": "is at least", "∞": "infinity", "√": "square root of", "∑": "sum of", "∆": "delta", "§": "section",
    "¶": "paragraph", "©": "copyright", "°": "degrees", "%": "percent", "€": "euros", "£": "pounds", "¥": "yen",
    "$": "dollars", "¢": "cents", "№": "number", "‰": "per mille", "⁄": "over", "µ": "micro", "\\": "backslash",
    "Ω": "ohms", "℮": "about",
}  # fmt: skip
_SILENT = re.compile(r"[™®℠¿¡†‡•·▪■□●○‣◦◆\u00ad\ufe0e\ufe0f\u200d`^{}|_¦~\u00a8\u00b4¸ˈˌ]")
_MINUS = re.compile(r"(?<=[\w)]) [−] (?=\w)|(?<!\w)−(?=\w)")
_TOGETHER = re.compile(r"(?<=\w)\s*&\s*(?=\w)|\s*&\s*")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*\n]{1,200}?)(?<=[^\s*])\1(?![\w*])")
_UNDERLINE = re.compile(r"(?<!\w)_{1,2}(?=[^\s_])([^_\n]{1,200})(?<=[^\s_])_{1,2}(?!\w)")
_MASKED = re.compile(
    r"\b[A-Za-z]+(?:\*{2,}[A-Za-z]*|\*+[A-Za-z]+)|(?<!\w)\*{2,}[A-Za-z]+|(?<!\w)[@#$%&*!]{3,}(?!\w)"
)
_HTML = re.compile(r"&(amp|lt|gt|quot|apos|nbsp);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}
_PAIR = {"and/or": "and or", "either/or": "either or", "w/": "with"}
_SLASH = re.compile(
    r"(?<![\w/])([A-Za-z][\w'’-]*)/([A-Za-z][\w'’-]*)(?:/([A-Za-z][\w'’-]*))?(?![\w/])"
)


def arrows(text: str) -> str:
    """`Paris -> London` is "Paris to London"; one at the beginning of a line is a bullet."""
    text = _BOTH.sub(_between("and"), text)
    text = _ARROWS.sub(_between("to"), text)
    return _BACK_ARROWS.sub(_between("from"), text)


def _between(word: str):
    def words(match: re.Match) -> str:
        before, after = match.string[: match.start()], match.string[match.end() :]
        if not re.search(r"\w", before):
            return ""
        if not re.search(r"\w", after):
            return after and " "
        return f" {word} " if before[-1] not in ".!?:" else " "

    return words


def signs(text: str, left_out: list[str]) -> str:
    """Every sign by its name, or left out; `left_out` collects what a listener will miss."""
    text = _HTML.sub(lambda m: _ENTITIES[m[1]], text)
    text = _EMPHASIS.sub(r"\2", _UNDERLINE.sub(r"\1", text))
    text = _MASKED.sub(lambda m: left_out.append(m.group()) or " ", text)
    text = re.sub(r"(?<=\b[cC])\+\+", " plus plus", text)
    text = re.sub(r"(?<=\b[cCfF])#(?!\w)", " sharp", text)
    text = re.sub(r"#\s?(?=\d)", "number ", text)
    text = re.sub(r"(?<=[\w)])\s*\*\s*(?=\w)", " times ", text)
    text = re.sub(r"\s*×\s*", " times ", text)
    text = re.sub(r"\s*(?:!=|=/=)\s*", " is not equal to ", text)
    text = re.sub(r"(?<=\w)\s*={1,3}\s*(?=[\w.+−$-])", " equals ", text)
    text = re.sub(r"(?<=[\w)])\s*<=\s*(?=\w)", " is at most ", text)
    text = re.sub(r"(?<=[\w)])\s*>=\s*(?=\w)", " is at least ", text)
    text = re.sub(
        r"(?:(?<=\b\w)|(?<=\d))\s*<\s*(?=\w)|(?<=\w)\s+<\s+(?=\d)|(?<!\S)<\s*(?=\d)",
        " less than ",
        text,
    )
    text = re.sub(
        r"(?:(?<=\b\w)|(?<=\d))\s*>\s*(?=\w)|(?<=\w)\s+>\s+(?=\d)|(?<!\S)>\s*(?=\d)",
        " greater than ",
        text,
    )
    text = re.sub(r"(?<=\w) > (?=\w)", ", ", text)
    text = _MINUS.sub(" minus ", text)
    text = re.sub(r"(?<=\w)\+(?!\w)", " plus", text)
    text = re.sub(r"(?<!\w)\+\s*|\s*\+\s*(?=\w)", " plus ", text)
    text = re.sub(r"[~≈]\s*(?=[$£€]?\d)", "about ", text)
    text = _SLASH.sub(_slashed, text)
    text = _TOGETHER.sub(" and ", text)
    text = re.sub(r"\s*@\s*", " at ", text)
    text = re.sub(r"(?<=\w)\s*/\s*(?=[^\W\d])|(?<=[^\W\d])\s*/\s*(?=\w)", " slash ", text)
    text = re.sub(r"(?<=\d) / (?=\d)", "/", text)
    for sign, name in _NAMED.items():
        if sign in text:
            text = text.replace(sign, f" {name} ")
    text = re.sub(r"[*#<>=+\[\]]|(?<!\d)/|/(?!\d)", " ", text)
    text = re.sub(
        "[" + "".join(_GREEK) + "](?![\u0370-\u03ff])(?<![\u0370-\u03ff]{2})", _greek, text
    )
    return _without_pictures(_SILENT.sub(" ", text), left_out)


def _greek(match: re.Match) -> str:
    return f" {_GREEK[match.group()]} "


def _slashed(match: re.Match) -> str:
    words = [word for word in match.groups() if word]
    known = _PAIR.get("/".join(words).lower())
    if known:
        return known
    short = any(len(word) < 3 or word.isupper() for word in words)
    if short and all(word.isupper() or len(word) == 1 for word in words):
        joint = "-" if all(len(word) == 1 for word in words) else " "
        return joint.join(word.upper() if len(word) == 1 else word for word in words)
    return " or ".join(words)


def _without_pictures(text: str, left_out: list[str]) -> str:
    """Emoji and signs without a name are left out and noted, each with its modifiers once."""
    kept = []
    for c in text:
        kind = unicodedata.category(c)
        if c.isascii() or (kind[0] in "LMPZ" and c not in "※⁂") or kind == "Nd" or kind == "Cc":
            kept.append(c)
            continue
        kept.append(" ")
        joined = "\U0001f3fb" <= c <= "\U0001f3ff" or kind == "Cf"
        if not joined and c not in left_out:
            left_out.append(c)
    return "".join(kept)
