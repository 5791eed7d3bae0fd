"""How alike a voice in the dub is to its reference, where the judge of voices is installed (extra `judges`)."""

import functools
import importlib.util
from collections.abc import Mapping
from typing import Any

import torch

from deepaudio.errors import InputError, WeightsError
from deepaudio.inference.model import Result
from deepaudio.inference.voices import Voice
from deepaudio.judges import OFFLINE, Judge, open_judge
from deepaudio.metrics.embeddings import cosine
from deepaudio.notices import Notices
from deepaudio.script.speakers import voice_name

JUDGE = OFFLINE["speaker"]


def likeness(result: Result, voices: Mapping[str, Voice], notices: Notices) -> dict[str, Any]:
    """`likeness` for the record: of each voice that speaks, the cosine between its reference and its lines one after the other; null where these are too short to tell.

    Empty where the judge is not installed; where it is but its weights cannot be read, empty with a line in `notices`.
    """
    if importlib.util.find_spec(JUDGE) is None:
        return {}
    try:
        judge = _judge()
    except WeightsError as error:
        notices.note(f"no likeness of the voices: {error.message}")
        return {}
    spoken: dict[str, list[torch.Tensor]] = {}
    for line, part in zip(result.lines, result.parts, strict=True):
        spoken.setdefault(voice_name(line.speaker, line.mood, voices), []).append(part)
    found = {
        name or "*": _alike(judge, voices[name], torch.cat(parts), result.sample_rate)
        for name, parts in spoken.items()
    }
    return {"likeness": {"judge": JUDGE, "voices": found}} if found else {}


@functools.cache
def _judge() -> Judge:
    return open_judge(JUDGE)


def _alike(judge: Judge, voice: Voice, speech: torch.Tensor, rate: int) -> float | None:
    reference = voice.reference
    try:
        heard = judge(reference.waveform, reference.sample_rate), judge(speech, rate)
    except InputError:
        return None
    return round(cosine(*heard), 3)
