"""Muxing: the video's packets are the input's, the sound lies where it should, and files appear whole or not at all."""

import errno
import os
import subprocess
import time
from pathlib import Path

import imageio_ffmpeg
import pytest
import torch

from deepaudio.errors import InputError, ResourceError, ToolError, UsageError
from deepaudio.media import ffmpeg
from deepaudio.media import mux as muxing
from deepaudio.media.audio import read_audio
from deepaudio.media.mux import mux
from deepaudio.media.probe import probe
from deepaudio.media.verify import video_digest

pytestmark = pytest.mark.slow

MEDIA = Path(__file__).resolve().parents[2].parent / "shared" / "media"
RATE = 24_000


def pulse(seconds=2.0, at=1.0):
    """Silence with a short tone at one second."""
    waveform = torch.zeros(round(seconds * RATE))
    seconds = torch.arange(round(0.1 * RATE)) / RATE
    begin = round(at * RATE)
    waveform[begin : begin + seconds.numel()] = 0.5 * torch.sin(2 * torch.pi * 1000 * seconds)
    return waveform


def begins(path):
    """Second at which the tone of `pulse` begins."""
    sound = read_audio(path, RATE)
    return float((sound.abs() > 0.1).nonzero()[0]) / RATE


def framemd5(path):
    """Size and hash of each packet of the video, and their times."""
    command = [ffmpeg.executable(), "-nostdin", "-v", "error", "-i", str(path), "-map", "0:v:0"]
    done = subprocess.run(
        [*command, "-c", "copy", "-f", "framemd5", "-"], capture_output=True, text=True
    )
    rows = [row.split(",") for row in done.stdout.splitlines() if not row.startswith("#")]
    assert rows, done.stderr
    return [(r[4].strip(), r[5].strip()) for r in rows], [int(r[2]) for r in rows]


@pytest.mark.parametrize(
    "name",
    ["plain.mp4", "fragments.mp4", "plain.mkv", "plain.mov", "plain.webm", "silent.mp4", "vfr.mp4",
     "rotated.mp4", "ntsc.mp4", "cut.mp4", "late.mkv", "surround.mkv", "plain.mpg", "plain.mxf", "camera.mxf"],
)  # fmt: skip
def test_same_container_keeps_packets_and_times(corpus, tmp_path, name):
    given = corpus(name)
    before = given.read_bytes()
    done = mux(given, pulse(), RATE, tmp_path / f"out{given.suffix}")
    assert done.path == tmp_path / f"out{given.suffix}"
    packets, times = framemd5(given)
    made_packets, made_times = framemd5(done.path)
    assert made_packets == packets
    if name not in ("plain.mpg", "late.mkv", "plain.mkv", "plain.webm", "surround.mkv"):
        assert made_times == times
    info, made = probe(given), probe(done.path)
    assert made.n_frames == info.n_frames and made.rotation == info.rotation
    assert made.fps == pytest.approx(info.fps, rel=2e-3)
    first = info.streams[info.video_stream].start - info.start_time
    offset = made.streams[made.video_stream].start - made.start_time - first
    assert abs(begins(done.path) - 1.0 - offset) < 0.02, "audio against video"
    assert given.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"out{given.suffix}"]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("plain.mp4", ".mkv"),
        ("plain.mp4", ".ts"),
        ("plain.ts", ".mp4"),
        ("plain.mpg", ".mp4"),
        ("plain.mkv", ".mov"),
        ("plain.mxf", ".mov"),
        ("camera.mxf", ".mp4"),
    ],
)
def test_other_container_keeps_every_picture(corpus, tmp_path, name, suffix):
    info = probe(corpus(name))
    done = mux(info, pulse(), RATE, tmp_path / f"out{suffix}")
    made = probe(done.path)
    assert made.n_frames == info.n_frames
    first = info.streams[info.video_stream].start - info.start_time
    offset = made.streams[made.video_stream].start - made.start_time - first
    assert abs(begins(done.path) - 1.0 - offset) < 0.04


def test_sound_is_padded_to_the_picture_and_never_cut(corpus, tmp_path):
    short = mux(corpus("plain.mp4"), pulse(1.2), RATE, tmp_path / "short.mp4")
    assert read_audio(short.path, RATE).numel() == pytest.approx(2 * RATE, abs=1100)
    long = mux(corpus("plain.mp4"), pulse(3.5), RATE, tmp_path / "long.mp4")
    assert read_audio(long.path, RATE).numel() >= 3.5 * RATE - 1100
    assert probe(long.path).n_frames == 50


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_slow_picture_lasts_until_its_end(tmp_path, suffix):
    """One frame in two seconds: the last begins well before the clip ends."""
    given = tmp_path / f"slides{suffix}"
    source = ["-f", "lavfi", "-i", "testsrc=r=0.5:s=64x48:d=6", "-pix_fmt", "yuv420p"]
    command = [ffmpeg.executable(), "-nostdin", "-v", "error", *source, str(given)]
    subprocess.run(command, check=True)
    made = mux(given, pulse(6.0), RATE, tmp_path / f"o{suffix}")
    assert probe(made.path).n_frames == 3 and begins(made.path) == pytest.approx(1.0, abs=0.03)


