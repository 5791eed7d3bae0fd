"""Frame sampling by hand: which frames the slots take, and how much of a clip is covered."""

import pytest
import torch

from deepaudio.encoders.frame_sampling import covered, sampled, sync_input


def chosen(times, rate, duration=100.0):
    return [index for _, index in sampled(times, [rate], duration)]


def test_same_rate_takes_every_frame():
    assert chosen([k / 8 for k in range(16)], 8) == list(range(16))


def test_fast_clips_skip_and_slow_clips_repeat():
    assert chosen([k / 24 for k in range(24)], 8) == [0, 3, 6, 9, 12, 15, 18, 21]
    assert chosen([0.0, 0.5, 1.0], 8) == [0, 1, 1, 1, 1, 2, 2, 2, 2]


def test_a_late_first_frame_fills_the_slots_before_it():
    assert chosen([0.25, 0.5], 8) == [0, 0, 0, 1, 1]


def test_a_frame_just_before_its_slot_waits_for_the_next():
    assert chosen([0.0, 0.124, 0.126, 0.25], 8) == [0, 2, 3]


def test_both_rates_in_one_pass_and_an_end():
    times = [k / 25 for k in range(50)]
    pairs = list(sampled(times, [8.0, 25.0], 1.0))
    assert sum(which == 0 for which, _ in pairs) == 9
    # slot times are summed in floating point: 6 x 0.04 lies just above 6 / 25, so that slot takes the next frame
    assert [index for which, index in pairs if which == 1][:9] == [0, 1, 2, 3, 4, 5, 7, 7, 8]
    assert [index for _, index in pairs] == sorted(index for _, index in pairs)


@pytest.mark.parametrize(
    ("requested", "n_clip", "n_sync", "duration", "frames"),
    [
        (8.0, 64, 200, 8.0, (64, 200)),
        (8.0, 65, 201, 8.0, (64, 200)),
        (8.0, 30, 100, 3.75, (30, 93)),
        (8.0, 64, 99, 3.96, (31, 99)),
    ],
)
def test_coverage_is_the_shorter_stream(requested, n_clip, n_sync, duration, frames):
    found = covered(requested, n_clip, n_sync)
    assert found.duration == pytest.approx(duration)
    assert (found.n_clip, found.n_sync) == frames


def test_segments_of_short_clips():
    assert covered(0.6, 5, 15).sync_segments == 0
    assert covered(0.64, 6, 16).sync_segments == 1
    assert covered(8.0, 64, 200).sync_segments == 24


def test_sync_input_keeps_the_aspect_and_range():
    frames = torch.full((2, 100, 300, 3), 255, dtype=torch.uint8)
    frames[:, :, :80] = 0  # outside the centre square
    prepared = sync_input(frames)
    assert prepared.shape == (2, 3, 224, 224)
    assert prepared.min() == prepared.max() == 1.0
