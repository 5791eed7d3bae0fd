"""One entry for every script format."""

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from deepaudio.errors import InputError
from deepaudio.script import check, clean
from deepaudio.script.cue import MAX_BYTES, MAX_LINES, Parsed, Script, Skipped
from deepaudio.script.formats import by_suffix, formats
from deepaudio.script.formats.sniff import kind_of

_USUAL = (
    "sound in brackets",
    "comment",
    "drawing",
    "NOTE",
    "STYLE",
    "REGION",
    "nothing to speak",
    "no text",
)
_USUAL += ("after the end of the clip",)  # which has a warning of its own


def read(
    source: str | os.PathLike,
    *,
    literal: bool = False,
    format: str | None = None,
    encoding: str | None = None,
    speakers: Collection[str] = (),
    duration: float | None = None,
    clamp: bool = False,
    speak_sdh: bool = False,
    allow_empty: bool = False,
) -> Script:
    """Read a script from a file, or from the text itself if `source` is a str that names no file, or any with `literal`.

    `format` is a name of `formats()` (text, srt, vtt, ass, ttml, csv, json, lst), else taken from the content, then the name. `speakers` are the
    known voices: they decide what counts as a name in plain text (see `speakers.check_speakers` for the check).
    With `duration`, the length of the clip in seconds, cues beyond it are an error, or shortened with `clamp`.
    """
    is_text = isinstance(source, str) and (literal or not _names_file(source))
    found = clean.normalised(source, "text") if is_text else _content(source, encoding)
    suffix = None if is_text else os.path.splitext(os.fspath(source))[1]
    kind, note = (format, None) if format else kind_of(found.text, suffix)
    lines, skipped, warnings = _parse(kind, found.text, speakers, speak_sdh)
    warnings = [*found.warnings, *filter(None, [note]), *warnings]
    if len(lines) > MAX_LINES:
        message = f"the script has {len(lines)} lines; at most {MAX_LINES}"
        raise InputError("script.limits", message, "split it into several scripts")
    lines = check.in_order(lines, warnings)
    if duration is not None:
        lines = check.inside_clip(lines, duration, clamp, warnings, skipped)
    lines = check.without_overlaps(lines, warnings)
    if not lines and not allow_empty:
        raise InputError("script.empty", f"no lines to speak in the script{_left_out(skipped)}")
    warnings += _unusual(skipped)
    return Script(tuple(lines), found.encoding, tuple(skipped), tuple(warnings), kind)


def _parse(kind: str, text: str, speakers, speak_sdh: bool) -> Parsed:
    options = {"known": speakers, "speak_sdh": speak_sdh}
    if kind not in formats():
        known = ", ".join(formats())
        raise InputError("script.format", f"no script format {kind!r}; one of {known}")
    return formats()[kind].parse(text, **options)


def _content(source: str | os.PathLike, encoding: str | None) -> clean.Decoded:
    place = Path(source)
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in os.fspath(place))
    try:
        if not place.is_file():
            other = "is a directory" if place.is_dir() else "is no regular file"
            kind = other if place.exists() else "no such file"
            raise InputError(
                "script.missing", f"script: {kind}: {shown}", "check the path", path=shown
            )
        with place.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            "script.unreadable", f"script {shown}: {error.strerror}", path=shown
        ) from error
    except ValueError as error:
        raise InputError("script.missing", f"script: not a file name: {shown}") from error
    return clean.decode(content, encoding)


def _names_file(source: str) -> bool:
    if "\n" in source or len(source) > 4096 or "\0" in source:
        return False
    if os.path.splitext(source)[1].lower() in by_suffix() and " " not in source.strip():
        return True
    return os.path.lexists(source)


def _left_out(skipped: list[Skipped]) -> str:
    """What of an empty script is not spoken: its first items with line and reason."""
    if not skipped:
        return ""
    first = [f"line {s.row}, {_quoted(s.text)}: {s.reason}" for s in skipped[:3]]
    more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return f" ({'; '.join(first)}{more})"


def _unusual(skipped: list[Skipped]) -> list[str]:
    """One warning for cues that are left out for what they are, not for a tag or a sound in brackets."""
    reasons = Counter(s.reason.partition(",")[0] for s in skipped if s.reason not in _USUAL)
    if not reasons:
        return []
    listed = ", ".join(f"{reason} ({count})" for reason, count in reasons.items())
    return [f"not spoken: {listed}; the record lists them"]


def _quoted(text: str) -> str:
    """A short text in quotes on one row."""
    return repr(" ".join(text.split())[:40])
