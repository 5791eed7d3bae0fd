"""When each line is spoken: slots for lines without times, and the pace at which a line fits its slot. Pure."""

import bisect
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from jaxtyping import Float
from torch import Tensor

from deepaudio.script.cue import Line
from deepaudio.script.slots import Slot, assign, proportional, voiced_stretches

GAP = 0.06
"""Seconds left free in front of the next line when one takes the gap behind it."""
LEAST_SEEN = 0.4
"""A mouth that moves for a smaller part of what a line takes says nothing about it."""


@dataclass(frozen=True)
class PlannedLine:
    """A line with the seconds at which its first sound starts and for which it is spoken, within its slot."""

    id: str
    text: str
    speaker: str | None
    start: float
    duration: float
    slot_start: float
    slot_end: float
    speed: float = 1.0
    """Pace, as a factor on that of the voice; beyond the limits only where `overflow` is positive."""
    overflow: float = 0.0
    """Seconds that are missing even at the highest pace: reported, nothing is cut."""
    borrowed: float = 0.0
    """Seconds spoken after the mouth has stopped."""
    mood: str | None = None

    @property
    def end(self) -> float:
        """The second at which its last sound ends."""
        return self.start + self.duration

    def as_dict(self) -> dict[str, object]:
        """All fields and the end, times rounded to the millisecond."""
        values = asdict(self) | {"end": self.end}
        return {k: round(v, 3) if isinstance(v, float) else v for k, v in values.items()}


@dataclass(frozen=True)
class Plan:
    """When each line is spoken on a track of `duration` seconds, the rule that chose it, and what to report."""

    lines: tuple[PlannedLine, ...]
    duration: float
    rule: str
    """Where the slots come from: "script", "voiced stretches", "proportional", joined by "and"."""
    warnings: tuple[str, ...] = ()

    @property
    def overflowing(self) -> tuple[PlannedLine, ...]:
        """Lines that do not fit their slot at the fastest pace."""
        return tuple(line for line in self.lines if line.overflow > 0)


def place(
    lines: Sequence[Line],
    duration: float,
    natural: Sequence[float],
    *,
    energy: Float[Tensor, " n"] | None = None,
    energy_rate: float = 93.75,
    mouth: Callable[[Slot], Slot | None] | None = None,
    min_speed: float,
    max_speed: float,
) -> Plan:
    """Give every line its time in a clip of `duration` seconds; `natural` are the lengths of the speech at its own pace.

    Lines with times keep their starts. Lines without get slots between those: the voiced stretches of `energy` (a contour of
    the whole clip at `energy_rate` Hz), shared by how long each line lasts naturally; without energy in proportion to that.
    A line fills its slot, but is not slowed below min_speed: silence follows it then. One that is too long takes the free gap behind
    the slot, then is quickened up to max_speed; what still does not fit is reported as overflow. `mouth` gives the part of a slot
    in which somebody is seen to speak, if that is known: it takes the place of the slot, and a line that is too long for it is
    quickened first and takes the gap behind it only where max_speed is not enough. Order is kept, no two lines overlap unless the
    script itself lets two speakers overlap, and all are inside the clip, as those with times must be (`check.inside_clip`).
    """
    if len(natural) != len(lines):
        raise ValueError(f"{len(lines)} lines but {len(natural)} natural durations")
    if not 0 < min_speed <= 1 <= max_speed:
        raise ValueError(f"speeds {min_speed} .. {max_speed} do not enclose 1")
    if duration <= 0:
        raise ValueError(f"a clip of {duration} s")
    natural = [max(float(n), 0.05) / line.speed for n, line in zip(natural, lines, strict=True)]
    spaces, rules = _slots(lines, duration, natural, energy, energy_rate, max_speed)
    spaces = _apart(lines, spaces)
    starts = sorted(start for start, _ in spaces)
    planned = []
    for line, space, length in zip(lines, spaces, natural, strict=True):
        later = bisect.bisect_right(starts, space[0])
        limit = min(starts[later] - GAP, duration) if later < len(starts) else duration
        room = max(space[1], limit)
        seen = mouth(space) if mouth else None
        if seen is not None and seen[1] - seen[0] < LEAST_SEEN * length:
            seen = None
        planned.append(_fitted(line, space, seen, room, length, min_speed, max_speed))
    return Plan(tuple(planned), duration, " and ".join(sorted(set(rules))), _late(planned))


