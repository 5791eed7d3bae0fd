"""Bytes to text, and text to what may be spoken: encodings, control characters, tags, sounds in brackets."""

import html
import re
import unicodedata
from typing import NamedTuple

from deepaudio.errors import InputError
from deepaudio.script.cue import MAX_BYTES, MAX_CHARS, Skipped
from deepaudio.script.formats import encodings, lyrics

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# joiners U+200C and U+200D stay: they carry meaning in Persian, Indic scripts and emoji
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
_UNMARKED = "unmarked"
_LINE_END = re.compile("\r\n|\r|\x85|\u2028|\u2029")
_SUBTITLE_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|<\d[\d:.]{3,20}>")
_OVERRIDE = re.compile(r"\{\\[^{}\n]{0,300}\}")  # of ASS, which SRT and VTT files carry as well
_PLAIN_TAG = re.compile(r"</?(?:i|b|u|s|em|strong|font|span|br)\b[^<>\n]{0,200}>", re.IGNORECASE)
DEEPEST = 20  # brackets in brackets
_BRACKETS = re.compile(r"\[[^\[\]\n]{0,300}\]")
_PARENTHESES = re.compile(r"\([^()\n]{0,300}\)")
_SPACES = re.compile(r"\s+")


class Decoded(NamedTuple):
    text: str
    encoding: str
    warnings: list[str]


def decode(content: bytes, encoding: str | None = None) -> Decoded:
    """Text of a script file: by its byte order mark, else UTF-8, UTF-16 without a mark, or a Western code page.

    Raises InputError with the byte offset of what cannot be decoded, for a text that reads like another code page
    (Windows-1251, Shift-JIS and so on: the guess is named), and for files beyond the limits.
    """
    if len(content) > MAX_BYTES:
        message = f"the script has {len(content)} bytes; at most {MAX_BYTES}"
        raise InputError("script.limits", message, "split it into several scripts")
    names = [encoding] if encoding else _guesses(content)
    if names == [_UNMARKED]:
        return _unmarked(content)
    problem: UnicodeDecodeError | None = None
    for name in names:
        try:
            return normalised(content.decode(name), name)
        except UnicodeDecodeError as error:
            problem = problem or error
        except LookupError as error:
            raise InputError("script.encoding", f"no encoding is called {name!r}") from error
    offset = problem.start if problem else 0
    message = f"the script is not {' or '.join(names)} text: byte {offset} cannot be decoded"
    raise InputError("script.encoding", message, "save it as UTF-8", offset=offset)


def normalised(text: str, encoding: str = "utf-8") -> Decoded:
    """One kind of line end, no invisible or control characters; both reported by line."""
    if len(text) > MAX_CHARS:
        message = f"the script has {len(text)} characters; at most {MAX_CHARS}"
        raise InputError("script.limits", message, "split it into several scripts")
    text = _LINE_END.sub("\n", text.removeprefix("\ufeff"))
    found = _INVISIBLE.findall(text)
    if len(found) > 8 and len(found) * 20 > len(text):
        raise InputError("script.binary", "the script is not text: too many control characters")
    warnings = []
    if found:
        rows = [n for n, row in enumerate(text.split("\n"), 1) if _INVISIBLE.search(row)]
        names = ", ".join(sorted({f"U+{ord(c):04X}" for c in found})[:8])
        places = ", ".join(map(str, rows[:8])) + (" ..." if len(rows) > 8 else "")
        warnings.append(
            f"{len(found)} control or invisible characters removed ({names}; line {places})"
        )
        text = _INVISIBLE.sub("", text)
    return Decoded(unicodedata.normalize("NFC", text), encoding, warnings)


def _guesses(content: bytes) -> list[str]:
    for mark, name in _BOMS:
        if content.startswith(mark):
            return [name]
    if b"\0" in content:
        even, odd = content[0::2].count(0), content[1::2].count(0)
        if max(even, odd) * 5 > len(content):
            return ["utf-16-le" if odd > even else "utf-16-be"]
        return ["utf-8"]
    return [_UNMARKED]


def _unmarked(content: bytes) -> Decoded:
    """UTF-8, else the code page that the letters speak for, if it is one of a language that can be spoken."""
    try:
        return normalised(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        offset = error.start
    found = encodings.guess(content)
    if found is None:
        message = f"the script is not UTF-8 or cp1252 text: byte {offset} cannot be decoded"
        raise InputError("script.encoding", message, "save it as UTF-8", offset=offset)
    if not found.western:
        message = f"the script is not UTF-8 (byte {offset}); it reads like {found.name} ({found.language})"
        hint = f"--encoding {found.codec} if it is, or save it as UTF-8"
        raise InputError("script.encoding", message, hint, offset=offset, guess=found.codec)
    text = normalised(content.decode(found.codec), found.codec)
    if found.codec != "cp1252":
        warning = f"the script is read as {found.name}; --encoding NAME for another one"
        text = text._replace(warnings=[warning, *text.warnings])
    return text


def strip_tags(text: str, subtitle: bool) -> str:
    """Without mark-up; in subtitles any tag and entity goes, in plain text only those of subtitles."""
    if not subtitle:
        return _PLAIN_TAG.sub(" ", text)
    text = html.unescape(_SUBTITLE_TAG.sub(" ", _OVERRIDE.sub("", text)))
    return _INVISIBLE.sub("", text)


def without_sounds(text: str, row: int, subtitle: bool) -> tuple[str, list[Skipped]]:
    """The text without `[door slams]`, lyrics between notes and, in subtitles, `(SIGHS)`; and what was left out."""
    skipped: list[Skipped] = []

    def leave_out(reason: str):
        def note(match: re.Match) -> str:
            skipped.append(Skipped(row, match.group().strip(), reason))
            return " "

        return note

    text, songs = lyrics.split(text)
    skipped += [Skipped(row, song, "lyrics") for song in songs]
    for _ in range(DEEPEST):  # the inner ones go first
        before, text = text, _BRACKETS.sub(leave_out("sound in brackets"), text)
        if text == before:
            break
    if subtitle:
        rows = []
        for part in text.split("\n"):
            whole = re.fullmatch(r"\s*-?\s*\([^()]*\)\s*", part)
            for match in _PARENTHESES.finditer(part):
                if whole or match.group().isupper():
                    skipped.append(Skipped(row, match.group(), "sound in brackets"))
                    part = part.replace(match.group(), " ", 1)
            rows.append(part)
        text = "\n".join(rows)
    return text, skipped


def one_line(text: str) -> str:
    """Spaces and line breaks folded, dialogue dashes at the start of rows removed."""
    rows = (re.sub(r"^\s*(?:[-–—]\s+|[-‐–](?=[^\W\d]))", "", row) for row in text.split("\n"))
    return _SPACES.sub(" ", " ".join(rows)).strip()


def has_words(text: str) -> bool:
    """Whether anything in the text can be spoken."""
    return any(c.isalnum() for c in text)
