"""The fit planner: known layouts, and invariants over random scripts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepaudio.errors import InputError
from deepaudio.script.cue import Line
from deepaudio.script.fit import place as place_lines
from deepaudio.script.slots import voiced_stretches

RATE = 93.75
MIN_SPEED, MAX_SPEED = 0.85, 1.3


def place(lines, duration, natural, min_speed=MIN_SPEED, max_speed=MAX_SPEED, **more):
    return place_lines(lines, duration, natural, min_speed=min_speed, max_speed=max_speed, **more)


def line(number, start=None, end=None, speaker=None, speed=1.0):
    return Line(str(number), start, end, speaker, "some words", speed=speed)


def contour(duration, *stretches):
    energy = torch.zeros(round(duration * RATE))
    for start, end in stretches:
        energy[round(start * RATE) : round(end * RATE)] = 0.8
    return energy


def test_voiced_stretches_are_found_to_a_frame_or_two():
    found = voiced_stretches(contour(10, (1, 3.2), (4.5, 5.5), (5.6, 6), (9.9, 9.93)), RATE, 10)
    assert len(found) == 2, found  # the gap of 0.1 s is closed, 0.03 s is too short
    assert found[0] == pytest.approx((1, 3.2), abs=0.06)
    assert found[1] == pytest.approx((4.5, 6), abs=0.06)


def test_silence_and_nan_have_no_stretches():
    assert voiced_stretches(torch.zeros(900), RATE, 10) == []
    assert voiced_stretches(torch.full((900,), float("nan")), RATE, 10) == []
    assert voiced_stretches(torch.zeros(0), RATE, 10) == []


def test_each_line_takes_the_stretch_of_its_length():
    energy = contour(10, (1, 3), (4.5, 5.5), (6.5, 9.5))
    plan = place([line(i) for i in range(3)], 10, [2, 1, 3], energy=energy)
    assert plan.rule == "voiced stretches"
    starts = [p.start for p in plan.lines]
    assert starts == pytest.approx([1, 4.5, 6.5], abs=0.06)


def test_two_lines_share_a_long_stretch_and_a_line_spans_two_short_ones():
    energy = contour(10, (0.5, 4.5), (6, 7), (7.5, 8.5))
    plan = place([line(i) for i in range(3)], 10, [2, 2, 2.4], energy=energy)
    starts = [p.start for p in plan.lines]
    assert starts == pytest.approx([0.5, 2.5, 6], abs=0.08)


def test_without_energy_slots_are_in_proportion():
    plan = place([line(0), line(1)], 9, [1, 2])
    assert plan.rule == "proportional"
    assert [(p.slot_start, p.slot_end) for p in plan.lines] == [(0, 3), (3, 9)]
    assert plan.lines[0].duration == pytest.approx(1 / MIN_SPEED)


def test_timed_line_takes_the_free_gap_before_it_is_quickened():
    plan = place([line(0, 1, 2), line(1, 4, 5)], 10, [1.5, 1])
    assert plan.lines[0].end == pytest.approx(2.5)
    assert plan.lines[0].speed == pytest.approx(1.0)


def test_overflow_is_reported_and_nothing_else_moves():
    plan = place([line(0, 1, 2), line(1, 2, 3)], 3, [2.6, 1])
    first, second = plan.lines
    assert first.end <= second.start == 2
    assert first.overflow == pytest.approx(2.6 / MAX_SPEED - first.duration)


def test_line_with_only_a_start_lasts_as_it_needs():
    plan = place([line(0, 1), line(1, 8)], 10, [3, 3])
    assert [(p.start, p.end) for p in plan.lines] == [(1, 4), (8, 10)]


def test_untimed_lines_lie_between_timed_ones():
    plan = place([line(0, 0, 2), line(1), line(2, 8, 9)], 10, [2, 1, 1])
    assert (plan.lines[1].slot_start, plan.lines[1].slot_end) == (2, 8)
    assert plan.rule == "proportional and script"


def seen(start, end):
    return {"mouth": lambda slot: (max(start, slot[0]), min(end, slot[1]))}


def test_a_line_is_spoken_while_the_mouth_moves():
    placed = place([line(0, 1, 4)], 10, [2], **seen(1.5, 3.6)).lines[0]
    assert (placed.start, placed.end) == (1.5, 3.6) and (placed.slot_start, placed.slot_end) == (
        1,
        4,
    )
    assert placed.speed == pytest.approx(2 / 2.1) and placed.borrowed == 0


def test_a_line_too_long_for_the_mouth_is_quickened_before_it_takes_the_gap_behind():
    quick = place([line(0, 1, 4)], 10, [2.5], **seen(1.5, 3.5)).lines[0]
    assert (quick.start, quick.end, quick.speed) == (1.5, 3.5, 1.25)
    longer = place([line(0, 1, 4)], 10, [3.25], **seen(1.5, 3.5)).lines[0]
    assert longer.speed == pytest.approx(MAX_SPEED) and longer.overflow == 0
    assert (longer.start, longer.end) == pytest.approx((1.5, 4.0))
    assert longer.borrowed == pytest.approx(0.5)


def test_where_no_gap_is_left_behind_the_mouth_the_line_begins_sooner_in_its_slot():
    first = place([line(0, 1, 4), line(1, 4.06, 6)], 10, [3.25, 1], **seen(2.0, 4.0)).lines[0]
    assert first.end == pytest.approx(4.0) and first.start == pytest.approx(1.5)
    assert first.overflow == 0 and first.speed == pytest.approx(MAX_SPEED)
    lost = place([line(0, 1, 4), line(1, 4.06, 6)], 10, [5.2, 1], **seen(2.0, 4.0)).lines[0]
    assert (lost.start, lost.end) == pytest.approx((1, 4)) and lost.overflow == pytest.approx(1)


def test_a_mouth_that_moves_for_a_moment_says_nothing():
    placed = place([line(0, 1, 4)], 10, [3], **seen(2.0, 2.5)).lines[0]
    assert (placed.start, placed.end) == (1, 4)


def test_no_room_is_an_error_with_the_line():
    with pytest.raises(InputError, match="no room"):
        place([line(0, 0, 5), line(1), line(2, 5, 9)], 10, [5, 1, 4])


def test_speed_of_a_line_is_kept():
    plan = place([line(0, 1, 2.9, speed=1.0), line(1, 4, 9, speed=2.0)], 10, [1.9, 4])
    assert plan.lines[1].duration == 2.0 / MIN_SPEED and plan.lines[1].speed == 2 * MIN_SPEED


@st.composite
def scripts(draw):
    duration = draw(st.floats(1, 60))
    count = draw(st.integers(1, 9))
    natural = draw(st.lists(st.floats(0.05, 8), min_size=count, max_size=count))
    marks = sorted(draw(st.lists(st.floats(0, 1), min_size=2 * count, max_size=2 * count)))
    voices = draw(st.lists(st.sampled_from("AB"), min_size=count, max_size=count))
    timed = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    lines = []
    for number in range(count):
        start, end = (duration * m for m in marks[2 * number : 2 * number + 2])
        if not timed[number] or end - start < 0.1:
            lines.append(line(number, speaker=voices[number]))
        else:
            lines.append(line(number, start, end, voices[number]))
    spans = draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=6))
    energy = contour(duration, *[(duration * min(s), duration * max(s)) for s in spans])
    return lines, duration, natural, draw(st.sampled_from([None, energy]))


@settings(max_examples=120, deadline=None)
@given(scripts())
def test_order_bounds_speeds_and_no_overlap(case):
    lines, duration, natural, energy = case
    try:
        plan = place(lines, duration, natural, energy=energy)
    except InputError as error:
        assert error.code == "script.no_room"
        return
    assert [p.id for p in plan.lines] == [line.id for line in lines]
    for placed, length, wish in zip(plan.lines, natural, lines, strict=True):
        assert -1e-9 <= placed.start < placed.end <= duration + 1e-9
        assert placed.speed * placed.duration == pytest.approx(max(length, 0.05))
        assert placed.speed >= MIN_SPEED - 1e-9
        if placed.overflow == 0:
            assert placed.speed <= MAX_SPEED * (1 + 1e-6)
        else:
            wanted = max(length, 0.05) / MAX_SPEED - placed.duration
            assert placed.overflow == pytest.approx(wanted, abs=1e-6)
        if wish.timed:
            assert placed.start == wish.start
    for before, after in zip(plan.lines, plan.lines[1:], strict=False):
        assert before.end <= after.start + 1e-6
