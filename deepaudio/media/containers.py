"""What each container can carry, so that a mux is planned before any work is done."""

from dataclasses import dataclass
from pathlib import Path

from deepaudio.errors import InputError
from deepaudio.media.clip import ClipInfo, StreamInfo
from deepaudio.media.sniff import shown_path
from deepaudio.options import DropTracks

TEXT_SUBTITLES = frozenset({"subrip", "ass", "ssa", "webvtt", "mov_text", "text"})
_CHAPTER_TAG = "text"
_BITMAP = frozenset({"dvd_subtitle", "hdmv_pgs_subtitle", "dvb_subtitle"})


@dataclass(frozen=True)
class Container:
    """One muxer of ffmpeg. Empty `video` means every codec."""

    muxer: str
    video: frozenset[str]
    audio: frozenset[str]
    encoders: tuple[str, ...]
    """For the new sound, the first that this ffmpeg has."""
    text: str | None = None
    """What text subtitles become; None if there is no place for them."""
    subtitles: frozenset[str] = frozenset()
    attachments: bool = False
    data_tags: frozenset[str] = frozenset()
    chapters: bool = False
    cover: bool = False
    free_times: bool = True
    """Any presentation times can be written, not only a fixed frame rate."""
    sample_rate: int | None = None
    """The only one that its sound can have."""


@dataclass(frozen=True)
class Planned:
    """One stream of the clip that goes into the output: copied, or a subtitle turned to another text form."""

    stream: StreamInfo
    codec: str = "copy"


@dataclass(frozen=True)
class MuxPlan:
    """Where the output goes and what is in it, known before anything is written."""

    out: Path
    container: Container
    kept: tuple[Planned, ...]
    audio: str
    notes: tuple[str, ...]
    subtitles: bool = False
    """A track with subtitles of the new sound is added."""

    @property
    def sounds(self) -> list[Planned]:
        """The tracks of the clip that stay behind the new sound."""
        return [p for p in self.kept if p.stream.kind == "audio"]

    @property
    def texts(self) -> list[Planned]:
        """The subtitle tracks of the clip that stay."""
        return [p for p in self.kept if p.stream.kind == "subtitle"]


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_MP4 = Container(
    muxer="mp4",
    video=_names("h264 hevc av1 vp9 vvc mpeg4 mpeg1video mpeg2video mjpeg png"),
    audio=_names("aac mp3 mp2 ac3 eac3 alac flac opus dts"),
    encoders=("aac",),
    text="mov_text",
    subtitles=_names("mov_text dvd_subtitle"),
    data_tags=_names("gpmd"),
    chapters=True,
    cover=True,
)
_MOV = Container(
    muxer="mov",
    video=_MP4.video
    | _names("prores dnxhd rawvideo qtrle dvvideo h263 jpeg2000 ffv1 svq3 cinepak rle"),
    audio=_names(
        "aac mp3 ac3 eac3 alac pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_f32le"
    ),
    encoders=("aac",),
    text="mov_text",
    subtitles=_names("mov_text"),
    data_tags=_names("gpmd"),
    chapters=True,
    cover=True,
)
_MKV = Container(
    muxer="matroska",
    video=frozenset(),
    audio=_names(
        "aac mp3 mp2 ac3 eac3 alac flac opus vorbis dts truehd tta wavpack pcm_s16le pcm_s24le pcm_s32le pcm_f32le pcm_u8"
    ),
    encoders=("flac",),
    text="subrip",
    subtitles=_names("subrip ass ssa webvtt") | _BITMAP,
    attachments=True,
    chapters=True,
)
_WEBM = Container(
    muxer="webm",
    video=_names("vp8 vp9 av1"),
    audio=_names("opus vorbis"),
    encoders=("libopus", "libvorbis"),
    text="webvtt",
    subtitles=_names("webvtt"),
    chapters=True,
)
_TS = Container(
    muxer="mpegts",
    video=_names("h264 hevc mpeg1video mpeg2video mpeg4"),
    audio=_names("aac mp3 mp2 ac3 eac3 opus dts"),
    encoders=("aac",),
    subtitles=_names("dvb_subtitle dvb_teletext"),
)
_PS = Container(
    muxer="vob",
    video=_names("mpeg1video mpeg2video"),
    audio=_names("mp2 mp3 ac3"),
    encoders=("mp2",),
    free_times=False,
)
_AVI = Container(
    muxer="avi",
    video=_names(
        "mpeg4 mjpeg msmpeg4v3 msmpeg4v2 h263 rawvideo huffyuv ffv1 dvvideo mpeg1video mpeg2video"
    ),
    audio=_names("mp3 mp2 ac3 pcm_s16le"),
    encoders=(
        "pcm_s16le",
    ),  # no edit lists: the delay of an MP3 encoder would move sound and frames
    free_times=False,
)
_ASF = Container(
    muxer="asf",
    video=_names("wmv1 wmv2 wmv3 vc1 msmpeg4v3 mpeg4 mpeg1video mpeg2video"),
    audio=_names("wmav1 wmav2 mp3 aac"),
    encoders=("wmav2",),
)
_FLV = Container(
    muxer="flv", video=_names("h264 flv1 vp6f"), audio=_names("aac mp3"), encoders=("aac",)
)
_OGG = Container(
    muxer="ogg",
    video=_names("theora"),
    audio=_names("vorbis opus flac"),
    encoders=("libopus", "libvorbis"),
)

_MXF = Container(
    muxer="mxf",
    video=_names("mpeg2video h264 dnxhd prores jpeg2000 dvvideo"),
    audio=_names("pcm_s16le pcm_s24le"),
    encoders=("pcm_s24le",),
    free_times=False,
    sample_rate=48_000,
)

