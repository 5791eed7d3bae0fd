"""Damage that a container hides: no declared length, clocks that begin late, streams that come late or are empty."""

import itertools
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import av.error
import pytest
import torch

from deepaudio.errors import InputError, ResourceError, ToolError
from deepaudio.media import decode, ffmpeg, guard, verify
from deepaudio.media import mux as muxing
from deepaudio.media.guard import packets
from deepaudio.media.mux import mux
from deepaudio.media.probe import probe
from deepaudio.media.video import frames
from tests.media.conftest import run


def test_a_transport_stream_that_ends_inside_a_packet(corpus, tmp_path):
    path = tmp_path / "cut.ts"
    path.write_bytes(corpus("plain.ts").read_bytes()[: 188 * 200 + 17])
    with pytest.raises(InputError, match="ends inside a packet") as error:
        probe(path)
    assert error.value.code == "clip.truncated"
    assert any("inside a packet" in note for note in probe(path, allow_damaged=True).notes)


def test_matroska_that_begins_late_is_whole(corpus, tmp_path):
    path = tmp_path / "late.mkv"
    run("-i", corpus("plain.mp4"), "-c", "copy", "-output_ts_offset", "5", path)
    info = probe(path)
    assert info.start_time > 4 and info.duration == pytest.approx(2, abs=0.1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="media end"):
        probe(path)


def test_sound_without_a_packet_counts_as_none(corpus, tmp_path):
    path = tmp_path / "empty.mkv"
    line = ["-i", corpus("plain.mp4"), "-map", "0", "-c:v", "copy", "-af", "aselect=0"]
    run(*line, "-c:a", "flac", path)
    info = probe(path)
    assert [stream.kind for stream in info.streams] == ["video", "audio"]
    assert not info.has_audio
    assert any("is empty" in note for note in info.notes)


def test_a_stream_that_the_demuxer_learns_of_too_late():
    class Growing:
        def demux(self):
            yield from ("one", "two")
            raise IndexError("list index out of range")  # what PyAV does at the end

    assert list(packets(Growing())) == ["one", "two"]


def test_damaged_pictures_go_on_when_allowed_and_are_told(corpus, tmp_path, caplog):
    data = bytearray(corpus("plain.mkv").read_bytes())
    for place in range(len(data) // 3, len(data) - 3000, 97):
        data[place] ^= 0x55
    path = tmp_path / "flip.mkv"
    path.write_bytes(data)
    info = probe(path, allow_damaged=True)
    with pytest.raises(InputError, match="damaged frames"):
        list(frames(replace(info, allow_damaged=False)))
    assert 0 < len(list(frames(info))) <= info.n_frames
    assert "damaged frames" in caplog.text


@pytest.mark.parametrize("name", ["fragments.mp4", "plain.mxf"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_what_is_left_of_a_cut_clip_can_be_dubbed(corpus, tmp_path, share, name):
    whole = corpus(name).read_bytes()
    path = tmp_path / f"cut{Path(name).suffix}"
    path.write_bytes(whole[: int(len(whole) * share)])
    info = probe(path, allow_damaged=True)
    made = mux(info, torch.zeros(24_000), 24_000, tmp_path / f"out{path.suffix}")
    assert probe(made.path).n_frames >= info.n_frames - 1 and probe(made.path).has_audio


def test_times_out_of_order_are_blamed_and_can_be_made_anew(corpus, tmp_path, monkeypatch):
    """Two recordings joined without care: the clock begins again in the middle."""
    path = tmp_path / "twice.ts"
    path.write_bytes(2 * corpus("plain.ts").read_bytes())
    info = probe(path)
    assert info.n_unordered == 1 and any("out of order" in note for note in info.notes)
    sound = torch.zeros(24_000)
    made = mux(info, sound, 24_000, tmp_path / "fixed.mkv", remux_fix=True)
    assert probe(made.path).n_frames >= info.n_frames - 1

    def fails(arguments, timeout):
        raise ToolError("ffmpeg.failed", "non monotonically increasing dts")

    monkeypatch.setattr(ffmpeg, "run", fails)
    with pytest.raises(InputError, match="non monotonically") as error:
        mux(info, sound, 24_000, tmp_path / "x.mkv")
    assert "--remux-fix" in error.value.hint
    with pytest.raises(ToolError):
        mux(info, sound, 24_000, tmp_path / "x.mkv", remux_fix=True)


def test_what_fails_with_a_damaged_picture_is_the_fault_of_the_clip(corpus, tmp_path, monkeypatch):
    path = tmp_path / "flipped.ts"
    data = bytearray(corpus("plain.ts").read_bytes())
    for place in range(188 * 40 + 60, len(data), 188 * 9):
        data[place] ^= 0xFF
    path.write_bytes(data)

    def failing(*_):
        raise ResourceError("output.verify", "the file ffmpeg wrote has 7 frames instead of 9")

    monkeypatch.setattr(muxing, "verified", failing)
    with pytest.raises(InputError, match="are damaged: the file ffmpeg wrote has 7") as error:
        mux(path, torch.zeros(24_000), 24_000, tmp_path / "o.mp4")
    assert error.value.code == "clip.damaged"
    with pytest.raises(ResourceError):
        mux(corpus("plain.ts"), torch.zeros(24_000), 24_000, tmp_path / "o.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["flipped.ts"]


def test_sound_that_cannot_be_read_any_further_ends_there(corpus, monkeypatch, caplog):
    """Where the demuxer gives up, the sound before it is used and that is said; what needs the rest says what is wrong."""
    path = corpus("plain.mkv")
    real = guard.opened

    class Broken:
        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def demux(self, *tracks):
            yield from itertools.islice(self.container.demux(*tracks), 40)
            raise av.error.MemoryError(12, "Cannot allocate memory", str(path))

    @contextmanager
    def opened(*given):
        with real(*given) as container:
            yield Broken(container)

    info = probe(path)
    monkeypatch.setattr(decode, "opened", opened)
    with caplog.at_level("WARNING"):
        rate, blocks = decode.read_blocks(path)
        seconds = sum(block.shape[1] for block in blocks) / rate
    assert 0.1 < seconds < 1.9
    assert "its sound ends at damaged data: Cannot allocate memory" in caplog.text
    monkeypatch.setattr(verify, "opened", opened)
    with pytest.raises(InputError, match="reading stopped at damaged data"):
        verify.video_digest(info)
