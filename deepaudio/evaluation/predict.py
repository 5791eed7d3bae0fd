"""Predictions of a preset for a manifest: one WAV an item, failures named, finished items kept.

Variants are the rows of Table 2: `whole`; `no-energy` (M_tts with the empty feature, as long as the
clip); `v2a-alone` (what M_v2a makes of the video, without text).
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from deepaudio.data.manifest import Item
from deepaudio.errors import DeepAudioError, InputError, UsageError
from deepaudio.evaluation.systems import Folder
from deepaudio.inference.model import DeepAudio
from deepaudio.inference.voices import read_voice
from deepaudio.media.audio import write_wav
from deepaudio.media.probe import probe
from deepaudio.options import INSTRUCTIONS, SampleOptions
from deepaudio.presets.identity import weights_of
from deepaudio.progress import Progress
from deepaudio.script import Line, Script

log = logging.getLogger(__name__)

VARIANTS = ("whole", "no-energy", "v2a-alone")
SPEECH_PROMPT = "a person speaking"


def predict(
    model: DeepAudio,
    items: list[Item],
    task: str,
    out: Path,
    variant: str = "whole",
    options: SampleOptions = SampleOptions(),
    name: str | None = None,
    progress: Progress | None = None,
) -> Folder:
    """Generate what is missing in `out` and give the folder as a system.

    A failing item leaves its reason in failures.json, never a file. UsageError for a variant that
    the task does not have.
    """
    if variant not in VARIANTS or (variant != "whole" and task != "v2s"):
        raise UsageError(
            "variant.unknown",
            f"{task} has no variant '{variant}'",
            "variants of v2s: " + ", ".join(VARIANTS),
        )
    out.mkdir(parents=True, exist_ok=True)
    made = _read(out / "made.json")
    failures: dict[str, str] = {}
    weights = weights_of(model.preset)
    if task == "mof":
        _directions(model, items, out)
        return Folder(name or model.preset.name, out)
    for index, item in enumerate(items, 1):
        key = _key(item, task, variant, options, weights)
        place = out / f"{item.id}.wav"
        if made.get(item.id) != key or not place.is_file():
            place.unlink(missing_ok=True)
            try:
                waveform, rate = _make(model, item, task, variant, options)
                peak = float(waveform.abs().max())
                write_wav(place, waveform / max(1.0, peak), rate)  # too loud is scaled, not clipped
                made[item.id] = key
                _write(out / "made.json", made)
            except DeepAudioError as error:
                failures[item.id] = error.message
                log.warning("%s: %s", item.id, error.message)
            except (RuntimeError, ValueError) as error:
                # One item must not stop a table; it is counted with its reason.
                failures[item.id] = f"{type(error).__name__}: {error}"
                log.warning("%s: %s", item.id, failures[item.id])
        if progress:
            progress(f"predict {variant}", index, len(items))
    _write(out / "failures.json", failures)
    return Folder(name or f"{model.preset.name} {variant}", out)


def _make(
    model: DeepAudio, item: Item, task: str, variant: str, options: SampleOptions
) -> tuple[Tensor, int]:
    if task == "v2a" or variant == "v2a-alone":
        features = model.v2a.features(_require(item.video, item, "video"))
        prompt = item.prompt or (SPEECH_PROMPT if task == "v2s" else "")
        return model.v2a.sound(features, prompt, "", options), model.v2a.sample_rate
    text = _require(item.text, item, "text")
    voice = read_voice(_require(item.reference, item, "reference"), item.reference_text)
    if task == "tts":
        return model.tts.speak(text, voice.reference, options=options), model.tts.sample_rate
    video = _require(item.video, item, "video")
    if variant == "no-energy":
        duration = probe(video).duration
        speech = model.tts.speak(text, voice.reference, duration=duration, options=options)
        return speech, model.tts.sample_rate
    # One untimed line as it stands: a colon in it names no speaker.
    script = Script((Line("1", None, None, None, text),))
    result = model.generate(
        INSTRUCTIONS["dub"],
        video=video,
        transcript=script,
        reference=voice,
        options=options,
        direction="v2s",
    )
    return result.waveform, result.sample_rate


def _directions(model: DeepAudio, items: list[Item], out: Path) -> None:
    """Where the gate routes each instruction, as directions.jsonl; what it cannot read, in failures.json."""
    rows, failures = [], {}
    for item in items:
        try:
            route = model.route(_require(item.instruction, item, "instruction"))
            rows.append(json.dumps({"id": item.id, "direction": route.direction}) + "\n")
        except DeepAudioError as error:
            failures[item.id] = error.message
    (out / "directions.jsonl").write_text("".join(rows), encoding="utf-8")
    _write(out / "failures.json", failures)


def _require(value: str | None, item: Item, what: str) -> str:
    if not value:
        raise InputError("manifest.incomplete", f"item {item.id} has no {what}")
    return value


def _key(
    item: Item, task: str, variant: str, options: SampleOptions, weights: Mapping[str, str]
) -> str:
    spoken = task != "v2a" and variant != "v2a-alone"
    facts = [
        (item.text, item.reference, item.reference_text) if spoken else None,
        item.video,
        item.prompt,
        task,
        variant,
        asdict(options),
        dict(weights),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _read(place: Path) -> dict[str, Any]:
    try:
        found = json.loads(place.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(place: Path, content: Mapping[str, Any]) -> None:
    partial = place.with_name(place.name + ".part")
    partial.write_text(json.dumps(content, indent=0, sort_keys=True), encoding="utf-8")
    partial.replace(place)
