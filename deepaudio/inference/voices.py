"""Reference voices: read and checked, and given to the speakers of a script."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from deepaudio.errors import InputError
from deepaudio.inference.mini_tts import Reference
from deepaudio.media.reference import load_reference
from deepaudio.notices import Notices
from deepaudio.presets.store import sha256_of
from deepaudio.script import Script
from deepaudio.script.speakers import check_speakers

MAX_TEXT_BYTES = 1 << 16


@dataclass(frozen=True)
class Voice:
    """A checked reference with where it came from; `notices` is what the user should know of it."""

    reference: Reference
    path: Path
    sha256: str
    notices: Notices = field(default_factory=Notices)

    def as_dict(self) -> dict[str, object]:
        """For the record."""
        seconds = len(self.reference.waveform) / self.reference.sample_rate
        return {
            "file": self.path,
            "sha256": self.sha256,
            "seconds": round(seconds, 3),
            "text": self.reference.text,
            "notes": [*self.notices.warnings, *self.notices.notes],
        }


def read_voice(path: str | PathLike, text: str | None = None) -> Voice:
    """A reference from an audio file, or from the sound of a video.

    Raises InputError for silence, for less than a second, and for what is not audio; a long one is cut at a pause.
    """
    found = load_reference(path, text)
    reference = Reference(found.waveform, found.sample_rate, found.facts.text)
    place = Path(path)
    notices = Notices(
        [f"{place.name}: {warning}" for warning in found.notices.warnings], found.notices.notes
    )
    return Voice(reference, place, sha256_of(place), notices)


def text_of(given: str | None) -> str | None:
    """What a reference says: the option's own text, or the content of the file that it names."""
    if given is None or not given.strip():
        return None
    place = Path(given)
    try:
        is_file = len(given) < 4096 and place.is_file()
    except (OSError, ValueError):  # too long or with a NUL: text, not a path
        is_file = False
    if not is_file:
        return given.strip()
    if place.stat().st_size > MAX_TEXT_BYTES:
        raise InputError("reference.text", f"{place} is longer than {MAX_TEXT_BYTES} bytes")
    try:
        return place.read_text(encoding="utf-8-sig").strip() or None
    except UnicodeDecodeError as error:
        raise InputError("reference.text", f"{place}: not UTF-8 at byte {error.start}") from error


def read_cast(path: Path) -> dict[str, tuple[Path, str | None]]:
    """`voices.toml`: `NAME = "file.wav"`, or a table `[NAME]` with `file` and optionally `text`."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    if not path.is_file():
        raise InputError("voices.missing", f"no such file: {path}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("voices.invalid", f"{path}: {error}") from error
    cast = {}
    for name, entry in content.items():
        table = {"file": entry} if isinstance(entry, str) else entry
        unknown = set(table) - {"file", "text"} if isinstance(table, dict) else {"?"}
        if unknown or not isinstance(table.get("file"), str):
            hint = f'{name} = "file.wav", or a table with file and text'
            raise InputError("voices.invalid", f"{path}: entry '{name}' is not a voice", hint)
        cast[name] = (path.parent / table["file"], text_of(table.get("text")))
    return cast


def assign(
    script: Script, voices: Mapping[str, Voice], fallback: Voice | None
) -> dict[str | None, Voice]:
    """The voice of every speaker; with `fallback` alone all take it, else a speaker without a voice is an InputError."""
    if not voices:
        if fallback is None:
            raise InputError("voice.missing", "no reference voice", "give --ref voice.wav")
        return {line.speaker: fallback for line in script.lines}
    meant = check_speakers(script, voices)
    chosen: dict[str | None, Voice] = {name: voices[known] for name, known in meant.items()}
    nameless = next((line for line in script.lines if not line.speaker), None)
    if nameless is not None:
        if fallback is None and len(voices) > 1:
            hint = "name it (NAME: text) or give --ref; voices: " + ", ".join(sorted(voices))
            raise nameless.error("voice.missing", "the line names no speaker", hint)
        chosen[None] = fallback or next(iter(voices.values()))
    return chosen
