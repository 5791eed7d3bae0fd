"""Clock times of scripts."""

import re

_CLOCK = re.compile(r"(-)?(?:(\d{1,6}):)?(?:(\d{1,6}):)?(\d{1,6})(?:[.,](\d{1,9}))?")


def parse_clock(text: str) -> float:
    """Seconds of `[[hh:]mm:]ss[.fff]` (comma or point). ValueError says what is wrong with it."""
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text.strip()[:40]!r} is not a time")
    minus, first, second, seconds, fraction = match.groups()
    hours, minutes = (first, second) if second is not None else (None, first)
    if minus:
        raise ValueError(f"{text.strip()!r} is negative")
    if minutes is not None and int(seconds) > 59:
        raise ValueError(f"{text.strip()!r} has {int(seconds)} seconds in a minute")
    if hours is not None and int(minutes) > 59:
        raise ValueError(f"{text.strip()!r} has {int(minutes)} minutes in an hour")
    if int(hours or 0) > 99 or (hours is None and int(minutes or 0) > 5999):
        raise ValueError(f"{text.strip()!r} is beyond 99 hours")
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return whole + float(f"0.{fraction or 0}")
