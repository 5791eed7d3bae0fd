"""Units and measures: "12 W" is "twelve watts", `6'2"` is "six foot two", "20 °C" is "twenty degrees Celsius"."""
# ruff: noqa: SIM905 - tables of words are read more easily in rows

import re

from deepaudio.text.spoken.numbers import (
    FRACTION,
    QUANTITY,
    SLASH,
    START,
    cardinal,
    fraction,
    is_one,
    quantity,
)

_REGULAR = {
    "m": "meter", "km": "kilometer", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer",
    "µm": "micrometer", "yd": "yard", "yds": "yard", "mi": "mile", "ha": "hectare", "ac": "acre",
    "g": "gram", "kg": "kilogram", "kgs": "kilogram", "mg": "milligram", "mcg": "microgram", "µg": "microgram",
    "t": "ton", "oz": "ounce", "lb": "pound", "lbs": "pound", "l": "liter", "L": "liter", "ml": "milliliter",
    "mL": "milliliter", "cl": "centiliter", "dl": "deciliter", "hl": "hectoliter", "gal": "gallon", "qt": "quart",
    "fl oz": "fluid ounce", "fl. oz": "fluid ounce", "tsp": "teaspoon", "tbsp": "tablespoon", "Tbsp": "tablespoon",
    "s": "second", "sec": "second", "secs": "second", "ms": "millisecond", "min": "minute", "mins": "minute",
    "h": "hour", "hr": "hour", "hrs": "hour", "wk": "week", "wks": "week", "mo": "month", "mos": "month",
    "yr": "year", "yrs": "year", "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt", "mW": "milliwatt",
    "Wh": "watt hour", "kWh": "kilowatt hour", "MWh": "megawatt hour", "V": "volt", "kV": "kilovolt", "mV": "millivolt",
    "A": "amp", "mA": "milliamp", "Ah": "amp hour", "mAh": "milliamp hour", "Ω": "ohm", "kΩ": "kiloohm",
    "J": "joule", "kJ": "kilojoule", "cal": "calorie", "kcal": "kilocalorie", "N": "newton", "kN": "kilonewton",
    "Pa": "pascal", "hPa": "hectopascal", "kPa": "kilopascal", "mbar": "millibar", "dB": "decibel", "lm": "lumen",
    "bit": "bit", "kbit": "kilobit", "Mbit": "megabit", "Gbit": "gigabit", "KB": "kilobyte", "kB": "kilobyte",
    "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "PB": "petabyte", "MP": "megapixel", "px": "pixel",
    "cc": "cubic centimeter", "sq m": "square meter", "sq km": "square kilometer", "sq mi": "square mile",
    "sq in": "square inch", "sq yd": "square yard", "cu m": "cubic meter", "kn": "knot", "kt": "knot", "kts": "knot",
    "m2": "square meter", "m3": "cubic meter", "km2": "square kilometer", "cm2": "square centimeter",
    "cm3": "cubic centimeter", "mm2": "square millimeter", "nmi": "nautical mile", "ct": "carat", "doz": "dozen",
}  # fmt: skip
_IRREGULAR = {
    "ft": ("foot", "feet"),
    "in": ("inch", "inches"),
    "sq ft": ("square foot", "square feet"),
    "sq. ft": ("square foot", "square feet"),
    "cu ft": ("cubic foot", "cubic feet"),
    "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "kmh": ("kilometer per hour", "kilometers per hour"),
    "fps": ("frame per second", "frames per second"),
    "rpm": ("revolution per minute", "revolutions per minute"),
    "bpm": ("beat per minute", "beats per minute"),
    "mpg": ("mile per gallon", "miles per gallon"),
    "dpi": ("dot per inch", "dots per inch"),
    "psi": ("pound per square inch", "pounds per square inch"),
    "ppm": ("part per million", "parts per million"),
    "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "hp": ("horsepower", "horsepower"),
    "bar": ("bar", "bars"),
    "lx": ("lux", "lux"),
    "°": ("degree", "degrees"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "° C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "° F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°K": ("kelvin", "kelvin"),
    "%": ("percent", "percent"),
    "‰": ("per mille", "per mille"),
    "pct": ("percent", "percent"),
}
UNITS = {key: (word, word + "s") for key, word in _REGULAR.items()} | _IRREGULAR
_SPACED_ONLY = frozenset(
    ["A", "J", "N", "t", "ac", "kt", "ct", "ha"]
)  # "A4", "5N": names of things rather than measures
_GLUED_ONLY = frozenset({"in"})  # "5 in the morning"
_PER = {
    "h": "hour", "hr": "hour", "hour": "hour", "s": "second", "sec": "second", "min": "minute", "minute": "minute",
    "d": "day", "day": "day", "night": "night", "wk": "week", "week": "week", "mo": "month", "month": "month",
    "yr": "year", "year": "year", "person": "person", "head": "head", "kg": "kilogram", "lb": "pound", "g": "gram",
    "l": "liter", "L": "liter", "ml": "milliliter", "m": "meter", "km": "kilometer", "m²": "square meter",
    "m³": "cubic meter", "s²": "second squared", "s2": "second squared", "gal": "gallon", "mi": "mile", "mile": "mile", "cup": "cup", "piece": "piece",
}  # fmt: skip
_alt = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
_per = "|".join(re.escape(u) for u in sorted(_PER, key=len, reverse=True))
_MEASURE = re.compile(
    rf"{START}(?:(?P<low>{QUANTITY})(?P<hyphen> ?(?:-|–|to|or|x|×|by) ?))?(?P<n>{QUANTITY})(?P<gap>[  -]?)"
    rf"(?P<unit>{_alt})(?P<power>[²³])?(?:/(?P<per>{_per}))?(?P<dot>\.(?=[,;:]|\s+[a-z0-9])|(?![\w'’]))(?!/\w)"
)
_PER_BEHIND = re.compile(rf"(?<=[a-z]) ?/ ?({_per})\b(?![/\w])")
_LONG = (
    "long wide tall high deep thick across by x × and or to of from off in on at apart away above below"
).split()
_LONG += (
    "under over with for before after is are was were the a an shorter longer taller wider more less but so"
).split()
_LONG += ["square", "too", "per", "each", "then", "only", "about", "around"]
_HEIGHT = re.compile(
    rf"{START}(\d{{1,3}}) ?'(?: ?(\d{{1,2}}(?: ?{FRACTION})?)(?: ?(?:\"|'')|\b(?!['\w])))"
)
_FEET_INCHES = re.compile(
    rf"{START}(\d{{1,2}}) ?(?:ft|foot|feet)\.?,? ?(\d{{1,2}}) ?(?:in|inches|inch)\b\.?(?= tall|[.,!?]|$)"
)
_MARK = re.compile(
    rf"{START}({QUANTITY}) ?(?P<mark>\"|'')(?!\w)|{START}({QUANTITY})(?P<foot>')(?![\w'])"
)
_POINTS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_COMPASS = re.compile(rf"{START}({QUANTITY}) ?° ?([NSEW])\b")
_DURATION = re.compile(rf"{START}(\d{{1,3}}) ?h ?(\d{{1,2}}) ?(?:m|min)?(?: ?(\d{{1,2}}) ?s)?\b")


def measured(text: str) -> str:
    """Numbers with a unit, in words; singular for one and in front of what they describe ("a 5-km run")."""
    text = _DURATION.sub(_duration, text)
    text = _COMPASS.sub(lambda m: f"{quantity(m[1])} degrees {_POINTS[m[2]]}", text)
    text = _MEASURE.sub(_measure, text)
    return _PER_BEHIND.sub(lambda m: f" per {_PER[m[1]]}", text)


def _measure(match: re.Match) -> str:
    unit, gap, n, low = match["unit"], match["gap"], match["n"], match["low"]
    spaced = gap != "" and gap != "-"
    after = match.string[match.end() :]
    if unit in _SPACED_ONLY and (
        not spaced or re.match(r" (?!(?:of|at|and|to|for|from|in|is|per)\b)", after)
    ):
        return match.group()
    if (
        unit in _GLUED_ONLY
        and spaced
        and not re.match(
            r"\.?,? ?(?:long|wide|tall|high|deep|thick|by|x|×)\b", match.string[match.end("unit") :]
        )
    ):
        return match.group()
    if unit == "s" and _is_decade(match):
        return match.group()
    if n[0] in "-−" and low is None and re.search(r"\w$", match.string[: match.start()]):
        return match.group()
    singular, plural = UNITS[unit]
    words = quantity(n)
    if low is not None:
        joint = {"x": "by", "×": "by"}.get(match["hyphen"].strip(), match["hyphen"].strip())
        words = f"{quantity(low)} {'to' if joint in '-–' else joint} {words}"
    if match["power"]:
        power = "square" if match["power"] == "²" else "cubic"
        singular, plural = f"{power} {singular}", f"{power} {plural}"
    below_one = low is None and SLASH in n and re.fullmatch(rf"[-−+]?{FRACTION}", n)
    if below_one:
        top, bottom = map(int, n.lstrip("-−+").split(SLASH))
        article = "an" if singular[0] in "aeio" or singular == "hour" else "a"
        of = (
            f"half {article}"
            if (top, bottom) == (1, 2)
            else f"{fraction(top, bottom)} of {article}"
        )
        words, name = of, singular
    else:
        name = singular if (is_one(n) and low is None) or gap == "-" else plural
    per = f" per {_PER[match['per']]}" if match["per"] else ""
    return f"{words} {name}{per}"


def _is_decade(match: re.Match) -> bool:
    if match["gap"] or not re.fullmatch(r"\d0|\d{3}0", match["n"]):
        return False
    before = match.string[: match.start()]
    return len(match["n"]) == 4 or bool(
        re.search(r"(?:'|\b(?:the|his|her|my|their|our|in|mid|late|early|of)[ -])$", before, re.I)
    )


def _duration(match: re.Match) -> str:
    hours, minutes, seconds = match[1], match[2], match[3]
    parts = [(hours, "hour"), (minutes, "minute"), (seconds, "second")]
    return " ".join(
        f"{cardinal(n)} {word}{'' if n == '1' else 's'}" for n, word in parts if n is not None
    )


def heights(text: str) -> str:
    """`6'2"` -> "six foot two"; `27"` -> "twenty-seven inches", or "inch" before what it describes; `3'` -> "three feet"."""
    text = _HEIGHT.sub(_height, text)
    text = _FEET_INCHES.sub(lambda m: f"{cardinal(m[1])} foot {cardinal(m[2])}", text)
    return _MARK.sub(_mark, text)


def _height(match: re.Match) -> str:
    feet, inches = match[1], match[2]
    closed = match.group().endswith(('"', "''"))
    if not closed and (_in_quotes(match, "'") or int(feet) > 8):
        return match.group()
    return (
        f"{cardinal(feet)} foot {quantity(inches)}" if inches != "0" else f"{cardinal(feet)} foot"
    )


def _mark(match: re.Match) -> str:
    number = match[1] or match[3]
    sign = '"' if match["mark"] == '"' else "'"
    if match["mark"] != "''" and _in_quotes(match, sign):
        return match.group()
    one, many = ("inch", "inches") if match["mark"] else ("foot", "feet")
    following = re.match(r" ([a-z]+)", match.string[match.end() :])
    describes = following is not None and following[1] not in _LONG
    below_one = re.fullmatch(FRACTION, number)
    if below_one:
        top, bottom = map(int, number.split(SLASH))
        if describes:
            return f"{'half' if bottom == 2 else fraction(top, bottom).rstrip('s')} {one}"
        half = "half" if (top, bottom) == (1, 2) else f"{fraction(top, bottom)} of"
        return f"{half} {'an' if one == 'inch' else 'a'} {one}"
    return f"{quantity(number)} {one if is_one(number) or describes else many}"


def _in_quotes(match: re.Match, sign: str) -> bool:
    """Whether a quotation that begins before the match is still open: its sign then closes it."""
    before = match.string[: match.start()]
    opened = len(re.findall(rf"(?:^|[\s(—]){sign}(?=\w)(?!\d\ds?\b)", before))
    closed = len(re.findall(rf"(?<=[^\s\d]){sign}(?!\w)", before))
    return opened > closed
