"""Probing: what is reported for good clips, and one clear InputError for every bad one."""

import os
import random
import socket
import struct
import threading
from pathlib import Path

import pytest

from deepaudio.errors import DeepAudioError, InputError, ResourceError
from deepaudio.media.clip import Limits
from deepaudio.media.probe import probe
from deepaudio.media.sniff import kind_of
from deepaudio.media.video import frames
from tests.media.conftest import run

MEDIA = Path(__file__).resolve().parents[2].parent / "shared" / "media"

GOOD = {
    "plain.mp4": (25, 50, "h264"),
    "tail.mp4": (25, 50, "h264"),
    "fragments.mp4": (25, 50, "h264"),
    "plain.mkv": (25, 50, "h264"),
    "plain.mov": (25, 50, "h264"),
    "plain.ts": (25, 50, "h264"),
    "plain.webm": (25, 50, "vp9"),
    "plain.avi": (25, 50, "mpeg4"),
    "plain.mxf": (25, 50, "mpeg2video"),
    "camera.mxf": (25, 50, "h264"),
    "plain.mpg": (25, 50, "mpeg1video"),
    "ntsc.mp4": (29.97, 60, "h264"),
}


def refused(path, code, **options):
    with pytest.raises(InputError) as error:
        probe(path, **options)
    assert error.value.code == code, error.value.message
    return error.value


@pytest.mark.parametrize("name", GOOD)
def test_good_clips(corpus, name):
    fps, n_frames, codec = GOOD[name]
    info = probe(corpus(name))
    assert info.fps == pytest.approx(fps, rel=0.03 if name == "plain.avi" else 2e-3)
    assert info.n_frames == n_frames
    assert info.duration == pytest.approx(n_frames / fps, abs=0.09)
    assert (info.width, info.height, info.rotation) == (96, 64, 0)
    assert info.stream(info.video_stream).codec == codec
    assert info.has_audio and not info.variable_frame_rate
    assert sum(1 for _ in frames(info)) == n_frames


def test_oddities(corpus):
    assert not probe(corpus("silent.mp4")).has_audio
    assert "the clip has no audio" in probe(corpus("silent.mp4")).notes
    assert probe(corpus("vfr.mp4")).variable_frame_rate
    turned = probe(corpus("rotated.mp4"))
    assert (turned.width, turned.height) == (64, 96) and turned.rotation in (90, 270)
    cut = probe(corpus("cut.mp4"))
    assert cut.n_hidden > 0 and cut.duration == pytest.approx(1.24, abs=0.05)
    assert probe(corpus("cover.mp4")).stream(0).codec == "h264"
    assert probe(corpus("cover.mp4")).n_frames == 50
    rich = probe(corpus("rich.mkv"))
    assert rich.n_chapters == 2
    assert [s.kind for s in rich.streams] == ["video", "audio", "audio", "subtitle", "attachment"]
    assert any("2 audio streams" in note for note in rich.notes)
    assert probe(corpus("rich.mkv"), audio_stream=1).audio_stream == 2
    assert probe(corpus("surround.mkv")).stream(1).channels == 6


def test_streams_that_are_not_there(corpus):
    refused(corpus("rich.mkv"), "clip.audio_stream", audio_stream=5)
    refused(corpus("rich.mkv"), "clip.video_stream", video_stream=1)


