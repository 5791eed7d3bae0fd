"""Bytes and texts made wrong in the ways in which files are wrong: flipped, cut, doubled, with numbers that cannot be."""

import random
import re

EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NUMBERS = ("0", "-1", "1e999", "99999999999999999999", "0.0000001", "NaN", "-0", "08", "1_000", "٣")
WORDS = (
    "\0", "\ufeff", "\u202e", "\u200b", "\r", "\u2028", "\x1b[31m", "\ud800", "🜁" * 40, "a" * 3000, "-->", "--> 99:99:99.999",
    "{\\p1}m 0 0{\\p0}", "{\\k10}", "<v ", "<v MARA>", "<c.x>", "<!ENTITY a 'b'>", "&a;", "&#0;", "&#x110000;", "<![CDATA[",
    "]]>", "<!--", "NOTE", "STYLE", "REGION", "[Events]", "Dialogue: ", "WEBVTT", "1\n00:00:01,000 --> 00:00:02,000\n",
    "%(x)s", "{0.__class__}", "${HOME}", "$(id)", "[bold]", "<script>", '"', "'", "'''", '"""', "\\", "\\u0000", "\\ud800",
    "\t", ",", ";", "|", "=", "[", "]", "{", "}", "[[", "null", "true", "MARA:", "(angry)", "♪", "[door]", ">>", "#", "//", "...",
)  # fmt: skip


def mutated(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """One to six changes of bytes, half of them near the beginning or the end, where headers and indexes are."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        data = _changed(data, rng, others) or bytearray(b"\0")
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    near = min(len(data), 2048)
    return rng.choice(
        (rng.randrange(len(data)), rng.randrange(near), len(data) - 1 - rng.randrange(near))
    )


def _changed(data: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    at, length = _place(data, rng), rng.choice((1, 2, 4, 8, 16, 64, 256, 1024))
    kind = rng.randrange(9)
    if kind == 0:
        for _ in range(rng.choice((1, 4, 40))):
            data[_place(data, rng)] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at : at + length] = rng.randbytes(length)
    elif kind == 2:
        del data[at : at + length]
    elif kind == 3:
        data[at:at] = data[at : at + length] * rng.choice((1, 1, 3, 50))
    elif kind == 4:
        data[at:at] = rng.randbytes(length)
    elif kind == 5:
        del data[at:]
    elif kind == 6:
        size, order = rng.choice((1, 2, 4, 4, 4, 8)), rng.choice(("big", "little"))
        number = rng.choice(EXTREMES) & (256**size - 1)
        data[at : at + size] = number.to_bytes(size, order)
    elif kind == 7:
        to = _place(data, rng)
        piece = bytes(data[at : at + length])
        data[to : to + len(piece)] = piece
    else:
        other = rng.choice(others)
        start = rng.randrange(len(other))
        data[at : at + length] = other[start : start + length]
    return data


def mutated_text(text: str, rng: random.Random, others: list[str], words: tuple[str, ...]) -> bytes:
    """One to eight changes of rows, numbers and signs; now and then another encoding, or bytes of none."""
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        text = _changed_text(text, rng, others, words)
    encoding = rng.choice(("utf-8",) * 8 + ("utf-16", "utf-8-sig", "latin-1", "utf-32"))
    content = text.encode(encoding, "surrogatepass" if encoding[:3] == "utf" else "replace")
    return mutated(content, rng, [content or b"x"]) if rng.random() < 0.2 and content else content


def _changed_text(text: str, rng: random.Random, others: list[str], words) -> str:
    rows, at = text.split("\n"), rng.randrange(len(text) + 1)
    row, kind = rng.randrange(len(rows)), rng.randrange(8)
    if kind == 0:
        return text[:at] + rng.choice(words) + text[at:]
    if kind == 1:
        return text[:at] + text[at + rng.choice((1, 1, 3, 20)) :]
    if kind == 2:
        rows[row:row] = [rows[row]] * rng.choice((1, 2, 300))
    elif kind == 3:
        del rows[row]
    elif kind == 4:
        numbers = list(re.finditer(r"\d+", text))
        if numbers:
            one = rng.choice(numbers)
            return text[: one.start()] + rng.choice(NUMBERS) + text[one.end() :]
    elif kind == 5:
        other = rng.choice(others).split("\n")
        rows[row:row] = other[rng.randrange(len(other)) :][: rng.choice((1, 3, 9))]
    elif kind == 6:
        to = rng.randrange(len(rows))
        rows[row], rows[to] = rows[to], rows[row]
    else:
        return text[:at] + rng.choice(words) * rng.choice((2, 9, 200)) + text[at:]
    return "\n".join(rows)
