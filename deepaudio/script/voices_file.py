"""Voices of a cast: `voices.toml` or a folder of recordings, read into plain entries with precise errors."""

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepaudio.discover import suggest
from deepaudio.errors import InputError
from deepaudio.script.clean import decode

NAME = "voices.toml"
KEYS = ("file", "text", "speed", "gain", "consent")
SPEEDS, GAINS = (0.5, 2.0), (-24.0, 24.0)
MAX_FILES = 8
MAX_BYTES, MAX_TEXT_BYTES = 1 << 20, 1 << 16
SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aiff")


@dataclass(frozen=True)
class VoiceEntry:
    """One voice as it is asked for: recordings with what they say, and how it is used."""

    files: tuple[Path, ...]
    texts: tuple[str | None, ...]
    speed: float = 1.0
    """Pace, as a factor on what the line asks for."""
    gain: float = 0.0
    """dB on its lines."""
    consent: str | None = None
    """What is known of the speaker's agreement, in words for the record."""


def read_voices_file(path: Path) -> dict[str, VoiceEntry]:
    """The voices by name; `MARA.angry` is that of MARA's lines marked angry. InputError says which entry and key is wrong."""
    if path.is_dir():
        return _folder(path) if not (path / NAME).is_file() else read_voices_file(path / NAME)
    if not path.is_file():
        raise InputError("voices.missing", f"no such file: {path}", "give a .toml file or a folder")
    content = _table(path)
    found: dict[str, VoiceEntry] = {}
    for name, given in content.items():
        table = given if isinstance(given, dict) else {"file": given}
        moods = {key: value for key, value in table.items() if isinstance(value, dict)}
        own = {key: value for key, value in table.items() if key not in moods}
        place = _Place(path, name)
        base = found[name] = _entry(own, place, None)
        for mood, more in moods.items():
            if mood.casefold() in KEYS:
                raise place.wrong(f"'{mood}' is no name for a mood", "choose another word")
            found[f"{name}.{mood.casefold()}"] = _entry(more, _Place(path, f"{name}.{mood}"), base)
    return found


@dataclass(frozen=True)
class _Place:
    """An entry of a file, for errors."""

    path: Path
    name: str

    def wrong(self, message: str, hint: str | None = None) -> InputError:
        """The error with the file, its line and the entry."""
        line = self._line()
        row = f" line {line}," if line else ""
        text = f"{self.path}:{row} voice '{self.name}': {message}"
        return InputError("voices.invalid", text, hint, line=line)

    def _line(self) -> int | None:
        key = r"[\s\"']*\.[\s\"']*".join(re.escape(part) for part in self.name.split("."))
        head = re.compile(rf"\s*(?:\[\s*[\"']?{key}[\"']?\s*\]|[\"']?{key}[\"']?\s*=)")
        rows = self.path.read_text(encoding="utf-8-sig").splitlines()
        return next((n for n, row in enumerate(rows, 1) if head.match(row)), None)


