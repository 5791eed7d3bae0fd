"""When each line is spoken: the script's own times, the slots of a clip, or one line after the other."""

from collections.abc import Callable
from dataclasses import replace
from os import PathLike

from jaxtyping import Float
from torch import Tensor

from deepaudio import script as scripts
from deepaudio.audio.grid import FRAME_RATE
from deepaudio.audio.timing import active_span
from deepaudio.errors import InputError
from deepaudio.options import FitOptions
from deepaudio.script import Script, check, fit
from deepaudio.script.cue import Skipped
from deepaudio.script.fit import Plan, PlannedLine

LONGEST = 12 * 3600.0  # seconds of speech without a clip: all of it lies in memory, 4 GB


def as_script(transcript: str | PathLike | Script, **options) -> Script:
    """The script itself, or what `deepaudio.script.read` makes of a file or text."""
    return transcript if isinstance(transcript, Script) else scripts.read(transcript, **options)


def plan_lines(
    script: Script,
    natural_duration: Callable[[str], float],
    duration: float | None,
    energy: Float[Tensor, " n"] | None,
    original: Float[Tensor, " m"] | None,
    options: FitOptions,
    margin: float = 0.0,
) -> Plan:
    """Slots in a clip of `duration` seconds, or without a clip the lines at their own pace.

    Lines without times take the voiced stretches of what the video shows; where it shows no speech, those of the
    clip's own audio. Within its slot a line is spoken while somebody is seen to speak. `natural_duration` is that of
    the speech from its first sound to its last, `margin` the quiet that a voice keeps around it.
    Raises InputError for a line outside the clip (without `clamp`), and when the whole script cannot be spoken within the clip
    even at the fastest pace.
    """
    if duration is None:
        return in_sequence(script, natural_duration, options, margin)
    warnings: list[str] = []
    skipped: list[Skipped] = []
    lines = check.inside_clip(list(script.lines), duration, options.clamp, warnings, skipped)
    script = replace(script, lines=tuple(lines))
    lines = [line for line in script.lines if line.dub]
    natural = [natural_duration(line.text) for line in lines]
    _check_length(script, natural, duration, options)
    witness, name = energy, "the video"
    if (energy is None or not float(energy.max()) > 0) and original is not None:
        witness, name = original, "the original audio"
    placed = fit.place(
        lines,
        duration,
        natural,
        energy=witness,
        mouth=None if energy is None else lambda slot: _spoken_part(energy, slot),
        min_speed=options.min_speed,
        max_speed=options.max_speed,
    )
    rule = placed.rule.replace("voiced stretches", f"voiced stretches of {name}")
    return replace(placed, rule=rule, warnings=(*warnings, *placed.warnings))


def _spoken_part(
    energy: Float[Tensor, " n"], slot: tuple[float, float]
) -> tuple[float, float] | None:
    """Seconds of a slot in which the contour of the video is not silent; None where all of it is."""
    first = round(slot[0] * FRAME_RATE)
    part = energy[first : round(slot[1] * FRAME_RATE)]
    if len(part) == 0 or not float(part.max()) > 0:
        return None
    begin, end = active_span(part)
    start = max(slot[0], (first + begin) / FRAME_RATE)
    return start, max(start, min(slot[1], (first + end) / FRAME_RATE))


def _check_length(
    script: Script, natural: list[float], duration: float, options: FitOptions
) -> None:
    """InputError when lines that share the clip need more than the clip, each speaker by itself."""
    needed: dict[str | None, float] = {}
    for line, seconds in zip((x for x in script.lines if x.dub), natural, strict=True):
        key = line.speaker if script.timed else None
        needed[key] = needed.get(key, 0.0) + seconds / line.speed
    longest = max(needed.values(), default=0.0) / options.max_speed
    if longest > duration:
        message = (
            f"the script needs {longest:.1f} s even at {options.max_speed:g} times its natural pace, "
            f"and the clip lasts {duration:.1f} s"
        )
        hint = "shorten the script, or raise --max-speed"
        raise InputError("script.too_long", message, hint, needed=round(longest, 3))


def in_sequence(
    script: Script,
    natural_duration: Callable[[str], float],
    options: FitOptions,
    margin: float = 0.0,
) -> Plan:
    """Every line at its natural pace; a timed line waits for its time, the others for a pause. InputError beyond LONGEST."""
    clock, lines, notes = margin, [], []
    for line in script.lines:
        length = natural_duration(line.text) / line.speed
        start = clock if line.start is None else max(clock, line.start)
        if line.start is not None and start > line.start + 0.05:
            notes.append(
                f"cue {line.id} starts {start - line.start:.2f} s late: the line before is longer"
            )
        lines.append(
            PlannedLine(
                line.id,
                line.text,
                line.speaker,
                start,
                length,
                start,
                start + length,
                line.speed,
                mood=line.mood,
            )
        )
        clock = start + length + options.pause
    rule = "the script's times" if script.timed else "one line after the other"
    end = lines[-1].start + lines[-1].duration + margin if lines else 0.0
    if end > LONGEST:
        message = f"line {lines[-1].id} would end {end / 3600:.1f} h from the start; at most {LONGEST / 3600:.0f} h"
        raise InputError("script.too_long", message, "split the script, or move its times")
    return Plan(tuple(lines), end, rule, tuple(notes))