def test_paths(tmp_path):
    refused(tmp_path / "no.mp4", "clip.missing")
    refused(tmp_path, "clip.directory")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone")
    assert "dangling" in refused(tmp_path / "link.mp4", "clip.missing").message
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "clip.empty")
    refused("a\0b.mp4", "clip.missing")
    refused("/dev/zero", "clip.not_a_file")
    os.mkfifo(tmp_path / "fifo.mp4")
    refused(tmp_path / "fifo.mp4", "clip.not_a_file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_no_permission(tmp_path):
    path = tmp_path / "locked.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    refused(path, "clip.unreadable")


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (random.Random(1).randbytes(5000), "unknown data"),
        (b"Dear diary, nothing happened.\n" * 20, "text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "a PNG image"),
        (b"\xff\xd8\xff\xe0" + bytes(500), "a JPEG image"),
        (b"GIF89a" + bytes(500), "a GIF image"),
        (b"%PDF-1.7" + bytes(500), "a PDF document"),
        (b"PK\x03\x04" + bytes(500), "a zip archive"),
        (bytes(5000), "nothing but zero bytes"),
    ],
)
def test_other_files_named_mp4(tmp_path, content, looks):
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    assert f"looks like {looks}" in refused(path, "clip.not_media").message


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{relative}'\n",
        "file '{relative}'\n",
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{target}</BaseURL></MPD>',
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n",
        "[playlist]\nFile1={target}\n",
        "\ufeff\n\n#EXTM3U\nhttp://127.0.0.1:{port}/x.ts\n",
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8"])
def test_playlists_open_no_other_file_or_host(corpus, tmp_path, text, suffix):
    canary = tmp_path / "canary.ts"
    canary.write_bytes(corpus("plain.ts").read_bytes())
    os.utime(canary, (1, 1))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    seen = []

    def listen():
        try:
            seen.append(listener.accept())
        except TimeoutError:
            return

    thread = threading.Thread(target=listen)
    thread.start()
    path = tmp_path / f"evil{suffix}"
    port = listener.getsockname()[1]
    path.write_text(text.format(target=canary, relative=canary.name, port=port))
    refused(path, "clip.playlist")
    thread.join()
    listener.close()
    assert not seen
    assert canary.stat().st_atime == 1, "the canary was read"


def test_audio_only_names_the_right_command(corpus):
    for name in ("sound.wav", "sound.m4a", "sound.opus"):
        assert "deepaudio tts" in refused(corpus(name), "clip.audio_only").hint


def test_too_short(corpus):
    for name in ("frame.mp4", "short.mp4"):
        assert "at least 0.2 s" in refused(corpus(name), "clip.too_short").message


