"""The report of a dub: warnings first, a timeline, every line to listen to, and how it was made folded away."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from deepaudio.audio.grid import FRAME_RATE
from deepaudio.reports import plots
from deepaudio.reports.page import Sounds, beside, write_page
from deepaudio.script.speakers import voice_name
from deepaudio.waves import LazyWave

FOLDED = ("loudness", "clip", "voices", "provenance", "weights", "seconds", "versions")
AROUND = 0.4  # seconds of the mix in front of a line and behind it
PIXELS, HEIGHT = 900, 80  # of the timeline: its width, and that of the curves in it
LEAST, NARROW = 8, 640  # pixels a second, and in all, below which the timeline is scrolled


def dub_report(
    path: os.PathLike,
    facts: Mapping[str, Any],
    speech: Float[Tensor, " s"],
    sample_rate: int,
    energy: Float[Tensor, " n"] | None,
    media: Path | None = None,
    *,
    parts: Sequence[Tensor] = (),
    mix: LazyWave | None = None,
    references: Mapping[str, tuple[Tensor, int]] | None = None,
) -> Path:
    """Write the report.

    `facts` is the record beside the output, `speech` the track of speech, `energy` the contour of the video, `media` the finished
    file; `parts` are the lines alone, `mix` the finished sound, `references` those of the voices by the record's names.
    """
    sounds = Sounds()
    voices = [
        {"name": name if name != "*" else "the voice", "id": f"voice-{n}", "key": name}
        | {"sound": sounds.uri(*reference)}
        for n, (name, reference) in enumerate((references or {}).items(), 1)
    ]
    alike = (facts.get("likeness") or {}).get("voices", {})
    voices = [voice | {"alike": alike.get(voice["key"])} for voice in voices if voice["sound"]]
    known = {voice["key"]: voice["id"] for voice in voices}
    cast = ["" if name == "*" else name for name in references or ()]
    lines = [dict(line) for line in facts.get("lines", ())]
    for number, line in enumerate(lines):
        if number < len(parts):
            line["alone"] = sounds.uri(parts[number], sample_rate)
        if mix is not None:
            line["mixed"] = sounds.uri(_around(mix, line), mix.sample_rate)
        who = cast and voice_name(line.get("speaker"), line.get("mood"), cast)
        line["voice"] = known.get(who or "*")
        shown = ("alone", "mixed", "voice", "text", "id")
        line["numbers"] = [(k, _shown(v)) for k, v in line.items() if k not in shown]
    sections = [
        (name, [(key, _shown(value)) for key, value in facts[name].items()])
        for name in FOLDED
        if isinstance(facts.get(name), Mapping)
    ]
    more = f"{sounds.refused} sounds had no room in this page." if sounds.refused else ""
    return write_page(
        path,
        "dub.html",
        title=f"Dub of {_file_name(facts)}",
        media=beside(media, Path(path)),
        warnings=list(facts.get("warnings", ())),
        summary=_summary(facts),
        rule=facts.get("rule", "the script"),
        timeline=_timeline(lines, facts, speech, sample_rate, energy),
        lines=lines,
        voices=voices,
        alike=any(voice["alike"] is not None for voice in voices),
        judge=(facts.get("likeness") or {}).get("judge"),
        unheard=more,
        spectrogram=plots.spectrogram(
            speech, sample_rate, [(x["start"], x["end"], "") for x in lines]
        ),
        sections=sections,
    )


def _around(mix: LazyWave, line: Mapping[str, Any]) -> Tensor:
    first, last = (
        round(t * mix.sample_rate) for t in (line["start"] - AROUND, line["end"] + AROUND)
    )
    return mix.piece(max(0, first), min(last, mix.n_samples))


def _timeline(
    lines: list[dict[str, Any]],
    facts: Mapping[str, Any],
    speech: Tensor,
    rate: int,
    energy: Tensor | None,
) -> dict[str, Any] | None:
    seconds = max(len(speech) / rate, *(line["end"] for line in lines), 0.1)
    width = max(PIXELS, round(LEAST * seconds))
    scale = width / seconds
    x = lambda t: round(t * scale, 1)  # noqa: E731
    bars = [
        {
            "slot": x(line["slot_start"]),
            "slot_width": max(1.0, x(line["slot_end"] - line["slot_start"])),
        }
        | {"x": x(line["start"]), "width": max(1.0, x(line["end"] - line["start"]))}
        | {"over": line.get("overflow", 0) > 0, "label": f"{line['id']}: {line['text']}"}
        for line in lines
    ]
    step = next((s for s in (1, 2, 5, 10, 30, 60, 300, 600) if seconds / s <= width / 60), 3600)
    ticks = [{"x": x(t), "label": _clock(t)} for t in range(0, int(seconds) + 1, step)]
    voice = _points(plots.contour_of(speech, rate), scale, width)
    mouth = None
    if energy is not None and float(energy.max()) > 0:
        mouth = f"0,{HEIGHT} {_points(energy, scale, width)} {width},{HEIGHT}"
    return {"width": width, "least": max(NARROW, round(LEAST * seconds)), "bars": bars} | {
        "ticks": ticks, "voice": voice, "mouth": mouth,
    }  # fmt: skip


def _points(contour: Tensor, scale: float, width: int) -> str:
    """A contour as points of an SVG, two pixels apart, each the highest value there."""
    hop = max(1, round(2 * FRAME_RATE / scale))
    peak = max(float(contour.max()), 1e-6) if len(contour) else 1.0
    pieces = contour.cpu().float().split(hop)
    return " ".join(
        f"{min(width, n * hop / FRAME_RATE * scale):.1f},{HEIGHT * (1 - float(piece.max()) / peak):.1f}"
        for n, piece in enumerate(pieces)
    )


def _clock(second: int) -> str:
    return f"{second // 60}:{second % 60:02d}"


def _summary(facts: Mapping[str, Any]) -> str:
    loudness = facts.get("loudness") or {}
    words = [f"{len(facts.get('lines', ()))} lines"]
    words += [f"{facts['duration']:.2f} s"] if "duration" in facts else []
    words += [f"{loudness['lufs']:.1f} LUFS"] if loudness.get("lufs") is not None else []
    return ", ".join(words)


def _file_name(facts: Mapping[str, Any]) -> str:
    clip = facts.get("clip")
    return os.path.basename(str(clip["file"])) if isinstance(clip, Mapping) else "a clip"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    return f"{value:.3f}" if isinstance(value, float) else str(value)
