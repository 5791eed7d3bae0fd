"""Where a sound comes from, said in the output itself: a tag "synthetic speech" with what is known of consent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepaudio import __version__
from deepaudio.dubbing.provenance.signing import inspect_manifest
from deepaudio.dubbing.record import record_path
from deepaudio.errors import ToolError
from deepaudio.inference.voices import Voice
from deepaudio.media.guard import guard, opened
from deepaudio.media.sniff import regular_file

SPEECH, SOUND = "Synthetic speech", "Synthetic sound"
NAMED = 6  # voices; of more the tag counts those with consent


def speech_tag(preset: str, voices: Mapping[str, Voice]) -> str:
    """The tag of an output with speech in these voices."""
    known = [voice for voice in voices.values() if voice.consent]
    if len(voices) > NAMED:
        consent = f"recorded for {len(known)} of {len(voices)} voices"
    else:
        pairs = ((name or "the voice", voice.consent) for name, voice in voices.items())
        consent = "; ".join(f"{name}: {words or 'not recorded'}" for name, words in pairs)
    return f"{SPEECH}: made with deepaudio {__version__} ({preset}). Consent: {consent}."


def sound_tag(preset: str) -> str:
    """The tag of an output with generated sounds."""
    return f"{SOUND}: made with deepaudio {__version__} ({preset})."


def with_comment(tag: str, comment: str | None) -> str:
    """The tag behind what the clip's own comment says; a tag of an earlier dub gives way."""
    own = (comment or "").strip()
    for mark in (SPEECH, SOUND):
        own = own.partition(f"{mark}: made with deepaudio")[0].rstrip(" |")
    return f"{own} | {tag}" if own else tag


def inspect(path: Path) -> dict[str, Any]:
    """What a media file says of how it was made: its tag, and whether the record lies beside it."""
    place = regular_file(path)
    guard(place, True, [])
    with opened(place, "file") as container:
        found = dict(container.metadata)
        for stream in container.streams:
            found |= {f"stream {stream.index} {k}": v for k, v in stream.metadata.items()}
    marks = (SPEECH.casefold(), SOUND.casefold())
    tag = next((v for v in found.values() if any(m in v.casefold() for m in marks)), None)
    if tag is not None:
        tag = tag[min(p for m in marks if (p := tag.casefold().find(m)) >= 0) :]
    record = record_path(place)
    facts = {"file": place, "tag": tag, "record": record if record.is_file() else None}
    try:
        return facts | {"c2pa": inspect_manifest(place)}
    except ToolError as error:
        return facts | {"c2pa": {"state": "not looked for", "reason": f"{error.hint}"}}


def findings(facts: Mapping[str, Any]) -> list[str]:
    """The same in words."""
    tag, record, signed = facts["tag"], facts["record"], facts["c2pa"]
    shown = {key: value for key, value in (signed or {}).items() if key != "state" and value}
    more = ", ".join(
        f"{key.replace('_', ' ')} {', '.join(v) if isinstance(v, list) else v}"
        for key, v in shown.items()
    )
    return [
        f"tag: {tag}" if tag else "tag: none, which proves nothing: tags are easily removed",
        f"record: {record}" if record else "record: none beside the file",
        f"C2PA: {signed['state']}{f' ({more})' if more else ''}" if signed else "C2PA: none",
    ]