def _slots(lines, duration, natural, energy, energy_rate, max_speed):
    """(start, end) of every line and the rule it comes from."""
    spaces: list[tuple[float, float]] = []
    rules: list[str] = []
    stretches = [] if energy is None else voiced_stretches(energy, energy_rate, duration)
    following = _next_starts(lines)
    busy = wish = 0.0  # the end of all slots so far, and of their speech at its own pace
    while len(spaces) < len(lines):
        number = len(spaces)
        if lines[number].timed:
            spaces.append(_timed_slot(lines[number], following[number], duration, natural[number]))
            rules.append("script")
            busy = max(busy, spaces[-1][1])
            wish = max(busy, spaces[-1][0] + natural[number])
            continue
        last = number
        while last < len(lines) and not lines[last].timed:
            last += 1
        wanted = natural[number:last]
        end = lines[last].start if last < len(lines) else duration
        begin = wish + GAP if wish > busy and end - wish - GAP >= sum(wanted) / max_speed else busy
        if end - begin < 0.02 * (last - number):
            message = f"no room between {begin:.2f} s and {end:.2f} s"
            raise lines[number].error(
                "script.no_room", message, "give the lines around it other times"
            )
        inside = [(max(a, begin), min(b, end)) for a, b in stretches if b > begin and a < end]
        inside = [(a, b) for a, b in inside if b - a >= 0.05]
        found = assign(inside, wanted) if inside else None
        rule = "proportional" if found is None else "voiced stretches"
        spaces += proportional(wanted, begin, end) if found is None else found
        rules += [rule] * (last - number)
        busy = wish = spaces[-1][1]
    return spaces, rules


def _next_starts(lines) -> list[float | None]:
    """For each line the start of the next timed line that begins later."""
    found: list[float | None] = []
    later: list[float] = []
    for line in reversed(lines):
        while later and line.timed and later[-1] <= line.start:
            later.pop()
        found.append(later[-1] if later else None)
        if line.timed:
            later.append(line.start)
    return found[::-1]


def _apart(lines, spaces):
    """Slots of one speaker made to end where that speaker's next one begins."""
    made = list(spaces)
    latest: dict[str | None, int] = {}
    for number, line in enumerate(lines):
        before = latest.get(line.speaker)
        if before is not None and made[before][1] > made[number][0]:
            if made[number][0] < made[before][0] + 0.02:
                other = lines[before].id
                raise line.error("script.overlap", f"begins with cue {other} of the same speaker")
            made[before] = made[before][0], made[number][0]
        latest[line.speaker] = number
    return made


def _timed_slot(
    line: Line, following: float | None, duration: float, natural: float
) -> tuple[float, float]:
    """The times of the script; a line with only a start lasts to the next one, or as long as it needs."""
    if line.end is not None:
        return line.start, line.end
    end = min(duration, line.start + natural, duration if following is None else following)
    return line.start, max(end, min(line.start + 0.02, duration))


def _fitted(line, space, seen, room, natural, min_speed, max_speed) -> PlannedLine:
    start, end = seen or space
    length = end - start
    borrowed = 0.0
    if natural < min_speed * length:  # a short text in a long slot: silence follows
        length = natural / min_speed
    elif (
        seen is None and natural > length
    ):  # the free gap behind the slot first, then a quicker pace
        length = min(natural, max(room - start, length))
    elif (
        natural > max_speed * length
    ):  # as fast as may be, then the gap behind the mouth, then the slot before it
        length = natural / max_speed
        start = max(min(start, room - length), min(start, space[0]))
        length = min(length, room - start)
        borrowed = max(0.0, start + length - end)
    speed = natural / length
    overflow = max(0.0, natural / max_speed - length)
    if speed <= max_speed * (1 + 1e-9):
        overflow = 0.0
    return PlannedLine(
        id=line.id,
        text=line.text,
        speaker=line.speaker,
        start=start,
        duration=length,
        slot_start=space[0],
        slot_end=space[1],
        speed=speed * line.speed,
        overflow=overflow,
        borrowed=borrowed,
        mood=line.mood,
    )


def _late(lines: Sequence[PlannedLine]) -> tuple[str, ...]:
    return tuple(
        f"line {line.id} goes on for {line.borrowed:.2f} s after the mouth has stopped"
        for line in lines
        if line.borrowed > 0.005
    )
