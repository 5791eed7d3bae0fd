"""Before any work: what the instruction means against the command, and whose voice may be used."""

import logging
from pathlib import Path

from deepaudio.dubbing.jobs import Cast, Policy
from deepaudio.errors import InputError, PolicyError, UsageError
from deepaudio.inference.gate import Direction, Route
from deepaudio.inference.model import DeepAudio
from deepaudio.inference.voices import Voice, read_cast, read_voice, text_of
from deepaudio.notices import Notices

log = logging.getLogger(__name__)

MEANING = {
    "v2a": "sounds of the scene",
    "v2s": "speech for the video",
    "tts": "speech from text alone",
}
COMMAND = {"v2a": "foley", "v2s": "dub", "tts": "tts"}
CONSENT_SUFFIX = ".consent"


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


def read_voices(cast: Cast, policy: Policy, notices: Notices) -> dict[str, Voice]:
    """Every voice of a cast by speaker, `""` for the one of `--ref`; consent is checked before a file is read.

    What is to be known of a recording goes to `notices`.
    """
    wanted: dict[str, tuple[Path, str | None]] = dict(read_cast(cast.file)) if cast.file else {}
    for name, path in cast.named:
        if name in wanted and cast.file is None:
            raise InputError("voice.twice", f"the voice '{name}' is given twice")
        wanted[name] = (path, None)
    if cast.ref is not None:
        wanted[""] = (cast.ref, text_of(cast.ref_text))
    if not wanted:
        raise InputError("voice.missing", "no reference voice", "give --ref voice.wav")
    for path, _ in wanted.values():
        check_consent(path, policy)
    voices = {name: read_voice(path, text) for name, (path, text) in wanted.items()}
    for voice in voices.values():
        notices.warn(*voice.notices.warnings)
        notices.note(*voice.notices.notes)
    return voices


def check_consent(path: Path, policy: Policy) -> None:
    """PolicyError where consent is required and neither stated nor lying beside the recording."""
    sidecar = path.with_name(path.name + CONSENT_SUFFIX)
    if policy.require_consent and not policy.consent and not sidecar.is_file():
        message = f"consent is required here for the voice in {path}"
        hint = f"--consent, or a file {sidecar.name} beside the recording"
        raise PolicyError("consent.missing", message, hint)