def _table(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    if path.stat().st_size > MAX_BYTES:
        raise InputError("voices.invalid", f"{path} is larger than {MAX_BYTES} bytes")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("voices.invalid", f"{path}: {error}") from error
    if not content:
        hint = 'e.g. MARA = "mara.wav"'
        raise InputError("voices.invalid", f"no voices in {path}", hint)
    return content


def _entry(table: dict[str, Any], place: _Place, base: VoiceEntry | None) -> VoiceEntry:
    """An entry; a mood takes what it does not say from the voice itself."""
    for key in table:
        if key not in KEYS:
            raise place.wrong(f"no key '{key}'", suggest(key, list(KEYS)))
    if "file" not in table and base is None:
        raise place.wrong("no file", 'file = "voice.wav", or several in a list')
    if "text" in table and "file" not in table:
        raise place.wrong("a text without a file", "a transcript belongs to a recording")
    made = base or VoiceEntry((), ())
    if "file" in table:
        files = _words(table["file"], "file", place)
        if not 1 <= len(files) <= MAX_FILES:
            raise place.wrong(f"{len(files)} files; 1 to {MAX_FILES} are possible")
        texts = _words(table["text"], "text", place) if "text" in table else []
        if texts and len(texts) != len(files):
            raise place.wrong(f"{len(texts)} texts for {len(files)} files")
        paths = tuple(place.path.parent / file for file in files)
        said = tuple(text_of(t, place.path.parent) for t in texts) or (None,) * len(files)
        made = replace(made, files=paths, texts=said)
    for key, limits in (("speed", SPEEDS), ("gain", GAINS)):
        if key in table:
            made = replace(made, **{key: _number(table[key], key, limits, place)})
    if "consent" in table:
        (words,) = _words(table["consent"], "consent", place, several=False)
        made = replace(made, consent=" ".join(words.split())[:200] or None)
    return made


def _words(value: Any, key: str, place: _Place, several: bool = True) -> list[str]:
    values = value if isinstance(value, list) and several else [value]
    if not all(isinstance(v, str) for v in values):
        more = ", or a list of such" if several else ""
        raise place.wrong(f"{key} is {value!r}", f'{key} = "..."{more}')
    return values


def _number(value: Any, key: str, limits: tuple[float, float], place: _Place) -> float:
    low, high = limits
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
    if not fits:
        raise place.wrong(f"{key} is {value!r}; {low:g} to {high:g} is possible")
    return float(value)


def _folder(path: Path) -> dict[str, VoiceEntry]:
    """NAME.wav (NAME.mood.wav) with what it says in NAME.txt; a folder NAME holds several recordings of one voice."""
    found: dict[str, VoiceEntry] = {}
    for place in sorted(path.iterdir()):
        files = _sounds(place) if place.is_dir() else [place] if _is_sound(place) else []
        if not files or place.name.startswith("."):
            continue
        voice, _, mood = (place.name if place.is_dir() else place.stem).partition(".")
        name = f"{voice}.{mood.casefold()}" if mood else voice
        if name in found:
            message = f"{path}: two recordings for the voice '{name}'"
            raise InputError("voices.twice", message, f"put both into a folder {name}")
        if len(files) > MAX_FILES:
            message = f"{place}: {len(files)} recordings; 1 to {MAX_FILES} are possible"
            raise InputError("voices.invalid", message)
        said = [file.with_suffix(".txt") for file in files]
        texts = tuple(_read(text) if text.is_file() else None for text in said)
        found[name] = VoiceEntry(tuple(files), texts)
    if not found:
        hint = f"NAME.wav for each speaker (or {NAME})"
        raise InputError("voices.missing", f"no recordings in the folder {path}", hint)
    for name in found:
        if "." in name and name.partition(".")[0] not in found:
            voice = name.partition(".")[0]
            message = f"{path}: '{name}' is a mood of the voice '{voice}', which has no recording"
            raise InputError("voices.missing", message, f"add {voice}.wav")
    return found


def _sounds(folder: Path) -> list[Path]:
    return [place for place in sorted(folder.iterdir()) if _is_sound(place)]


def _is_sound(place: Path) -> bool:
    return place.suffix.lower() in SOUNDS and place.is_file()


def text_of(given: str | None, folder: Path = Path()) -> str | None:
    """What a reference says: the option's own text, or the content of the file that it names.

    InputError for NAME.txt, which is no sentence, where there is no such file, and for the name of a folder.
    """
    if given is None or not given.strip():
        return None
    try:
        place = folder / given
        short = len(given) < 4096
        is_file, is_folder = short and place.is_file(), short and place.is_dir()
    except (OSError, ValueError):  # too long or with a NUL: text, not a path
        is_file = is_folder = False
    if is_file:
        return _read(place)
    text = given.strip()
    if is_folder and len(text.split()) == 1:
        raise InputError("reference.text", f"{text} is a folder", "what the reference says")
    if text.lower().endswith(".txt") and len(text.split()) == 1:
        raise InputError("reference.text", f"no such file: {text}", "what the reference says")
    return text


def _read(place: Path) -> str | None:
    if place.stat().st_size > MAX_TEXT_BYTES:
        raise InputError("reference.text", f"{place} is longer than {MAX_TEXT_BYTES} bytes")
    try:
        return decode(place.read_bytes()).text.strip() or None
    except InputError as error:
        message = f"{place} {error.message.removeprefix('the script ')}"
        raise InputError("reference.text", message, "save it as UTF-8") from error
