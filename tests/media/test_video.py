"""Decoded frames: upright, at their times, at fixed rates."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepaudio.errors import InputError
from deepaudio.media import ffmpeg
from deepaudio.media.probe import probe
from deepaudio.media.video import frames, frames_at, frames_at_rates, slots, views

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/clip.mp4"


def chosen(times, fps):
    """Indices of the frames that the slots take."""
    moments = [(Fraction(t).limit_denominator(10**6), i) for i, t in enumerate(times)]
    return [picture for _, _, picture in slots(moments, [fps])]


def test_each_slot_takes_the_first_picture_at_or_after_it():
    assert chosen([i / 25 for i in range(25)], 8) == [0, 4, 7, 10, 13, 16, 19, 22]
    assert chosen([i / 25 for i in range(50)], 25) == list(range(50)), "no drift"
    assert chosen([i / 5 for i in range(5)], 10) == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert chosen([0.033, 0.5, 0.9], 4) == [0, 1, 1, 2]
    assert chosen([0, 0.042, 0.083, 0.125], 24) == [0, 1, 2, 3], "rounded to milliseconds"


def test_frames_have_times_and_pixels(corpus):
    found = list(frames(corpus("plain.mp4")))
    assert [f.time for f in found] == pytest.approx([i / 25 for i in range(50)], abs=1e-6)
    assert found[0].pixels.shape == (64, 96, 3) and found[0].pixels.dtype == torch.uint8
    assert not torch.equal(found[0].pixels, found[25].pixels)


def test_times_count_from_the_start_of_the_clip(corpus):
    info = probe(corpus("plain.ts"))
    assert info.start_time > 1
    assert next(frames(info)).time < 0.05
    assert len(list(frames_at(info, 25))) in (49, 50)
    late = [f.time for f in frames(corpus("late.mkv"))]
    assert late[0] == pytest.approx(0.3, abs=0.03)


def test_window_of_a_long_clip_is_the_same_as_from_the_start(corpus):
    whole = {round(f.time, 3): f.pixels for f in frames(corpus("plain.mp4"))}
    part = list(frames(corpus("plain.mp4"), start=0.8, duration=0.4))
    assert len(part) == 10
    assert all(torch.equal(whole[round(f.time, 3)], f.pixels) for f in part)


def test_seeking_far_into_a_clip(corpus):
    whole = [
        (f.time, f.pixels)
        for f in frames(corpus("long.mp4"), start=0, duration=4.4)
        if f.time >= 3.9
    ]
    part = [(f.time, f.pixels) for f in frames(corpus("long.mp4"), start=3.9, duration=0.5)]
    assert [t for t, _ in part] == [t for t, _ in whole]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(part, whole, strict=True))


def test_rates_in_one_pass_agree_with_single_passes(corpus):
    both = list(frames_at_rates(corpus("ntsc.mp4"), [8, 25], sizes=[(24, 24), None]))
    eight = [f for which, f in both if which == 0]
    assert len(eight) == 16 and eight[0].pixels.shape == (24, 24, 3)
    alone = list(frames_at(corpus("ntsc.mp4"), 25))
    twenty_five = [f for which, f in both if which == 1]
    assert len(alone) == len(twenty_five) == 50
    assert all(torch.equal(a.pixels, b.pixels) for a, b in zip(alone, twenty_five, strict=True))


def test_turned_clip_is_upright(corpus):
    straight = next(frames(corpus("plain.mp4"))).pixels
    turned = next(frames(corpus("rotated.mp4")))
    info = probe(corpus("rotated.mp4"))
    assert turned.pixels.shape == (96, 64, 3)
    assert torch.equal(turned.pixels, torch.rot90(straight, info.rotation // 90, (0, 1)))
    small = next(frames(corpus("rotated.mp4"), size=(32, 48))).pixels
    assert small.shape == (48, 32, 3)


def test_turning_agrees_with_ffmpeg(corpus, tmp_path):
    raw = tmp_path / "x.rgb"
    command = [ffmpeg.executable(), "-nostdin", "-v", "error", "-i", str(corpus("rotated.mp4"))]
    subprocess.run(
        [*command, "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", raw], check=True
    )
    theirs = np.fromfile(raw, np.uint8).reshape(96, 64, 3).astype(int)
    ours = next(frames(corpus("rotated.mp4"))).pixels.numpy().astype(int)
    assert np.abs(theirs - ours).mean() < 3


def test_a_view_is_drawn_at_any_size():
    """Whole and bicubic as `frames` gives it; with `mean` each pixel the mean of what it covers, as of Pillow."""
    frame, view = next(frames(EXAMPLE)), next(views(EXAMPLE))
    assert view.time == frame.time and torch.equal(view.pixels(), frame.pixels)
    assert torch.equal(view.pixels((40, 30)), next(frames(EXAMPLE, size=(40, 30))).pixels)
    means = Image.fromarray(frame.pixels.numpy()).resize((48, 48), Image.Resampling.BOX)
    small = view.pixels((48, 48), mean=True)
    assert (
        np.abs(small.numpy() - np.asarray(means, np.float32)).mean() < 2.5
    )  # it scales before it converts colours
    with ThreadPoolExecutor(4) as threads:  # each has a scaler of its own
        drawn = list(threads.map(lambda n: view.pixels((48 + n % 2, 48)), range(40)))
    assert all(torch.equal(a, b) for a, b in zip(drawn[2:], drawn, strict=False))


def test_hidden_pictures_are_not_shown(corpus):
    info = probe(corpus("cut.mp4"))
    found = [f.time for f in frames(info)]
    assert len(found) == info.n_frames and found[0] >= 0


def test_memory_is_constant(corpus):
    stream = frames(corpus("plain.mp4"))
    next(stream)
    stream.close()  # nothing was read ahead that must be finished


def test_damaged_pictures_are_counted(corpus, tmp_path):
    data = bytearray(corpus("plain.mkv").read_bytes())
    for place in range(len(data) // 4, len(data) - 2000, 400):
        data[place] ^= 0x55
    path = tmp_path / "noise.mkv"
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        list(frames(path))
    assert error.value.code == "clip.damaged" and "--allow-damaged" in error.value.hint
    notes: list[str] = []
    assert len(list(frames(path, allow_damaged=True, notes=notes))) > 10
    assert "damaged frames" in notes[0]
