"""Before any work: what the instruction means against the command, and whose voice may be used."""

import logging
from dataclasses import replace
from pathlib import Path

from deepaudio.dubbing.jobs import Cast, Policy
from deepaudio.errors import InputError, PolicyError, UsageError
from deepaudio.inference.gate import Direction, Route
from deepaudio.inference.model import DeepAudio
from deepaudio.inference.voices import Voice
from deepaudio.inference.voices import read_voices as read_voices_of
from deepaudio.notices import Notices
from deepaudio.options import MixOptions
from deepaudio.script.voices_file import VoiceEntry, read_voices_file, text_of
from deepaudio.separation import package_folder

log = logging.getLogger(__name__)

MEANING = {
    "v2a": "sounds of the scene",
    "v2s": "speech for the video",
    "tts": "speech from text alone",
}
COMMAND = {"v2a": "foley", "v2s": "dub", "tts": "tts"}
CONSENT_SUFFIX = ".consent"
MAX_CONSENT = 400  # bytes of such a file that go into the record


def agree(model: DeepAudio, instruction: str, wanted: Direction, policy: Policy) -> Route:
    """Route the instruction; UsageError when the gate reads something else than the command does, unless forced."""
    route = model.route(instruction)
    if route.direction == wanted:
        return route
    share = route.probabilities[route.direction]
    message = (
        f"the instruction {instruction!r} asks for {MEANING[route.direction]} "
        f"({share:.0%} sure), and this command makes {MEANING[wanted]}"
    )
    if not policy.force:
        hint = f"use deepaudio {COMMAND[route.direction]}, another --instruction, or --force"
        raise UsageError(
            "instruction.contradiction", message, hint, probabilities=route.probabilities
        )
    log.warning("%s; --force goes on", message)
    return route


def check_separator(mix: MixOptions) -> None:
    """ToolError with the command that installs the extra, when the bed needs a separator that is not there."""
    if mix.separates:
        package_folder()


def read_voices(cast: Cast, policy: Policy, notices: Notices) -> dict[str, Voice]:
    """Every voice of a cast by speaker, `""` for the one of `--ref`; consent is checked before a file is read.

    What is to be known of a recording goes to `notices`.
    """
    wanted = cast_entries(cast)
    if not wanted:
        raise InputError("voice.missing", "no reference voice", "give --ref voice.wav")
    agreed = {name: consent_of(entry, policy) for name, entry in wanted.items()}
    voices, read = {}, {}
    for name, entry in wanted.items():
        key = entry.files, entry.texts
        if key not in read:
            read[key] = read_voices_of(entry.files, entry.texts)
            notices.warn(*read[key].notices.warnings)
            notices.note(*read[key].notices.notes)
        voices[name] = replace(read[key], speed=entry.speed, gain=entry.gain, consent=agreed[name])
    return voices


def cast_entries(cast: Cast) -> dict[str, VoiceEntry]:
    """Every voice of a cast as it is asked for, by speaker, `""` for the one of `--ref`."""
    wanted = read_voices_file(cast.file) if cast.file else {}
    for name, path in cast.named:
        if name in wanted and cast.file is None:
            raise InputError("voice.twice", f"the voice '{name}' is given twice")
        wanted[name] = VoiceEntry((path,), (None,))
    if cast.ref is not None:
        wanted[""] = VoiceEntry((cast.ref,), (text_of(cast.ref_text),))
    return wanted


def consent_of(entry: VoiceEntry, policy: Policy) -> str | None:
    """What is known of the speaker's agreement, in words; PolicyError where it is required and nothing is known.

    It is what voices.toml says, else the first line of a file FILE.consent beside each recording, else that `--consent` was given.
    """
    if entry.consent:
        return entry.consent
    sidecars = [path.with_name(path.name + CONSENT_SUFFIX) for path in entry.files]
    if all(sidecar.is_file() for sidecar in sidecars):
        return _first_line(sidecars[0]) or f"by {sidecars[0].name}"
    if policy.consent:
        return "stated on the command line"
    if policy.require_consent:
        missing = next(s for s in sidecars if not s.is_file())
        message = f"consent is required here for the voice in {entry.files[0]}"
        hint = f'--consent, consent = "..." in voices.toml, or a file {missing.name} beside the recording'
        raise PolicyError("consent.missing", message, hint)
    return None


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        text = file.read(MAX_CONSENT).decode("utf-8", "replace").lstrip("\ufeff")
    return " ".join(text.strip().partition("\n")[0].split())