BY_SUFFIX = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".f4v": _MP4,
    ".3gp": _MP4,
    ".3g2": _MP4,
    ".mov": _MOV,
    ".qt": _MOV,
    ".mkv": _MKV,
    ".webm": _WEBM,
    ".ts": _TS,
    ".m2ts": _TS,
    ".mts": _TS,
    ".mpg": _PS,
    ".mpeg": _PS,
    ".mpe": _PS,
    ".vob": _PS,
    ".avi": _AVI,
    ".divx": _AVI,
    ".mk3d": _MKV,
    ".wmv": _ASF,
    ".asf": _ASF,
    ".flv": _FLV,
    ".ogv": _OGG,
    ".ogg": _OGG,
    ".mxf": _MXF,
}


def plan(
    info: ClipInfo,
    out: Path,
    *,
    audio: str = "replace",
    strict: bool = False,
    drop: DropTracks = "none",
    subtitles: bool = False,
) -> MuxPlan:
    """Decide the container and the fate of every stream; pure. With `subtitles` a track of text is added: InputError where there is no place for it.

    A video that the asked container cannot carry moves the output to `.mkv` (under `strict`: InputError); every other
    stream that has to be converted or left out is named in the notes (under `strict`: InputError).
    """
    notes: list[str] = []
    box = BY_SUFFIX.get(out.suffix.lower())
    if box is None:
        known = " ".join(sorted(BY_SUFFIX))
        message = f"no container known for {shown_path(out.name)!r}"
        raise InputError(
            "output.container", message, f"give -o a name that ends with one of: {known}"
        )
    reason = _obstacle(info, box)
    if reason:
        if strict:
            raise InputError("output.codec", f"{out.suffix}: {reason}", "write to .mkv")
        out, box = out.with_suffix(".mkv"), _MKV
        notes.append(f"{reason}; written as {shown_path(out.name)}")
    if subtitles and box.text is None:
        message = f"{box.muxer} has no place for subtitles"
        hint = "write to .mp4, .mkv or .webm, or take --subtitles FILE.srt"
        raise InputError("output.subtitles", message, hint)
    kept: list[Planned] = []
    if info.n_hidden and box not in (_MP4, _MOV):
        notes.append(
            f"{info.n_hidden} frames that an edit list hides become visible in {box.muxer}"
        )
    for stream in info.streams:
        if _unwanted(stream, info, audio, drop):
            continue
        planned, word = _fate(stream, info, box)
        if planned is not None:
            kept.append(planned)
        if word and strict:
            raise InputError("output.stream", f"stream {stream.index}: {word}", "write to .mkv")
        if word:
            notes.append(f"stream {stream.index} ({stream.codec}): {word}")
    if info.n_chapters and not box.chapters:
        notes.append(f"{info.n_chapters} chapters are left out: no place for them in {box.muxer}")
    return MuxPlan(out, box, tuple(kept), audio, tuple(notes), subtitles)


def _obstacle(info: ClipInfo, box: Container) -> str | None:
    codec = info.stream(info.video_stream).codec
    if box.video and codec not in box.video:
        return f"{box.muxer} cannot carry {codec} frames"
    if box is _MXF and codec == "h264" and info.format != "mxf":
        return "mxf takes h264 frames only from another mxf"  # ffmpeg refuses long groups of frames
    if box is _MXF and info.allow_damaged and info.notes:
        return "mxf takes whole frames alone"
    if info.format == "avi" and box is _AVI:
        return None  # frames that were dropped leave gaps in its fixed grid, which stay
    if info.variable_frame_rate and not box.free_times and box is not _PS:
        return f"{box.muxer} cannot carry a variable frame rate"
    return None


def _unwanted(stream: StreamInfo, info: ClipInfo, audio: str, drop: DropTracks) -> bool:
    """The sound that the new one replaces, and what was asked to be left out."""
    if stream.index == info.audio_stream:
        return audio == "replace"
    return drop in ("all", stream.kind) and stream.kind in ("audio", "subtitle")


def _fate(stream: StreamInfo, info: ClipInfo, box: Container) -> tuple[Planned | None, str | None]:
    """What happens to a stream, and the words for the report if something is lost."""
    if stream.kind == "video":
        if stream.attached_picture:
            return (Planned(stream), None) if box.cover else (None, "cover image left out")
        if box.video and stream.codec not in box.video:
            return None, f"second video stream left out: not possible in {box.muxer}"
        return Planned(stream), None
    if stream.kind == "audio":
        if stream.codec in box.audio and stream.channels:
            return Planned(stream), None
        if stream.channels:
            words = f"audio track encoded anew as {box.encoders[0]} for {box.muxer}"
            return Planned(stream, "encode"), words
        return None, "audio track left out: it cannot be read"
    if stream.kind == "subtitle":
        if stream.codec in box.subtitles:
            return Planned(stream), None
        if stream.codec in TEXT_SUBTITLES and box.text:
            return Planned(stream, box.text), f"subtitles converted to {box.text}"
        return None, f"subtitles left out: not possible in {box.muxer}"
    if stream.kind == "attachment":
        return (Planned(stream), None) if box.attachments else (None, "attachment left out")
    if stream.tag == _CHAPTER_TAG and info.n_chapters:
        return None, None  # the chapters themselves, seen as a track
    if stream.tag == "tmcd" and box in (_MP4, _MOV):
        return None, None  # written anew from the stream's time code tag
    if stream.tag in box.data_tags:
        return Planned(stream), None
    return None, f"{stream.kind} track {stream.tag or stream.codec!r} left out"
