"""A generated corpus of small clips: every container and oddity that the tests need, made once per run."""

import functools
import subprocess
from pathlib import Path

import pytest

from deepaudio.media import ffmpeg

PICTURE = "testsrc2=duration={seconds}:size=96x64:rate={rate}"
SOUND = "sine=frequency=440:duration={seconds}:sample_rate=48000"
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "12", "-pix_fmt", "yuv420p")
FAST_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "200k")

SUBTITLE = "1\n00:00:00,200 --> 00:00:00,900\nHello\n\n2\n00:00:01,000 --> 00:00:01,500\nBye\n"
CHAPTERS = (
    ";FFMETADATA1\ntitle=A clip\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=800\ntitle=One\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=800\nEND=2000\ntitle=Two\n"
)


def run(*arguments: object) -> None:
    """ffmpeg with these arguments; its words are the test's failure."""
    command = [ffmpeg.executable(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


class Corpus:
    """Clips by name, made when first asked for."""

    def __init__(self, folder: Path):
        self.folder = folder

    @functools.cache  # noqa: B019 - one corpus for the whole run
    def __call__(self, name: str) -> Path:
        path = self.folder / name
        getattr(self, name.replace(".", "_"))(path)
        assert path.stat().st_size > 0
        return path

    def _encode(self, path, *options, seconds=2, rate=25, sound=True):
        line = ["-f", "lavfi", "-i", PICTURE.format(seconds=seconds, rate=rate)]
        if sound:
            line += ["-f", "lavfi", "-i", SOUND.format(seconds=seconds)]
        run(*line, *options, path)

    def plain_mp4(self, path):
        self._encode(path, *H264, "-c:a", "aac", "-movflags", "+faststart")

    def tail_mp4(self, path):
        self._encode(path, *H264, "-c:a", "aac")

    def fragments_mp4(self, path):
        self._encode(path, *H264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov")

    def plain_mkv(self, path):
        self._encode(path, *H264, "-c:a", "libvorbis")

    def plain_mov(self, path):
        self._encode(path, *H264, "-c:a", "pcm_s16le")

    def plain_ts(self, path):
        self._encode(path, *H264, "-c:a", "aac")

    def plain_webm(self, path):
        self._encode(path, *FAST_VP9, "-c:a", "libopus")

    def plain_avi(self, path):
        self._encode(path, "-c:v", "mpeg4", "-c:a", "libmp3lame")

    def plain_mpg(self, path):
        self._encode(path, "-c:v", "mpeg1video", "-c:a", "mp2")

    def plain_mxf(self, path):
        self._encode(path, "-c:v", "mpeg2video", "-bf", "2", "-c:a", "pcm_s16le")

    def camera_mxf(self, path):
        self._encode(path, *H264, "-g", "1", "-bf", "0", "-c:a", "pcm_s24le")

    def silent_mp4(self, path):
        self._encode(path, *H264, sound=False)

    def ntsc_mp4(self, path):
        self._encode(path, *H264, "-c:a", "aac", rate="30000/1001")

    def surround_mkv(self, path):
        self._encode(
            path, *H264, "-af", "pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0", "-c:a", "flac"
        )

    def vfr_mp4(self, path):
        drop = "select='lt(mod(n,7),4)'"
        self._encode(path, "-vf", drop, "-fps_mode", "vfr", *H264, "-c:a", "aac")

    def late_mkv(self, path):
        run(
            "-itsoffset",
            "0.3",
            "-i",
            self("silent.mp4"),
            "-i",
            self("plain.mp4"),
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c",
            "copy",
            path,
        )

    def cut_mp4(self, path):
        """An edit list that hides the frames between the last key frame and the cut."""
        run("-ss", "0.76", "-i", self("plain.mp4"), "-c", "copy", path)

    def rotated_mp4(self, path):
        turned = self.folder / "turned.mp4"
        run("-i", self("plain.mp4"), "-c", "copy", "-f", "mp4", turned)
        data = bytearray(turned.read_bytes())
        _rotate(data)
        path.write_bytes(data)

    def cover_mp4(self, path):
        image = self.folder / "cover.png"
        run("-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1", image)
        run(
            "-i",
            self("plain.mp4"),
            "-i",
            image,
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
            "-disposition:v:1",
            "attached_pic",
            path,
        )

    def rich_mkv(self, path):
        """Chapters, subtitles, an attachment, two languages of sound."""
        (self.folder / "s.srt").write_text(SUBTITLE)
        (self.folder / "c.txt").write_text(CHAPTERS)
        (self.folder / "font.ttf").write_bytes(b"not really a font" * 20)
        run(
            "-i", self("plain.mp4"), "-i", self.folder / "s.srt", "-i", self.folder / "c.txt",
            "-map", "0:v", "-map", "0:a", "-map", "0:a", "-map", "1", "-map_metadata", "2", "-map_chapters", "2",
            "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fre", "-metadata:s:s:0", "language=ger",
            "-attach", self.folder / "font.ttf", "-metadata:s:t", "mimetype=font/ttf", "-c", "copy", path,
        )  # fmt: skip

    def chapters_mp4(self, path):
        run(
            "-i",
            self("rich.mkv"),
            "-map",
            "0:v",
            "-map",
            "0:a",
            "-map",
            "0:s",
            "-c",
            "copy",
            "-c:s",
            "mov_text",
            path,
        )

    def gap_mkv(self, path):
        """Sound that is missing between 0.5 and 1.2 s."""
        gap = "aselect='not(between(t,0.5,1.2))'"
        self._encode(path, *H264, "-af", gap, "-c:a", "flac")

    def sound_wav(self, path):
        run("-f", "lavfi", "-i", SOUND.format(seconds=2), "-ac", "2", path)

    def sound_mp3(self, path):
        run("-i", self("sound.wav"), "-c:a", "libmp3lame", path)

    def sound_m4a(self, path):
        run("-i", self("sound.wav"), "-c:a", "aac", path)

    def sound_opus(self, path):
        run("-i", self("sound.wav"), "-c:a", "libopus", "-f", "ogg", path)

    def long_mp4(self, path):
        self._encode(path, *H264, seconds=5, sound=False)

    def frame_mp4(self, path):
        self._encode(path, "-frames:v", "1", *H264, sound=False)

    def short_mp4(self, path):
        self._encode(path, "-t", "0.08", *H264, sound=False)


def _rotate(data: bytearray) -> None:
    """A quarter turn in the track header of the first video track (ISO 14496-12, 8.3.2)."""
    place = data.index(b"tkhd") + 4 + 40  # version 0
    unit, perspective = (1 << 16).to_bytes(4, "big"), (1 << 30).to_bytes(4, "big")
    minus = (-(1 << 16)).to_bytes(4, "big", signed=True)
    zero = bytes(4)
    data[place : place + 36] = zero + unit + zero + minus + zero + zero + zero + zero + perspective


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"))
