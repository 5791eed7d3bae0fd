"""An ffmpeg that is none: what it does instead, and the exit codes that are meant."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepaudio.media import ffmpeg
from tests.robustness.forks import Forked

FAKES = {
    "fails": ("echo 'no such thing' >&2; exit 1", (4,)),
    "says much": ("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", (4,)),
    "killed": ("kill -9 $$", (4, 6)),
    "writes nothing": ("exit 0", (6,)),
    "empty file": (': > "$last"', (6,)),
    "random file": ('head -c 20000 /dev/urandom > "$last"', (6,)),
    "text file": ('echo not a video > "$last"', (6,)),
    "the bare picture": ('"$real" -v error -y -i "$clip" -an -c copy "$last"', (6,)),
    "half a file": ('"$real" "$@"; head -c 9000 "$last" > "$last.x"; mv "$last.x" "$last"', (6,)),
    "writes and fails": ('"$real" "$@"; exit 1', (4,)),
    "a folder": ('rm -f "$last"; mkdir "$last"', (3, 6)),
    "no file mode": ('"$real" "$@"; chmod 000 "$last"', (0, 3, 6)),
    "disk full": ("echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 228", (6,)),
}  # fmt: skip


def fakes(work: Any, folder: Path, count: Counter) -> Iterator[str]:
    """An ffmpeg that is missing, broken or lies."""
    real = ffmpeg.executable()
    head = f"#!/bin/sh\nreal={real}\nclip={work.inputs / 'clip.mp4'}\n"
    head += 'case "$*" in *-encoders*|*-version*) exec "$real" "$@";; esac\n'
    head += 'for last in "$@"; do :; done\nlast="${last#file:}"\n'
    programs: dict[str, tuple[Path, tuple[int, ...]]] = {"missing": (folder / "none", (4,))}
    programs["no program"] = (_program(folder / "words", "just words"), (4,))
    programs["no encoders"] = (_program(folder / "mute", "#!/bin/sh\nexit 0\n"), (4,))
    for name, (words, codes) in FAKES.items():
        programs[name] = (_program(folder / name, head + words + "\n"), codes)
    for name in work.commands():
        work.learn(name)
        if name == "tts":
            continue  # needs no ffmpeg
        for kind, (program, codes) in programs.items():
            work.older(name)

            def before(program=program) -> None:
                ffmpeg.executable.cache_clear()
                ffmpeg.encoders.cache_clear()
                os.environ["DEEPAUDIO_FFMPEG"] = str(program)

            done = Forked(work.commands()[name], before).wait()
            count["ffmpeg"] += 1
            wrong = work.faults(name, done)
            if done.code not in (codes if name != "batch" else (*codes, 7)):
                wrong.append(f"exit code {done.code}: {done.err[-300:]}")
            yield from (f"ffmpeg that {kind}, {name}: {fault}" for fault in wrong)


def _program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
