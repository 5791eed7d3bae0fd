"""Reference voices: read and checked, joined where there are several, and given to the lines of a script."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import torch

from deepaudio.audio.level import at_level
from deepaudio.errors import InputError
from deepaudio.inference.mini_tts import Reference
from deepaudio.media.audio import resampled
from deepaudio.media.reference import MAX_SECONDS, load_reference
from deepaudio.notices import Notices
from deepaudio.presets.store import sha256_of
from deepaudio.script import Script
from deepaudio.script.speakers import base_of, check_speakers, speakers_of, voice_name

HEARD = (
    15.0  # seconds of a voice that are listened to; several recordings have equal shares of them
)
BETWEEN = 0.15  # seconds of quiet between them
NO_MOOD = frozenset({"v.o.", "vo", "o.s.", "os", "o.c.", "oc", "off", "cont'd", "cont’d", "contd"})

Role = tuple[str | None, str | None]
"""Whose line it is, and in which mood."""


@dataclass(frozen=True)
class Voice:
    """A checked reference with where it came from; `notices` is what the user should know of it."""

    reference: Reference
    path: Path
    sha256: str
    notices: Notices = field(default_factory=Notices)
    speed: float = 1.0
    gain: float = 0.0
    """dB on its lines."""
    consent: str | None = None
    """What is known of the speaker's agreement."""
    others: tuple[Path, ...] = ()
    """Further recordings that are joined to the first."""

    def as_dict(self) -> dict[str, object]:
        """For the record."""
        seconds = len(self.reference.waveform) / self.reference.sample_rate
        return {
            "file": self.path,
            **({"others": self.others} if self.others else {}),
            "sha256": self.sha256,
            "seconds": round(seconds, 3),
            "text": self.reference.text,
            "speed": self.speed,
            "gain": self.gain,
            "consent": self.consent,
            "notes": [*self.notices.warnings, *self.notices.notes],
        }


def read_voice(path: str | PathLike, text: str | None = None) -> Voice:
    """A reference from an audio file, or from the sound of a video.

    Raises InputError for silence, for less than a second, and for what is not audio; a long one is cut at a pause.
    """
    return _read(Path(path), text, MAX_SECONDS)


def read_voices(paths: Sequence[Path], texts: Sequence[str | None]) -> Voice:
    """One voice from several recordings of a speaker: an equal share of each, at one level, one after the other.

    The transcript is known when all of them have one.
    """
    if len(paths) == 1:
        return read_voice(paths[0], texts[0])
    share = min(MAX_SECONDS, HEARD / len(paths))
    read = [_read(path, text, share) for path, text in zip(paths, texts, strict=True)]
    rate = read[0].reference.sample_rate
    quiet, pieces = torch.zeros(round(BETWEEN * rate)), []
    for voice in read:
        waveform = resampled(voice.reference.waveform, voice.reference.sample_rate, rate)
        pieces += [at_level(waveform)[0], quiet]
    known = [voice.reference.text for voice in read]
    joined = " ".join(known) if all(known) else None
    digest = hashlib.sha256("".join(voice.sha256 for voice in read).encode()).hexdigest()
    notices = Notices()
    for voice in read:
        notices.warn(*voice.notices.warnings)
        notices.note(*voice.notices.notes)
    if joined is None and any(known):
        notices.warn(f"{read[0].path.name}: not all recordings have a transcript: none is used")
    reference = Reference(torch.cat(pieces[:-1]), rate, joined)
    others = tuple(voice.path for voice in read[1:])
    return Voice(reference, read[0].path, digest, notices, others=others)


def _read(path: Path, text: str | None, longest: float) -> Voice:
    found = load_reference(path, text, longest)
    reference = Reference(found.waveform, found.sample_rate, found.facts.text)
    notices = Notices(
        [f"{path.name}: {warning}" for warning in found.notices.warnings], found.notices.notes
    )
    return Voice(reference, path, sha256_of(path), notices)


def assign(
    script: Script, voices: Mapping[str, Voice], fallback: Voice | None, notices: Notices
) -> dict[Role, Voice]:
    """The voice of every speaker and mood; with `fallback` alone all take it, else a speaker without a voice is an InputError.

    `MARA.angry` among the voices is for the lines of MARA that are marked angry; a mood that MARA does not have goes to `notices`.
    """
    roles = list(dict.fromkeys((line.speaker, line.mood) for line in script.lines))
    if not voices:
        if fallback is None:
            raise InputError("voice.missing", "no reference voice", "give --ref voice.wav")
        return dict.fromkeys(roles, fallback)
    plain = speakers_of(voices)
    check_speakers(script, plain)
    nameless = next((line for line in script.lines if not line.speaker), None)
    if nameless is not None and fallback is None and len(plain) > 1:
        hint = "name it (NAME: text) or give --ref; voices: " + ", ".join(sorted(plain))
        raise nameless.error("voice.missing", "the line names no speaker", hint)
    cast = dict(voices) if fallback is None else {**voices, "": fallback}
    chosen: dict[Role, Voice] = {}
    for speaker, mood in roles:
        name = voice_name(speaker, mood, cast)
        chosen[speaker, mood] = cast[name]
        moods = [other.partition(".")[2] for other in voices if base_of(other, voices) == name]
        if mood and moods and mood not in moods and mood not in NO_MOOD:
            known = ", ".join(sorted(moods))
            notices.warn(f"{name} has no voice for '{mood}' ({known}): the plain one is taken")
    return chosen


def paced(script: Script, voices: Mapping[Role, Voice]) -> Script:
    """The script with the pace of every line at that of its voice, within what a line may ask for."""
    lines = [
        replace(x, speed=min(2.0, max(0.5, x.speed * voices[x.speaker, x.mood].speed)))
        for x in script.lines
    ]
    return replace(script, lines=tuple(lines))