def test_truncated(corpus, tmp_path):
    whole = corpus("tail.mp4").read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    assert "moov atom not found" in refused(path, "clip.truncated").message
    whole = corpus("plain.mp4").read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    assert "bytes early" in refused(path, "clip.truncated").message
    assert any("bytes early" in note for note in probe(path, allow_damaged=True).notes)
    for name in ("plain.mkv", "plain.avi", "plain.mxf"):
        whole = corpus(name).read_bytes()
        path = tmp_path / name
        path.write_bytes(whole[: len(whole) // 2])
        words = refused(path, "clip.truncated").message
        assert any(said in words for said in ("declares 2", "bytes early", "its footer begins"))
        info = probe(path, allow_damaged=True)
        assert 0 < info.duration < 1.8 and info.notes


def test_a_subtitle_may_be_shown_for_longer_than_the_film_lasts(corpus, tmp_path):
    """Matroska counts it in the duration that it declares; what is missing of such a film is still found."""
    titles, long = tmp_path / "long.srt", tmp_path / "long.mkv"
    titles.write_text("1\n00:00:00,500 --> 00:00:09,000\nThe end\n")
    run("-i", corpus("plain.mkv"), "-i", titles, "-map", 0, "-map", 1, "-c", "copy", long)
    assert probe(long).duration == probe(corpus("plain.mkv")).duration
    long.write_bytes(long.read_bytes()[: long.stat().st_size // 2])
    assert "declares 2" in refused(long, "clip.truncated").message


def test_every_truncation_gives_a_result_or_one_clear_error(corpus, tmp_path):
    for name in ("plain.mp4", "fragments.mp4", "plain.mkv", "plain.ts", "plain.mpg", "plain.mxf"):
        whole = corpus(name).read_bytes()
        for share in (0.002, 0.03, 0.3, 0.6, 0.999):
            path = tmp_path / f"cut{Path(name).suffix}"
            path.write_bytes(whole[: int(len(whole) * share) or 1])
            try:
                info = probe(path, allow_damaged=True)
                assert sum(1 for _ in frames(info, allow_damaged=True)) > 0
            except DeepAudioError as error:
                assert error.message and "\n" not in error.message


def test_bit_flips_give_pictures_or_one_clear_error(corpus, tmp_path):
    rng = random.Random(7)
    damaged = 0
    for name in ("plain.mp4", "plain.mkv", "plain.ts", "plain.webm", "plain.mxf"):
        whole = corpus(name).read_bytes()
        for flips in (3, 200):
            data = bytearray(whole)
            for _ in range(flips):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path = tmp_path / f"flip{Path(name).suffix}"
            path.write_bytes(data)
            try:
                notes: list[str] = []
                assert sum(1 for _ in frames(path, notes=notes)) > 0
                damaged += bool(notes)
            except DeepAudioError as error:
                assert error.message
                damaged += 1
    assert damaged > 2, "the flips were not noticed at all"


def test_external_data_reference_is_refused(corpus, tmp_path):
    data = bytearray(corpus("plain.mp4").read_bytes())
    place = data.index(b"url ", data.index(b"dref"))
    data[place + 4 : place + 8] = struct.pack(">I", 0)  # flag 1 means: in this file
    path = tmp_path / "dref.mp4"
    path.write_bytes(data)
    assert "another file" in refused(path, "clip.external_data").message


def test_an_index_of_millions_in_a_small_file_is_refused(corpus, tmp_path):
    data = bytearray(corpus("plain.mp4").read_bytes())
    place = data.index(b"stsz") + 8
    data[place : place + 8] = struct.pack(">II", 20, 80_000_000)
    path = tmp_path / "crowded.mp4"
    path.write_bytes(data)
    assert "more samples than" in refused(path, "clip.limits").message


def test_encrypted_is_refused(corpus, tmp_path):
    path = tmp_path / "drm.mp4"
    data = (
        corpus("plain.mp4").read_bytes().replace(b"avc1\0\0\0\0\0\0\0\1", b"encv\0\0\0\0\0\0\0\1")
    )
    path.write_bytes(data)
    refused(path, "clip.encrypted")


def test_limits(corpus):
    refused(corpus("plain.mp4"), "clip.limits", limits=Limits(max_side=50))
    refused(corpus("plain.mp4"), "clip.limits", limits=Limits(max_fps=10))
    refused(corpus("plain.mp4"), "clip.limits", limits=Limits(max_duration=1))
    refused(corpus("surround.mkv"), "clip.limits", limits=Limits(max_channels=2))
    refused(corpus("rich.mkv"), "clip.limits", limits=Limits(max_streams=2))
    with pytest.raises(ResourceError, match="50 frames of 96x64"):
        probe(corpus("plain.mp4"), limits=Limits(max_decoded_pixels=50 * 96 * 64 - 1))


def test_sizes_that_lie(corpus, tmp_path):
    data = bytearray(corpus("plain.mp4").read_bytes())
    place = data.index(b"avc1\0\0\0\0\0\0\0\1") + 4 + 24
    data[place : place + 4] = struct.pack(">HH", 65535, 65535)
    path = tmp_path / "huge.mp4"
    path.write_bytes(data)
    info = probe(path)  # the video itself says 96x64, and the decoder believes it
    assert (info.width, info.height) == (96, 64)
    assert next(frames(info)).pixels.shape == (64, 96, 3)


@pytest.mark.parametrize(
    "name",
    ["-i.mp4", "http:x.mp4", "a b'\"[x]%d.mp4", "nl\n.mp4", "🎬é.mp4", os.fsdecode(b"bad\xff.mp4")],
)
def test_names(corpus, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(corpus("plain.mp4").read_bytes())
    assert probe(name).n_frames == 50
    Path(name).write_bytes(b"text")
    shown = refused(name, "clip.not_media").message
    assert shown.isprintable()


def test_sniffing_is_by_content():
    assert kind_of(b"\x1aE\xdf\xa3abc") == "matroska"
    assert kind_of(b"RIFF\0\0\0\0AVI LIST") == "avi"
    assert kind_of(b"RIFF\0\0\0\0WAVEfmt ") == "wav"
    assert kind_of((b"\x47" + bytes(187)) * 5) == "mpeg-ts"
    assert kind_of(b"\0\0\0\x18ftypavif") == "an image"
    assert kind_of(b"\xff\xfe#\0E\0X\0T\0M\x003\0U\0") != "text"


@pytest.mark.skipif(not MEDIA.is_dir(), reason="no folder with real media beside the repository")
def test_real_clips():
    paths = sorted(p for p in MEDIA.glob("video_*/*") if p.suffix in (".mp4", ".mpg"))
    assert len(paths) > 30
    for path in paths[::3]:
        info = probe(path)
        assert info.n_frames > 20 and info.has_audio and 10 < info.fps < 31, path.name
        assert 0.8 < info.duration < 40


def test_a_codec_whose_tag_is_no_letters(corpus, tmp_path):
    """AAC in AVI is called 0xff."""
    path = tmp_path / "aac.avi"
    run("-i", corpus("plain.avi"), "-c:v", "copy", "-c:a", "aac", path)
    info = probe(path)
    assert info.stream(info.audio_stream).codec == "aac"
    assert info.stream(info.audio_stream).tag == ""
