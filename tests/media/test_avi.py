"""AVI as exact as other containers: frames and sound at the places of the source, as ffmpeg itself decodes both."""

import subprocess

import numpy as np
import pytest
import torch

from deepaudio.media import ffmpeg
from deepaudio.media.audio import read_wave
from deepaudio.media.mux import mux
from tests.media.conftest import run

pytestmark = pytest.mark.slow
EXACT = 0.010
CLICK = "aevalsrc='if(between(t,1,1.002),0.9,0)':d=3:s=48000"
DROPPED = ("-vf", "select='lt(mod(n,7),4)'", "-fps_mode", "passthrough")
CLIPS = {
    "mpeg4 and mp3": (25, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "mjpeg and pcm": (25, "-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "b-frames": (25, "-c:v", "mpeg4", "-bf", "2", "-c:a", "libmp3lame"),
    "packed b-frames": (25, "-c:v", "libxvid", "-bf", "2", "-c:a", "libmp3lame"),
    "film": ("24000/1001", "-c:v", "mpeg4", "-bf", "2", "-c:a", "mp2"),
    "ntsc": ("30000/1001", "-c:v", "mpeg4", "-c:a", "ac3"),
    "dropped frames": (25, *DROPPED, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "dropped b-frames": (25, *DROPPED, "-enc_time_base", "1:25", "-c:v", "mpeg4", "-bf", "2", "-c:a", "ac3"),
    "no sound": (25, "-an", "-c:v", "mjpeg"),
}  # fmt: skip


@pytest.fixture(params=CLIPS)
def avi(request, tmp_path):
    rate, *codecs = CLIPS[request.param]
    path = tmp_path / "clip.avi"
    picture = f"testsrc2=size=96x64:rate={rate}:duration=3"
    run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", CLICK, *codecs, path)
    return path


def pictures(path):
    """Times and digests of the decoded frames."""
    line = [ffmpeg.executable(), "-v", "error", "-i", path, "-map", "0:v:0"]
    line += ["-f", "framemd5", "-fps_mode", "passthrough", "-"]
    rows = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    base = next(row for row in rows if row.startswith("#tb 0")).split()[-1].split("/")
    cells = [row.split(",") for row in rows if not row.startswith("#")]
    return [int(c[2]) * int(base[0]) / int(base[1]) for c in cells], [c[-1] for c in cells]


def loudest(path, track=0):
    """Seconds at which the loudest sample is heard, with gaps filled and counted from the start of the file."""
    line = [ffmpeg.executable(), "-v", "error", "-i", path, "-map", f"0:a:{track}", "-ac", "1"]
    line += ["-af", "aresample=48000:async=1:first_pts=0", "-f", "f32le", "-"]
    samples = np.frombuffer(subprocess.run(line, capture_output=True, check=True).stdout, "<f4")
    return int(np.abs(samples).argmax()) / 48_000


def test_frames_and_the_new_sound_are_in_place(avi, tmp_path):
    click = torch.zeros(3 * 24_000)
    click[2 * 24_000] = 0.9
    made = mux(avi, click, 24_000, tmp_path / "out.avi")
    assert made.path.suffix == ".avi"
    (before, seen), (after, shown) = pictures(avi), pictures(made.path)
    assert shown == seen and len(seen) > 40
    assert after == pytest.approx(before, abs=EXACT)
    assert loudest(made.path) == pytest.approx(2.0, abs=EXACT)


@pytest.mark.parametrize("avi", [name for name in CLIPS if name != "no sound"], indirect=True)
def test_the_sound_of_the_clip_stays_in_place_as_a_track_and_as_a_bed(avi, tmp_path):
    original = loudest(avi)
    added = mux(avi, torch.zeros(3 * 24_000), 24_000, tmp_path / "added.avi", audio="add")
    assert loudest(added.path, 1) == pytest.approx(original, abs=EXACT)
    bed = read_wave(avi, tmp_path, what="clip")
    mixed = mux(avi, bed, bed.sample_rate, tmp_path / "mixed.avi")
    assert loudest(mixed.path) == pytest.approx(original, abs=EXACT)