def test_stereo_and_rates(corpus, tmp_path):
    stereo = torch.stack([pulse(), -pulse()])
    made = probe(mux(corpus("plain.mp4"), stereo, RATE, tmp_path / "o.mp4").path)
    assert (made.stream(1).channels, made.stream(1).sample_rate) == (2, RATE)
    made = probe(mux(corpus("plain.mp4"), torch.zeros(88_200), 44_100, tmp_path / "p.mp4").path)
    assert made.stream(1).sample_rate == 44_100


def test_added_sound_is_first_and_default(corpus, tmp_path):
    out = tmp_path / "o.mkv"
    mux(corpus("rich.mkv"), pulse(), RATE, out, audio="add", language="deu", title="Deutsch")
    sounds = [s for s in probe(out).streams if s.kind == "audio"]
    assert [s.default for s in sounds] == [True, False, False]
    assert [s.language for s in sounds] == [
        "ger" if sounds[0].language == "ger" else "deu",
        "eng",
        "fre",
    ]
    assert [s.title for s in sounds] == ["Deutsch", "Original", None]
    assert [s.codec for s in sounds[1:]] == ["aac", "aac"]


def test_other_streams_are_kept(corpus, tmp_path):
    out = tmp_path / "o.mkv"
    done = mux(corpus("rich.mkv"), pulse(), RATE, out)
    made = probe(out)
    kinds = ["video", "audio", "audio", "subtitle", "attachment"]
    assert [s.kind for s in made.streams] == kinds, "the second audio track is not the one in use"
    assert made.n_chapters == 2
    assert made.stream(3).language == "ger"
    done = mux(corpus("rich.mkv"), pulse(), RATE, tmp_path / "o.mp4")
    made = probe(done.path)
    assert made.n_chapters == 2
    assert "mov_text" in [s.codec for s in made.streams]
    assert any("attachment" in note for note in done.losses)
    done = mux(corpus("chapters.mp4"), pulse(), RATE, tmp_path / "p.mp4")
    assert probe(done.path).n_chapters == 2
    cover = probe(mux(corpus("cover.mp4"), pulse(), RATE, tmp_path / "q.mp4").path)
    assert [s.attached_picture for s in cover.streams if s.kind == "video"] == [False, True]


def test_picture_that_the_container_cannot_carry_goes_to_mkv(corpus, tmp_path):
    done = mux(corpus("plain.mp4"), pulse(), RATE, tmp_path / "o.webm")
    assert done.path == tmp_path / "o.mkv"
    assert "webm cannot carry h264" in done.losses[-1]
    done = mux(corpus("plain.mp4"), pulse(), RATE, tmp_path / "o.mxf")
    assert done.path == tmp_path / "o.mkv" and "only from another mxf" in done.losses[-1]
    with pytest.raises(InputError) as error:
        mux(corpus("plain.mp4"), pulse(), RATE, tmp_path / "s.webm", strict=True)
    assert error.value.code == "output.codec"
    with pytest.raises(InputError) as error:
        mux(corpus("plain.mp4"), pulse(), RATE, tmp_path / "o.xyz")
    assert error.value.code == "output.container"


def test_output_that_is_an_input_is_refused(corpus, tmp_path):
    given = tmp_path / "in.mp4"
    given.write_bytes(corpus("plain.mp4").read_bytes())
    os.link(given, tmp_path / "hard.mp4")
    (tmp_path / "soft.mp4").symlink_to(given)
    for name in ("in.mp4", "hard.mp4", "soft.mp4", "../" + tmp_path.name + "/in.mp4"):
        with pytest.raises(UsageError) as error:
            mux(given, pulse(), RATE, tmp_path / name)
        assert error.value.code == "output.is_input"
    assert given.read_bytes() == corpus("plain.mp4").read_bytes()


def test_bad_output_places(corpus, tmp_path):
    for out, code in (
        (tmp_path / "no" / "o.mp4", "output.no_folder"),
        (tmp_path / ("x" * 300 + ".mp4"), "output.name"),
        (tmp_path / "con.mp4", "output.name"),
    ):
        with pytest.raises(InputError) as error:
            mux(corpus("plain.mp4"), pulse(), RATE, out)
        assert error.value.code == code
    (tmp_path / "d.mp4").mkdir()
    with pytest.raises(InputError):
        mux(corpus("plain.mp4"), pulse(), RATE, tmp_path / "d.mp4")


def test_not_finite_sound_is_never_written(corpus, tmp_path):
    with pytest.raises(ValueError, match="NaN"):
        mux(corpus("plain.mp4"), torch.full((RATE,), float("nan")), RATE, tmp_path / "o.mp4")
    assert not list(tmp_path.iterdir())


