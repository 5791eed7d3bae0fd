"""A quick listen: some lines, part of the clip, several takes of a line."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from deepaudio.discover import suggest
from deepaudio.dubbing.jobs import Choice, DubJob, Part
from deepaudio.errors import InputError, UsageError
from deepaudio.media import ffmpeg
from deepaudio.media.clip import ClipInfo
from deepaudio.media.guard import opened, packets
from deepaudio.media.output import temporary
from deepaudio.media.probe import probe
from deepaudio.notices import Notices
from deepaudio.script import Line, Script


@dataclass(frozen=True)
class Excerpt:
    """What is dubbed: a clip, its script, which takes of which lines, and the second of the whole clip at which it begins."""

    info: ClipInfo
    script: Script
    wanted: Mapping[str, tuple[int, ...]] | None
    """Takes by id of a line, the one of the mix first; None: every line once."""
    start: float = 0.0

    def heard(self, lines: Sequence[Line]) -> list[Line]:
        """Without the lines that are not chosen."""
        return [x for x in lines if not x.dub or self.wanted is None or x.id in self.wanted]


def check_choice(job: DubJob) -> None:
    """UsageError for takes that have no place to go to, and for files that tell of the whole clip."""
    if job.choice.takes > 1 and job.extras.stems is None:
        raise UsageError("takes.stems", "--takes needs --stems DIR, where the takes are written")
    if job.part is not None and job.extras.emit_script is not None:
        message = "--emit-script is for the whole clip, not for --from and --to"
        raise UsageError("part.emit_script", message, "leave one of them out")


def _takes(script: Script, choice: Choice) -> Mapping[str, tuple[int, ...]] | None:
    if choice == Choice():
        return None
    ids = [line.id for line in script.lines if line.dub]
    only = _chosen(choice.only, ids) if choice.only else ids
    for name, _ in choice.taken:
        if name not in only:
            raise _unknown(name, only, "--take")
    taken = dict(choice.taken)
    every = range(1, choice.takes + 1)
    return {id: (first := taken.get(id, 1), *(n for n in every if n != first)) for id in only}


def _chosen(text: str, ids: list[str]) -> list[str]:
    """The ids that `2,5-7` names, in the order of the script."""
    found: set[str] = set()
    for word in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = word.partition("-")
        if word in ids:
            found.add(word)
            continue
        if not (dash and first.strip().isdecimal() and last.strip().isdecimal()):
            raise _unknown(word, ids, "--only")
        low, high = int(first), int(last)
        inside = {id for id in ids if id.isdecimal() and low <= int(id) <= high}
        if not inside:
            raise _unknown(word, ids, "--only")
        found |= inside
    if not found:
        raise UsageError("choice.only", f"--only '{text}' names no line", "e.g. --only 2,5-7")
    return [id for id in ids if id in found]


def _unknown(word: str, ids: list[str], option: str) -> UsageError:
    known = f"{ids[0]} to {ids[-1]}" if len(ids) > 8 else ", ".join(ids)
    hint = suggest(word, ids) if len(word) > 3 else f"lines: {known}"
    return UsageError("choice.line", f"{option}: no line '{word}' is dubbed here", hint)


@contextmanager
def excerpt(
    info: ClipInfo, script: Script, job: DubJob, folder: Path, notices: Notices
) -> Iterator[Excerpt]:
    """The clip itself, or the part that the job asks for as a file in `folder` that goes when the block ends.

    UsageError for a line that is not there. The part begins at the last frame before `part.start` at which a copy can begin, and ends behind the last line that begins in it.
    """
    part = job.part
    if part is None:
        yield Excerpt(info, script, _takes(script, job.choice))
        return
    lines, end = _inside(info, script, part)
    wanted = _takes(replace(script, lines=tuple(lines)), job.choice)
    begin = _key_frame(info, part.start)
    path = temporary(folder / "part.mkv")
    try:
        _cut(info, begin, end, path)
        cut = replace(probe(path), notes=info.notes)
        offset = begin - _first_frame(cut)
        shifted = [_shifted(line, offset, cut.duration) for line in lines]
        yield Excerpt(cut, replace(script, lines=tuple(shifted)), wanted, round(offset, 3))
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
    if begin < part.start - 0.5 / info.fps:
        notices.note(f"the part begins at {begin:.2f} s, where a copy of the video can begin")


def _inside(info: ClipInfo, script: Script, part: Part) -> tuple[list[Line], float]:
    """The lines that begin in the part, and where it ends. InputError where there are none or they have no times."""
    stop = info.duration if part.end is None else min(part.end, info.duration)
    if part.start >= info.duration:
        message = f"--from {part.start:g}: the clip ends at {info.duration:.2f} s"
        raise InputError("part.outside", message)
    untimed = next((line for line in script.lines if not line.timed), None)
    if untimed is not None:
        hint = "--dry-run --emit-script lines.json gives them times; dub that with --from and --to"
        raise untimed.error("part.times", "a part of the clip needs a line's time", hint)
    lines = [line for line in script.lines if part.start <= line.start < stop]
    if not lines:
        message = f"no line begins between {part.start:.2f} and {stop:.2f} s"
        raise InputError("part.empty", message, "see --dry-run for the times of the lines")
    return lines, min(info.duration, max(stop, *(line.end or 0.0 for line in lines)))


def _shifted(line: Line, offset: float, duration: float) -> Line:
    end = None if line.end is None else min(line.end - offset, duration)
    return replace(line, start=line.start - offset, end=end)


def _key_frame(info: ClipInfo, second: float) -> float:
    """The last key frame of the video that is shown at that second or before."""
    found = 0.0
    with opened(info.path) as container:
        for packet in packets(container, container.streams[info.video_stream]):
            if packet.is_keyframe and packet.pts is not None:
                shown = float(packet.pts * packet.time_base) - info.start_time
                if shown > second + 1e-6:
                    break
                found = max(found, shown)
    return found


def _first_frame(info: ClipInfo) -> float:
    """When the first frame of the video is shown."""
    with opened(info.path) as container:
        track = container.streams[info.video_stream]
        times = (p.pts * p.time_base for p in packets(container, track) if p.pts is not None)
        return float(min(times)) - info.start_time


def _cut(info: ClipInfo, begin: float, end: float, path: Path) -> None:
    """Copy the frames and sounds between two seconds, the first of which is that of a key frame."""
    seek = max(0.0, begin + 0.25 / info.fps)  # a little behind it, so that rounding takes no other
    line = ["-y", *ffmpeg.GUARDS, "-ss", f"{seek:.6f}", "-t", f"{end - seek + 0.05:.6f}"]
    line += ["-i", ffmpeg.source(info.path), "-map", f"0:{info.video_stream}"]
    if info.audio_stream is not None:
        line += ["-map", f"0:{info.audio_stream}"]
    line += ["-c", "copy", "-map_chapters", "-1", "-avoid_negative_ts", "make_zero"]
    ffmpeg.run([*line, "-f", "matroska", ffmpeg.source(path)], timeout=60 + info.duration)
