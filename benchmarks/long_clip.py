"""Peak memory and time of dubbing a long clip: the example, looped, with a line every few seconds.

    python -m benchmarks.long_clip --minutes 60 --lines 600 [--folder SCRATCH]

Prints one JSON line. The clip's picture is copied, so its size on disk is small; every frame of it is looked at.
"""

import argparse
import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from deepaudio.dubbing.dub import dub
from deepaudio.dubbing.jobs import Cast, DubJob, Extras
from deepaudio.inference.model import load
from deepaudio.media import ffmpeg

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
WORDS = (
    "We should leave before it rains.",
    "Nobody has asked where we have been.",
    "Then let us go.",
)


def stamp(seconds: float) -> str:
    """Of an SRT file."""
    minutes, rest = divmod(seconds, 60)
    text = f"{int(minutes) // 60:02d}:{int(minutes) % 60:02d}:{rest:06.3f}"
    return text.replace(".", ",")


def long_job(folder: Path, minutes: float, lines: int) -> DubJob:
    """The looped clip and its script, in a folder."""
    clip, script, seconds = folder / "long.mp4", folder / "long.srt", minutes * 60
    source = ["-stream_loop", "-1", "-i", str(EXAMPLES / "clip.mp4"), "-t", str(seconds)]
    command = [ffmpeg.executable(), "-v", "error", "-y", *source, "-c", "copy", str(clip)]
    subprocess.run(command, check=True)
    step = seconds / lines
    cues = (
        f"{i + 1}\n{stamp(i * step)} --> {stamp((i + 0.9) * step)}\n{WORDS[i % len(WORDS)]} {i}\n"
        for i in range(lines)
    )
    script.write_text("\n".join(cues))
    cast = Cast(EXAMPLES / "voice.wav")
    return DubJob(clip, script, cast=cast, output=folder / "dub.mp4", extras=Extras(cache=False))


def main() -> None:
    """Make it, dub it, say what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--lines", type=int, default=600)
    parser.add_argument("--preset", default="mini")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        job = long_job(Path(folder), asked.minutes, asked.lines)
        start, processor = time.monotonic(), time.process_time()
        done = dub(load(asked.preset), job)
        row = {"minutes": asked.minutes, "lines": len(done.facts["lines"]), "preset": asked.preset}
        row |= {"seconds": round(time.monotonic() - start, 1)}
        row |= {"processor_seconds": round(time.process_time() - processor, 1)}
        row |= {"stages": done.facts["seconds"]}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(json.dumps(row | {"peak_gb": round(peak, 2)}), flush=True)


if __name__ == "__main__":
    main()