def fake_ffmpeg(tmp_path, monkeypatch, script):
    """A program in place of ffmpeg that runs these lines of shell; `$last` is the output."""
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    real = ffmpeg.executable()
    program.write_text(
        f'#!/bin/sh\nfor last; do :; done\nlast="${{last#file:}}"\n'
        f'case "$*" in *-encoders*) exec {real} "$@";; esac\n{script}\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("DEEPAUDIO_FFMPEG", str(program))
    ffmpeg.executable.cache_clear()
    ffmpeg.encoders.cache_clear()
    return real


@pytest.fixture
def fresh_ffmpeg():
    yield
    ffmpeg.executable.cache_clear()
    ffmpeg.encoders.cache_clear()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("exit 0", ResourceError),
        ("echo garbage > $last; exit 0", ResourceError),
        ("head -c 3000 {clip} > $last; exit 0", ResourceError),
        ("cp {clip} $last; exit 0", ResourceError),  # no new sound in it: another frame count
        ("echo 'No space left on device' >&2; exit 1", ResourceError),
        ("echo '[31mboo' >&2; exit 187", ToolError),
    ],
)
def test_failing_writer_leaves_everything_as_it_was(
    corpus, tmp_path, monkeypatch, fresh_ffmpeg, script, kind
):
    out = tmp_path / "o.mp4"
    out.write_bytes(b"older result")
    clip = corpus("silent.mp4") if "cp" in script else corpus("plain.mp4")
    fake_ffmpeg(tmp_path, monkeypatch, script.format(clip=clip))
    with pytest.raises(kind) as error:
        mux(corpus("plain.mp4"), pulse(), RATE, out)
    assert "\x1b" not in error.value.message
    assert out.read_bytes() == b"older result"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin", "o.mp4"]


def test_hanging_ffmpeg_is_killed_with_its_children(corpus, tmp_path, monkeypatch, fresh_ffmpeg):
    mark = tmp_path / "child"
    fake_ffmpeg(tmp_path, monkeypatch, f"sleep 300 & echo $! > {mark}; wait")
    with pytest.raises(ResourceError) as error:
        ffmpeg.run(["-i", "x"], timeout=1.5)
    assert error.value.code == "ffmpeg.timeout"
    state = Path(f"/proc/{int(mark.read_text())}/stat")
    for _ in range(100):  # the kernel may need a moment
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the child of ffmpeg is still there")


def test_missing_ffmpeg_is_named(monkeypatch, fresh_ffmpeg):
    monkeypatch.setenv("DEEPAUDIO_FFMPEG", "/nowhere/ffmpeg")
    ffmpeg.executable.cache_clear()
    with pytest.raises(ToolError) as error:
        ffmpeg.executable()
    assert "/nowhere/ffmpeg" in error.value.message


def test_full_disk_is_a_resource_error(corpus, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(muxing, "write_floats", fail)
    with pytest.raises(ResourceError) as error:
        mux(corpus("plain.mp4"), pulse(), RATE, tmp_path / "o.mp4")
    assert error.value.code == "disk.full"
    assert not list(tmp_path.iterdir())


def test_clip_that_changes_meanwhile_fails(corpus, tmp_path, monkeypatch):
    given = tmp_path / "in.mp4"
    given.write_bytes(corpus("plain.mp4").read_bytes())
    info = probe(given)
    os.utime(given, (5, 5))
    with pytest.raises(InputError) as error:
        mux(info, pulse(), RATE, tmp_path / "o.mp4")
    assert error.value.code == "clip.changed"
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(
    "name",
    ["-y.mp4", "http:a.mp4", "a %d '[b]\".mp4", "nl\n.mp4", "日本.mp4", os.fsdecode(b"\xfe.mp4")],
)
def test_names(corpus, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    Path("in", name).write_bytes(corpus("plain.mp4").read_bytes())
    assert mux(Path("in", name), pulse(), RATE, name).path == tmp_path / name
    assert video_digest(tmp_path / name) == video_digest(corpus("plain.mp4"))


def test_bundled_ffmpeg_does_it_too(corpus, tmp_path, monkeypatch, fresh_ffmpeg):
    bundled = imageio_ffmpeg.get_ffmpeg_exe()
    monkeypatch.setenv("DEEPAUDIO_FFMPEG", bundled)
    ffmpeg.executable.cache_clear()
    ffmpeg.encoders.cache_clear()
    for name in ("plain.mp4", "plain.mkv", "cut.mp4", "plain.webm", "rotated.mp4"):
        done = mux(corpus(name), pulse(), RATE, tmp_path / name)
        assert video_digest(done.path) == video_digest(corpus(name))
        assert probe(done.path).rotation == probe(corpus(name)).rotation


@pytest.mark.skipif(not MEDIA.is_dir(), reason="no folder with real media beside the repository")
@pytest.mark.parametrize(
    "name",
    ["video_talk/OpenTalker__video-retalking__1.mp4", "video_talk/rizkiarm__LipNet__lbax4n.mpg",
     "video_talk/roudimit__whisper-flamingo__demo_640.mp4", "video_foley/hkchengrex__MMAudio__F8Zt3mYlOqU_000094.mp4"],
)  # fmt: skip
def test_real_clips(tmp_path, name):
    given = MEDIA / name
    info = probe(given)
    done = mux(info, pulse(), RATE, tmp_path / f"o{given.suffix}")
    assert framemd5(done.path)[0] == framemd5(given)[0]
    assert probe(done.path).duration == pytest.approx(info.duration, abs=0.06)
